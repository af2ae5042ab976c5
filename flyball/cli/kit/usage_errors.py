"""A mistake on the command line in three parts: what is wrong, at which command or option, what to type instead.

The library's exceptions are classified here and nowhere else; its own wording never reaches a person.
"""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from typer import BadParameter
from typer._click import exceptions as library

from flyball.exits import UsageError

_MOST = 80
"""Characters of a word that are repeated in the message."""


def like(word: str, known: Iterable[str]) -> str:
    """The known word that was most likely meant; empty where none is near."""
    near = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return near[0] if near else ""


def quoted(word: str) -> str:
    """A word as it is repeated: `word`, at most 80 characters of it."""
    return f"`{word if len(word) <= _MOST else word[: _MOST - 1] + '…'}`"


def told(e: Exception) -> UsageError | None:
    """The mistake behind an exception of the library; None where it is none of the library's."""
    match e:
        case library.NoSuchOption():
            return _no_such_option(e)
        case library.MissingParameter():
            return _missing(e)
        case BadParameter():
            return UsageError(_bad(e), where=_named(e.param), hint=_hint(e.ctx))
        case library.BadOptionUsage():
            wants = _takes_value(e)
            what = "a value is missing" if wants else "it takes no value"
            return UsageError(what, where=e.option_name, hint=_hint(e.ctx, example=wants))
        case library.UsageError():
            return UsageError(_plain(e.message), where=_path(e.ctx), hint=_hint(e.ctx))
        case library.ClickException():
            return UsageError(_plain(e.format_message()), hint="flyball --help")
    return None


def no_such_command(ctx: Any, word: str, siblings: Sequence[str]) -> UsageError:
    """There is no such subcommand: the sibling that was meant, else all of them."""
    near = like(word, siblings)
    first = f"did you mean {near}?" if near else f"one of: {', '.join(siblings)}"
    where = "" if ctx.parent is None else _path(ctx)
    return UsageError(f"{quoted(word)} is not a command", where=where, hint=f"{first}\n{help_of(ctx)}")


def left_over(ctx: Any, rest: Sequence[str]) -> UsageError:
    """The command takes no further word."""
    what = f"{' '.join(map(quoted, rest[:3]))}{' …' if len(rest) > 3 else ''}"
    return UsageError(f"{what} is more than it takes", where=_path(ctx), hint=_hint(ctx, example=True))


def help_of(ctx: Any) -> str:
    """The command that prints this command's help."""
    return f"{_path(ctx)} --help"


def _no_such_option(e: Any) -> UsageError:
    """A common option between a group and its subcommand stands in the wrong place only."""
    subcommands = e.ctx.command.list_commands(e.ctx) if hasattr(e.ctx.command, "list_commands") else []
    known = [name for p in e.ctx.command.params for name in p.opts if name.startswith("--")]
    near = like(e.option_name, known)
    if e.option_name == "--yes":  # most commands that write have it: who scripts gives it to all
        hint = f"leave it out: this command asks no question that a flag may answer\n{help_of(e.ctx)}"
    elif near:
        hint = f"did you mean {near}?\n{help_of(e.ctx)}"
    elif subcommands and e.ctx.parent is not None:
        hint = f"options go behind the subcommand, one of: {', '.join(subcommands)}\n{help_of(e.ctx)}"
    else:
        hint = help_of(e.ctx)
    return UsageError(f"{quoted(e.option_name)} is not an option", where=_path(e.ctx), hint=hint)


def _missing(e: Any) -> UsageError:
    return UsageError(f"{_named(e.param)} is missing", where=_path(e.ctx), hint=_hint(e.ctx, example=True))


def _bad(e: BadParameter) -> str:
    """What is wrong with a value; the library's validation errors are classified by their documented types."""
    from pydantic import ValidationError

    choices = getattr(getattr(e.param, "type_descriptor", None), "choices", None)
    cause = e.__cause__
    found = cause.errors()[0] if isinstance(cause, ValidationError) else None
    if found is None:
        return _plain(e.message)
    given = quoted(str(found["input"]))
    if choices:
        return f"{given} is none of: {', '.join(str(getattr(c, 'value', c)) for c in choices)}"
    bounds = found.get("ctx", {})
    match found["type"]:
        case "int_parsing" | "int_from_float":
            return f"{given} is not a whole number"
        case "float_parsing":
            return f"{given} is not a number"
        case "greater_than_equal":
            return f"{given} is less than {bounds['ge']}"
        case "less_than_equal":
            return f"{given} is more than {bounds['le']}"
    return f"{given}: {_plain(e.message)}"


def _plain(message: str) -> str:
    """One sentence of the library as ours: quoted words in backticks, no capital, no full stop, one line."""
    text = " ".join(re.sub(r"(?<!\w)'([^']*)'(?!\w)", r"`\1`", message).split()).rstrip(".")
    return text[:1].lower() + text[1:]


def _takes_value(e: Any) -> bool:
    options = e.ctx.command.params if e.ctx else ()
    return any(e.option_name in p.opts and not p.is_flag for p in options)


def _named(param: Any) -> str:
    """A parameter as it is typed: `--replicas`, or KIND/NAME."""
    if param is None:
        return ""
    if param.param_type_name == "option":
        return str(max(param.opts, key=len))
    return str(param.metavar or param.name.upper()).strip("[].")


def _path(ctx: Any) -> str:
    """The words that lead to the command, without its arguments: `flyball act scale`."""
    words = []
    while ctx is not None:
        words.append(ctx.info_name or "")
        ctx = ctx.parent
    return " ".join(reversed(words))


def _hint(ctx: Any, *, example: bool = False) -> str:
    """The command's own example, where that shows what is missing, and its own help."""
    if ctx is None:
        return "flyball --help"
    found = re.search(r"Example: (flyball .*)", ctx.command.help or "") if example else None
    return (f"example: {found[1].strip()}\n" if found else "") + help_of(ctx)
