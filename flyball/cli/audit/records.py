"""`flyball audit tail` and `show`: records as they are stored, and whether they are what was signed for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.audit.log_files import (
    LogFile,
    Number,
    Vkey,
    log_place_of,
    no_record,
    path_of,
    reading,
    refuse_lost,
    trusted_key,
)
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, error, note, say, table
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from audit.signed_for import SignedFor
    from audit.store.read import Entry, Reader

_HINT = "act on nothing that rests on it; find what was changed: flyball audit verify"


@command
def tail(
    opts: Options,
    lines: Annotated[int, typer.Option("--lines", min=1, help="How many of the last records.")] = 20,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only this kind; may be repeated.")] = None,
    run: Annotated[
        str | None, typer.Option("--run", help="Only records of this run, e.g. of `tune run`.")
    ] = None,
    log: LogFile = None,
    vkey: Vkey = None,
) -> None:
    """Show the last records, oldest first. Example: flyball audit tail --lines 50 --kind action.outcome"""
    from flyball.cli.audit.view import HEAD, entry_json, row

    _known_kinds(kind or [])
    refuse_lost(opts, log)
    if log is None and not _begun(log_place_of(opts).log):
        note("there is no log yet: whatever acts begins one")
        if opts.json:
            document({"kind": "RecordList", "items": []})
        return
    with reading(opts, log) as reader:
        found = reader.newest(lines, kinds=kind or (), run_id=run)[::-1]
        entries = [entry for _, entry in found if entry]
        signed = _signed_for(path_of(opts, log), vkey, reader) if entries else None
        unproven = _unproven(found, signed)
    if opts.json:
        document(
            {"kind": "RecordList", "items": [entry_json(entry) for entry in entries], "unproven": unproven}
        )
    else:
        for line in table(HEAD, map(row, entries)):
            say(line)
    _stop_if(unproven)


@command
def show(opts: Options, record: Number, log: LogFile = None, vkey: Vkey = None) -> None:
    """Show one record in full. Example: flyball audit show 18204"""
    from flyball.cli.audit.view import entry_json, lines

    with reading(opts, log) as reader:
        entry = reader.by_seq(record)
        if entry is None:
            raise no_record(record, reader.size())
        signed = _signed_for(path_of(opts, log), vkey, reader)
        unproven = _unproven([(record, entry)], signed)
    if opts.json:
        document({"kind": "Record", **entry_json(entry), "signed": not unproven if signed else None})
    else:
        for line in lines(entry):
            say(line)
    _stop_if(unproven)


def _begun(path: Path) -> bool:
    """Whether a file is there; one that we may not look at is, and opening it says why it cannot be read."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _signed_for(path: Path, vkey: str | None, reader: "Reader") -> "SignedFor | None":
    """What was signed for; None, and a note, where there is no key to know it by. Raises LogTampered."""
    from audit.errors import AuditError
    from audit.signed_for import SignedFor

    try:
        verifier = trusted_key(path, vkey)
    except AuditError as problem:
        note(f"not compared with what was signed ({problem.what}): give --vkey")
        return None
    return SignedFor(reader, verifier)


def _unproven(found: "list[tuple[int, Entry | None]]", signed: "SignedFor | None") -> list[int]:
    """The numbers of those that are not what was hashed, or not what was signed for."""
    return [seq for seq, entry in found if entry is None or (signed is not None and not signed.proves(entry))]


def _stop_if(unproven: list[int]) -> None:
    for record in unproven:
        error(
            f"record {record} is not proven by what was signed: it, or one beside it, was changed", "", _HINT
        )
    if unproven:
        raise Stop(Exit.TAMPERED)


def _known_kinds(kinds: list[str]) -> None:
    from typing import get_args

    from audit.record import Kind

    for kind in kinds:
        if kind not in get_args(Kind):
            raise UsageError(
                f"no such kind: {kind}", where="--kind", hint=f"one of {', '.join(get_args(Kind))}"
            )
