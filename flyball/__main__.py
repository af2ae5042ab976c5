"""`python -m flyball`, and the console script."""

import gc
import sys

_COLLECT_AFTER = 200_000
"""Objects. Python's own 700 spends a sixth of a start on looking through what imports make, all of which stays."""


def main() -> int:
    """Run the command line; returns its exit code."""
    gc.set_threshold(_COLLECT_AFTER, 10, 10)
    from flyball.cli.main import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
