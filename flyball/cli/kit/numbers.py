"""Whole numbers on the command line, as strict as a model's: what is ambiguous is refused."""

import re

import typer

_WHOLE = re.compile(r"-?[0-9]{1,15}")


def whole(text: str) -> int:
    """ASCII digits and nothing else; `1_0`, `5.0`, `1e1` and `５` are mistakes. Raises BadParameter."""
    if not _WHOLE.fullmatch(text):
        raise typer.BadParameter(f"`{text[:40]}` is not a whole number")
    return int(text)
