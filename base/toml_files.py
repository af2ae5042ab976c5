"""Small TOML files that people write, read without trust: whatever is wrong with one is a TomlInvalid.

The parser of the standard library raises more than its own error: RecursionError for nesting, ValueError for a number
of thousands of digits. Opening a pipe that nobody writes to would wait for ever.
"""

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

_LONGEST_NUMBER = 10**18
"""No setting is a greater number: those of thousands of digits cannot even be printed."""


class TomlInvalid(ValueError):
    """The file or its text is not what can be read; the message says why."""


def load(path: Path, most: int) -> dict[str, Any]:
    """The table of a plain file of at most `most` bytes. Raises TomlInvalid."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise TomlInvalid("it is no plain file")
            raw = file.read(most + 1)
    except OSError as e:
        raise TomlInvalid(f"it cannot be read: {e.strerror or e}") from e
    if len(raw) > most:
        raise TomlInvalid(f"it is larger than {most // 1024} KiB")
    return parse(raw)


def parse(raw: bytes) -> dict[str, Any]:
    """The table of such a text. Raises TomlInvalid."""
    try:
        table = tomllib.loads(raw.decode("utf-8"))
        _look(table)
    except RecursionError as e:
        raise TomlInvalid("it is nested too deeply") from e
    except ValueError as e:  # TOMLDecodeError and UnicodeDecodeError are such
        raise TomlInvalid(str(e)) from e
    return table


def _look(value: object) -> None:
    """Neither numbers beyond reason nor NUL, which no name of a file may hold."""
    if isinstance(value, dict):
        for key, one in value.items():
            _look(key)
            _look(one)
    elif isinstance(value, list):
        for one in value:
            _look(one)
    elif isinstance(value, int) and abs(value) > _LONGEST_NUMBER:
        raise TomlInvalid("it holds a number of more than 18 digits")
    elif isinstance(value, str) and "\0" in value:
        raise TomlInvalid("it holds a text with a NUL character")
