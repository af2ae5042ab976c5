"""Which log a command of `flyball audit` is about, and which key it trusts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.kit.options import Options
from flyball.exits import UsageError

if TYPE_CHECKING:
    from audit.note import Verifier
    from audit.store.read import Reader
    from flyball.place import Place

LogFile = Annotated[Path | None, typer.Option("--log", help="The log file (unset: the context's).")]
Vkey = Annotated[
    str | None,
    typer.Option("--vkey", help="The verifier key to trust (unset: the one beside the log)."),
]
Number = Annotated[int, typer.Argument(metavar="RECORD", min=0, help="The record's number in the log.")]


def log_place_of(opts: Options) -> "Place":
    """Where the context keeps its log; the cluster is not asked."""
    from flyball.place import log_place

    return log_place(opts.settings)


def path_of(opts: Options, log: Path | None) -> Path:
    """The log file that was named, else the context's."""
    return log or log_place_of(opts).log


def pinned_of(opts: Options, log: Path | None) -> Path | None:
    """Where the checkpoint of the context's log is pinned; None for a log that was named."""
    from flyball.place import pinned_path

    return None if log else pinned_path(opts.settings, log_place_of(opts))


def reading(opts: Options, log: Path | None) -> "Reader":
    """The log, to be closed by the caller. Raises LogUnavailable, LogTampered where its checkpoint outlived it."""
    from audit.store.read import Reader

    refuse_lost(opts, log)
    return Reader(path_of(opts, log))


def refuse_lost(opts: Options, log: Path | None) -> None:
    """Raises LogTampered where the context's log is gone and its pinned checkpoint has records."""
    from audit import pinned_file

    if (pinned := pinned_of(opts, log)) is not None:
        pinned_file.refuse_lost(path_of(opts, log), pinned)


def trusted_key(path: Path, vkey: str | None) -> "Verifier":
    """The key given, else the public half of the key beside the log. Raises KeyInvalid, LogUnavailable."""
    from audit.keys import from_file

    return parsed_key(vkey) if vkey else from_file(path.with_suffix(".key")).verifier


def parsed_key(vkey: str) -> "Verifier":
    """A verifier key as it was typed. Raises UsageError."""
    from audit.note import Verifier

    try:
        return Verifier.parse(vkey)
    except ValueError as problem:
        raise UsageError(str(problem), where="--vkey", hint="print it: flyball audit key show") from problem


def no_record(record: int, size: int) -> UsageError:
    return UsageError(f"no record {record}: the log ends at {size - 1}", hint="flyball audit tail")
