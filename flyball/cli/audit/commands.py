"""`flyball audit`: the group, and `verify`; records.py, proofs.py and in_doubt.py hold the rest."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.audit import in_doubt
from flyball.cli.audit.log_files import LogFile, Vkey, path_of, pinned_of, trusted_key
from flyball.cli.audit.proofs import key, prove, verify_proof
from flyball.cli.audit.records import show, tail
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, error, note, say, tone
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from audit.errors import AuditError
    from audit.note import Verifier

app = typer.Typer(help="Read, verify and prove the log. Example: flyball audit verify", no_args_is_help=True)
app.add_typer(key, name="key")
app.add_typer(in_doubt.app, name="in-doubt")


app.command()(tail)
app.command()(show)


@app.command()
@command
def verify(
    opts: Options,
    full: Annotated[
        bool, typer.Option("--full", help="Verify every signature, not only the newest.")
    ] = False,
    log: LogFile = None,
    vkey: Vkey = None,
    pinned: Annotated[
        Path | None, typer.Option("--pinned", help="The pinned checkpoint (unset: that of the settings).")
    ] = None,
) -> None:
    """Verify the whole log. Exit 0 whole, 6 tampering, 1 could not be finished. Example: flyball audit verify"""
    from audit import pinned_file
    from audit.errors import AuditError
    from audit.verify import verify as check
    from flyball.cli.audit.view import report_json, report_lines

    path, anchor = path_of(opts, log), pinned or pinned_of(opts, log)
    if anchor:
        pinned_file.refuse_lost(path, anchor)
    try:
        verifier = trusted_key(path, vkey)
        if pinned:
            _usable(pinned, verifier)
        report = check(path, verifier, pinned_path=anchor, full=full, progress=_Progress())
    except AuditError as problem:
        raise _unfinished(opts, problem) from problem
    if opts.json:
        document({"kind": "Verification", "log": str(path), **report_json(report)})
    else:
        first, *rest = report_lines(report)
        say(tone(first, "good" if report.whole else "bad"))
        for line in rest:
            say(line)
    if not report.whole:
        raise Stop(Exit.TAMPERED)


class _Progress:
    """One plain line on stderr every few seconds, for what takes longer than that."""

    def __init__(self) -> None:
        import time

        self._now = time.monotonic
        self._next = self._now() + 2

    def __call__(self, done: int, total: int) -> None:
        if self._now() >= self._next:
            self._next = self._now() + 5
            note(f"verified {done} of {total} records")


def _usable(pinned: Path, verifier: "Verifier") -> None:
    """Who names a pinned checkpoint wants it compared. Raises UsageError where there is none in the file."""
    from audit import pinned_file
    from audit.errors import AuditError

    try:
        found = pinned_file.look(pinned, verifier)
    except AuditError:  # verification says what of it contradicts
        return
    if isinstance(found, pinned_file.NoCheckpoint):
        hint = "name the file of a pinned checkpoint, or omit --pinned"
        raise UsageError(f"no pinned checkpoint is there: {found.why}", where=str(pinned), hint=hint)


def _unfinished(opts: Options, problem: "AuditError") -> Stop:
    error(problem.what, problem.where, problem.hint)
    if opts.json:
        document({"kind": "Verification", "whole": None, "error": problem.what, "where": problem.where})
    return Stop(Exit.FAILED)


app.command()(prove)
app.command("verify-proof")(verify_proof)
