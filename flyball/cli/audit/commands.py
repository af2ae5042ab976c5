"""`flyball audit`: read the log, verify it, prove one record of it, check a proof."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.audit import in_doubt
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, error, note, say, table, tone
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from audit.note import Verifier
    from audit.store.read import Reader
    from flyball.place import Place

app = typer.Typer(help="Read, verify and prove the log. Example: flyball audit verify", no_args_is_help=True)
key = typer.Typer(help="Show the log's key. Example: flyball audit key show", no_args_is_help=True)
app.add_typer(key, name="key")
app.add_typer(in_doubt.app, name="in-doubt")

LogFile = Annotated[Path | None, typer.Option("--log", help="The log file (unset: the context's).")]
Vkey = Annotated[
    str | None,
    typer.Option("--vkey", help="The verifier key to trust (unset: the one beside the log)."),
]
Number = Annotated[int, typer.Argument(metavar="RECORD", min=0, help="The record's number in the log.")]


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
    if log is None and not _place(opts).log.exists():
        note("there is no log yet: whatever acts begins one")
        if opts.json:
            document({"kind": "RecordList", "items": []})
        return
    with _reading(opts, log) as reader:
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

    with _reading(opts, log) as reader:
        entry = reader.by_seq(record)
        if entry is None:
            raise _no_record(record, reader.size())
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
    from audit.errors import AuditError
    from audit.verify import verify as check
    from flyball.cli.audit.view import report_json, report_lines

    path = _path(opts, log)
    if pinned and not pinned.exists():
        raise UsageError(
            "no pinned checkpoint is there", where=str(pinned), hint="name the file, or omit --pinned"
        )
    anchor = pinned or (None if log else _pinned(opts))
    try:
        report = check(path, _trusted(path, vkey), pinned_path=anchor, full=full, progress=_Progress())
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


@app.command()
@command
def prove(
    opts: Options,
    record: Number,
    to: Annotated[Path | None, typer.Option("--to", help="The file to write (unset: stdout).")] = None,
    log: LogFile = None,
    vkey: Vkey = None,
) -> None:
    """Write a proof of one record that needs no log to check. Example: flyball audit prove 18204 --to p.json"""
    from audit.proof_file import prove as make

    path = _path(opts, log)
    with _reading(opts, log) as reader:
        body, head = reader.body(record), reader.newest_note()
        if body is None or head is None:
            raise _no_record(record, reader.size())
        proof = make(record, body, head, _trusted(path, vkey), reader)
    if to is None:
        say(proof.decode().rstrip("\n"))
        return
    try:
        to.write_bytes(proof)
    except OSError as problem:
        raise UsageError(
            str(problem.strerror), where=str(to), hint="name a file that can be written"
        ) from problem
    if opts.json:
        document({"kind": "ProofWritten", "seq": record, "file": str(to)})
    else:
        say(f"record {record} proven in {to}")
        say(f"  check it anywhere: flyball audit verify-proof {to}")


@app.command("verify-proof")
@command
def verify_proof(
    opts: Options,
    file: Annotated[Path, typer.Argument(help="The proof, as `audit prove` wrote it.")],
    vkey: Annotated[str | None, typer.Option("--vkey", help="The verifier key to trust.")] = None,
) -> None:
    """Check a proof, offline and without a log. Example: flyball audit verify-proof p.json --vkey KEY"""
    from audit.errors import LogTampered
    from audit.proof_file import verify_proof as check
    from flyball.cli.audit.view import lines_of, proven_json

    trusted = _parsed(vkey) if vkey else None
    try:
        proven = check(file.read_bytes(), trusted)
    except (OSError, ValueError) as problem:
        raise UsageError(
            str(problem), where=str(file), hint="make one: flyball audit prove RECORD"
        ) from problem
    except LogTampered as problem:
        _say_untrue(opts, problem)
        raise Stop(Exit.TAMPERED) from problem
    if opts.json:
        document({"kind": "Proof", "key_trusted": trusted is not None, **proven_json(proven)})
        return
    say(tone(f"proven: record {proven.seq} of {proven.size}, log {proven.origin}", "good"))
    if trusted is None:
        note("the key is the file's own: compare it with the log's, or give --vkey")
    for line in lines_of(proven.record):
        say(f"  {line}")


@key.command("show")
@command
def key_show(opts: Options, log: LogFile = None) -> None:
    """Print the verifier key, which others need to check this log. Example: flyball audit key show"""
    path = _path(opts, log)
    verifier = _trusted(path, None)
    if opts.json:
        document({"kind": "VerifierKey", "origin": verifier.name, "vkey": verifier.text, "log": str(path)})
    else:
        say(verifier.text)


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


def _pinned(opts: Options) -> Path:
    from flyball.place import pinned_path

    return pinned_path(opts.settings, _place(opts))


def _place(opts: Options) -> "Place":
    from flyball.place import log_place

    return log_place(opts.settings)


def _path(opts: Options, log: Path | None) -> Path:
    return log or _place(opts).log


def _reading(opts: Options, log: Path | None) -> "Reader":
    from audit.store.read import Reader

    return Reader(_path(opts, log))


def _trusted(path: Path, vkey: str | None) -> "Verifier":
    """The key given, else the public half of the key beside the log. Raises KeyInvalid, LogUnavailable."""
    from audit.keys import from_file

    return _parsed(vkey) if vkey else from_file(path.with_suffix(".key")).verifier


def _parsed(vkey: str) -> "Verifier":
    from audit.note import Verifier

    try:
        return Verifier.parse(vkey)
    except ValueError as problem:
        raise UsageError(str(problem), where="--vkey", hint="print it: flyball audit key show") from problem


def _known_kinds(kinds: list[str]) -> None:
    from typing import get_args

    from audit.record import Kind

    for kind in kinds:
        if kind not in get_args(Kind):
            raise UsageError(
                f"no such kind: {kind}", where="--kind", hint=f"one of {', '.join(get_args(Kind))}"
            )


def _no_record(record: int, size: int) -> UsageError:
    return UsageError(f"no record {record}: the log ends at {size - 1}", hint="flyball audit tail")


def _unfinished(opts: Options, problem: Any) -> Stop:
    error(problem.what, problem.where, problem.hint)
    if opts.json:
        document({"kind": "Verification", "whole": None, "error": problem.what, "where": problem.where})
    return Stop(Exit.FAILED)


def _say_untrue(opts: Options, problem: Any) -> None:
    if opts.json:
        document({"kind": "Proof", "holds": False, "why": problem.what})
    error(f"the proof does not hold: {problem.what}", problem.where, "trust neither the file nor its sender")
