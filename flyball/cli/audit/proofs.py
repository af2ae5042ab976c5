"""`flyball audit prove`, `verify-proof` and `key`: evidence that somebody without the log can check."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.audit.log_files import (
    LogFile,
    Number,
    Vkey,
    no_record,
    parsed_key,
    path_of,
    reading,
    trusted_key,
)
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import advise, document, error, note, safe, say, tone
from flyball.exits import Exit, Stop, UsageError

if TYPE_CHECKING:
    from audit.errors import LogTampered

key = typer.Typer(help="Show the log's key. Example: flyball audit key show", no_args_is_help=True)


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

    path = path_of(opts, log)
    with reading(opts, log) as reader:
        body, head = reader.body(record), reader.newest_note()
        if body is None or head is None:
            raise no_record(record, reader.size())
        proof = make(record, body, head, trusted_key(path, vkey), reader)
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
        advise(f"  check it anywhere: flyball audit verify-proof {to}")


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

    trusted = parsed_key(vkey) if vkey else None
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
    record = f"record {proven.seq} of {proven.size}"
    if trusted is None:
        say(safe(f"unchanged since it was signed: {record}, by the key in the file itself: {proven.vkey}"))
        note("who holds that key, the file cannot say: compare it with the log owner's, or give --vkey")
    else:
        say(tone(safe(f"proven: {record}, signed by your key of {proven.origin}"), "good"))
    for line in lines_of(proven.record):
        say(f"  {line}")


@key.command("show")
@command
def key_show(opts: Options, log: LogFile = None) -> None:
    """Print the verifier key, which others need to check this log. Example: flyball audit key show"""
    path = path_of(opts, log)
    verifier = trusted_key(path, None)
    if opts.json:
        document({"kind": "VerifierKey", "origin": verifier.name, "vkey": verifier.text, "log": str(path)})
    else:
        say(verifier.text)


def _say_untrue(opts: Options, problem: "LogTampered") -> None:
    if opts.json:
        document({"kind": "Proof", "holds": False, "why": problem.what})
    error(f"the proof does not hold: {problem.what}", problem.where, "trust neither the file nor its sender")
