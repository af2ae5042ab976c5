"""`flyball audit`: the group, and what reads and verifies the log; proofs.py and in_doubt.py hold the rest."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.audit import in_doubt
from flyball.cli.audit.log_files import (
    LogFile,
    Number,
    Vkey,
    log_place_of,
    no_record,
    path_of,
    pinned_of,
    reading,
    refuse_lost,
    trusted_key,
)
from flyball.cli.audit.proofs import key, prove, verify_proof
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, error, note, say, table, tone
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from audit.errors import AuditError
    from audit.note import Verifier

app = typer.Typer(help="Read, verify and prove the log. Example: flyball audit verify", no_args_is_help=True)
app.add_typer(key, name="key")
app.add_typer(in_doubt.app, name="in-doubt")


@app.command()
@command
def tail(
    opts: Options,
    lines: Annotated[int, typer.Option("--lines", min=1, help="How many of the last records.")] = 20,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only this kind; may be repeated.")] = None,
    run: Annotated[
        str | None, typer.Option("--run", help="Only records of this run, e.g. of `tune run`.")
    ] = None,
    log: LogFile = None,
) -> None:
    """Show the last records, oldest first. Example: flyball audit tail --lines 50 --kind action.outcome"""
    from flyball.cli.audit.view import HEAD, entry_json, row

    _known_kinds(kind or [])
    refuse_lost(opts, log)
    if log is None and not log_place_of(opts).log.exists():
        note("there is no log yet: whatever acts begins one")
        if opts.json:
            document({"kind": "RecordList", "items": []})
        return
    with reading(opts, log) as reader:
        found = reader.find(kinds=kind or (), run_id=run, newest_first=True, limit=lines)[::-1]
    if opts.json:
        document({"kind": "RecordList", "items": [entry_json(entry) for entry in found]})
        return
    for line in table(HEAD, map(row, found)):
        say(line)


@app.command()
@command
def show(opts: Options, record: Number, log: LogFile = None) -> None:
    """Show one record in full. Example: flyball audit show 18204"""
    from flyball.cli.audit.view import entry_json, lines

    with reading(opts, log) as reader:
        entry = reader.by_seq(record)
        if entry is None:
            raise no_record(record, reader.size())
    if opts.json:
        document({"kind": "Record", **entry_json(entry)})
        return
    for line in lines(entry):
        say(line)


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


def _known_kinds(kinds: list[str]) -> None:
    from typing import get_args

    from audit.record import Kind

    for kind in kinds:
        if kind not in get_args(Kind):
            raise UsageError(
                f"no such kind: {kind}", where="--kind", hint=f"one of {', '.join(get_args(Kind))}"
            )


def _unfinished(opts: Options, problem: "AuditError") -> Stop:
    error(problem.what, problem.where, problem.hint)
    if opts.json:
        document({"kind": "Verification", "whole": None, "error": problem.what, "where": problem.where})
    return Stop(Exit.FAILED)


app.command()(prove)
app.command("verify-proof")(verify_proof)
