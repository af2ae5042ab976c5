"""`python -m flyball`, and the console script.

A command is short: most of what it does is to start and to end. Python's collector takes a third of that with
looking through objects that all stay to the end, so it looks rarely here, and not again on the way out.
"""

import gc
import os
import sys

_COLLECT_AFTER = 200_000
"""New objects between two looks of the collector (Python's own: 700). A command that lives long is still cleaned."""


def main() -> int:
    """Run the command line; returns its exit code."""
    gc.set_threshold(_COLLECT_AFTER, 10, 10)
    # What is parsed is parsed by our models alone: no plugin of another package may stand between, nor be looked for.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    from flyball.cli.main import main as command_line

    try:
        return command_line()
    finally:
        gc.freeze()  # exit handlers run as ever; the memory goes back with the process


if __name__ == "__main__":
    sys.exit(main())
