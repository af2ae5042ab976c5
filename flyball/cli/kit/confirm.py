"""The question before a write: the diff is shown first, and no answer means no."""

import sys

from flyball.cli.kit.options import Options
from flyball.cli.kit.output import document, note, say
from flyball.exits import Exit, Stop, UsageError


def somebody(hint: str) -> None:
    """Raises UsageError where no terminal is there to answer."""
    if not sys.stdin.isatty():
        raise UsageError("confirmation needs a terminal", where="standard input is not a terminal", hint=hint)


def confirm(opts: Options, shown: str, question: str) -> None:
    """Show what would be done and ask; anything but yes ends the command with `declined`."""
    (note if opts.json else say)(shown)
    note(f"{question}[y/N] ")
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return
    note("nothing was done")
    if opts.json:
        document({"kind": "Declined", "exit_code": int(Exit.DECLINED)})
    raise Stop(Exit.DECLINED)
