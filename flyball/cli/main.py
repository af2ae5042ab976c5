"""The process's entry: run the command line, print our own errors in three parts, and end with an exit code."""

import contextlib
import io
import itertools
import logging
import os
import sys
from collections.abc import Sequence

from base.errors import FlyballError
from flyball.cli.kit.argv import COMPLETE
from flyball.exits import EXIT_OF, Exit, Stop


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Tracebacks only with --debug."""
    if COMPLETE in os.environ:
        return _complete()
    words = list(sys.argv[1:] if argv is None else argv)
    _warn_on_stderr()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 must not lose the answer
    try:
        code = edge(words)
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - so that the interpreter's own flush stays quiet
        return int(Exit.DONE)
    return code


def _complete() -> int:
    """Answer a shell's question on stdout, without a word on any error; the exit code is the protocol's own (fish
    asks by it)."""
    import typer

    from flyball.cli.app import app

    with open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing):
        try:
            typer.main.get_command(app).main(args=[], prog_name="flyball", standalone_mode=False)
        except SystemExit as e:
            return e.code if isinstance(e.code, int) else int(Exit.FAILED)
        except Exception:  # noqa: BLE001 - the process's edge: a prompt shows no error
            return int(Exit.FAILED)
    return int(Exit.DONE)


def _warn_on_stderr() -> None:
    """Our own warnings as plain lines beside the data, on whatever stderr is now."""
    handler = logging.StreamHandler(sys.stderr)
    log = logging.getLogger("flyball")
    log.handlers, log.propagate = [handler], False


def edge(words: list[str]) -> int:
    """Run one command; every way in which it ends, as its exit code."""
    from flyball.cli.kit.suggest import remember

    remember({})
    try:
        return int(_run(words))
    except Stop as e:
        return int(e.code)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt as e:
        return _interrupted(words, str(e) or "nothing is in flight")
    except Exception as e:  # noqa: BLE001 - the process's edge
        return _explain(words, e)


def _run(argv: list[str]) -> int:
    import typer

    from flyball import packages
    from flyball.cli.app import app
    from flyball.cli.kit.argv import normalize_argv
    from flyball.cli.kit.usage_errors import told

    packages.verify()
    command = typer.main.get_command(app)
    try:
        code = command.main(args=normalize_argv(argv), prog_name="flyball", standalone_mode=False)
    except typer.Exit as e:
        return e.exit_code
    except typer.Abort as e:
        raise KeyboardInterrupt from e
    except SystemExit as e:  # typer's own answer to a closed pipe
        raise BrokenPipeError from e
    except Exception as e:
        if type(e).__name__ == "NoArgsIsHelpError":
            sys.stderr.write(f"{e}\n")
            return Exit.USAGE
        if (mistake := told(e)) is None:
            raise
        raise mistake from e
    if code == Exit.INTERRUPTED:  # what the library makes of Ctrl-C
        raise KeyboardInterrupt
    return code if isinstance(code, int) else Exit.DONE


def _explain(words: list[str], e: Exception) -> int:
    if os.environ.get("FLYBALL_DEBUG"):
        raise e
    if not isinstance(e, FlyballError):
        from flyball.cli.kit.crash import parts

        return _tell(words, Exit.FAILED, [parts(e)])
    return _tell(words, EXIT_OF[e.effect], [(p.what, p.where, p.hint) for p in e.problems])


def _interrupted(words: list[str], left: str) -> int:
    """One quiet line: who presses Ctrl-C knows it. `left`: what that has left behind."""
    from flyball.cli.kit.output import note

    note(f"interrupted: {left}")
    if _wants_json(words):
        _document(Exit.INTERRUPTED, [("interrupted", left, "")])
    return int(Exit.INTERRUPTED)


def _tell(words: list[str], code: Exit, problems: Sequence[Sequence[str]]) -> int:
    """Each problem in three parts on stderr; under `-o json` also the command's one document on stdout."""
    from flyball.cli.kit.output import error

    for problem in problems:
        error(*problem)
    if _wants_json(words):
        _document(code, problems)
    return int(code)


def _document(code: Exit, problems: Sequence[Sequence[str]]) -> None:
    from flyball.cli.kit.output import document
    from flyball.cli.kit.suggest import placed

    items = [{"what": what, "where": where, "hint": placed(hint)} for what, where, hint in problems]
    document({"kind": "Error", "exit_code": int(code), "problems": items})


def _wants_json(words: list[str]) -> bool:
    """Whether the words ask for JSON, also where they are too wrong to be parsed."""
    before = words[: words.index("--")] if "--" in words else words
    pairs = itertools.pairwise(before)
    return any(word in ("-ojson", "-o=json", "--output=json") for word in before) or any(
        flag in ("-o", "--output") and value == "json" for flag, value in pairs
    )
