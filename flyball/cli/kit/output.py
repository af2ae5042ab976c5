"""What a person sees: data on stdout, the rest on stderr; colour never carries a meaning alone."""

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TextIO

from flyball.cli.kit.suggest import placed

Tone = Literal["bad", "wait", "good", "dim", "plain"]
_ANSI = {"bad": "31", "wait": "33", "good": "32", "dim": "2"}


def coloured(stream: TextIO) -> bool:
    """Colour only on a terminal that wants it (https://no-color.org)."""
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def tone(text: str, how: Tone, stream: TextIO | None = None) -> str:
    """`text` in the colour of `how` where the stream shows colour."""
    if how == "plain" or not coloured(stream or sys.stdout):
        return text
    return f"\x1b[{_ANSI[how]}m{text}\x1b[0m"


def safe(text: str) -> str:
    """Control, bidi and other invisible characters escaped, so that a record cannot paint on a terminal."""
    return "".join(
        c if c.isprintable() and unicodedata.category(c) != "Cf" else c.encode("unicode_escape").decode()
        for c in text
    )


def say(text: str) -> None:
    """One line of data on stdout."""
    print(text)  # noqa: T201


def piece(text: str) -> None:
    """Part of a line on stdout, at once."""
    print(text, end="", flush=True)  # noqa: T201


def note(text: str) -> None:
    """One line beside the data, on stderr: behind what was printed before, also where both go to one place."""
    sys.stdout.flush()
    print(text, file=sys.stderr)  # noqa: T201


def advise(text: str) -> None:
    """One line on stdout that holds a suggested command of ours."""
    say(placed(text))


def guide(text: str) -> None:
    """One line on stderr that holds a suggested command of ours: what others wrote is told as it is, by `note`."""
    note(placed(text))


def transient(text: str) -> bool:
    """One line on stderr that the next one writes over; False, and nothing said, where that cannot be done."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return False
    room = shutil.get_terminal_size().columns - 1
    sys.stderr.write(f"\r\x1b[K{text[:room]}")
    sys.stderr.flush()
    return True


def document(value: Any) -> None:
    """The one JSON document of a command, on stdout (`apiVersion` is in each: a documented, versioned shape).

    ASCII: what is outside of it is escaped as JSON does, so that no record can paint on a terminal.
    """
    say(json.dumps({"apiVersion": "flyball/v1", **value}, indent=2))


def yaml_document(value: Any) -> None:
    """The same document as YAML, as ASCII."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.allow_unicode, yaml.width = False, False, 4096
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump({"apiVersion": "flyball/v1", **value}, sys.stdout)


def width() -> int | None:
    """Columns of the terminal that stdout is; None where it is none, and nothing need be left out."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def fitted(head: Sequence[str], rows: Sequence[Sequence[object]], less: Sequence[str] = ()) -> list[str]:
    """A table that fits the terminal: columns of `less` are left out one by one, and it is said."""
    room, kept, gone = width(), list(range(len(head))), list[str]()
    lines = table(head, rows)
    for title in less:
        if room is None or max(map(len, lines)) <= room:
            break
        kept.remove(head.index(title))
        gone.append(title)
        lines = table([head[i] for i in kept], [[row[i] for i in kept] for row in rows])
    if gone:
        note(f"left out for lack of room: {', '.join(gone)}")
    return lines


_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_YEAR = 365 * _DAY
_UNITS = {1: "s", _MINUTE: "m", _HOUR: "h", _DAY: "d", _YEAR: "y"}
_AGES: tuple[tuple[int, int, tuple[int, str] | None], ...] = (
    (2 * _MINUTE, 1, None),
    (10 * _MINUTE, _MINUTE, (1, "s")),
    (3 * _HOUR, _MINUTE, None),
    (8 * _HOUR, _HOUR, (_MINUTE, "m")),
    (2 * _DAY, _HOUR, None),
    (8 * _DAY, _DAY, (_HOUR, "h")),
    (2 * _YEAR, _DAY, None),
    (8 * _YEAR, _YEAR, (_DAY, "d")),
)
"""Below how many seconds an age is written in which unit, with which finer one behind it."""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a table as kubectl prints one: upper-case titles, three spaces between, no borders."""
    cells = [list(head), *([safe(str(c)) if c not in (None, "") else "-" for c in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return ["   ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]


def abbreviated(name: str) -> str:
    """`KIND/NAME` as kubectl abbreviates the longest of kinds."""
    return name.replace("horizontalpodautoscaler/", "hpa/", 1)


def error(what: str, where: str = "", hint: str = "") -> None:
    """An error in three parts on stderr: what, where, a hint."""
    place = f"{safe(where)}: " if where else ""
    note(f"{tone('error:', 'bad', sys.stderr)} {place}{safe(what)}")
    for line in hint.splitlines():
        guide(f"  {safe(line)}")


def age(seconds: float) -> str:
    """An age exactly as kubectl writes it, the finer the younger: `90s`, `5m30s`, `45m`, `3h20m`, `12h`, `2d5h`,
    `30d`, `2y40d` (apimachinery, util/duration, HumanDuration)."""
    whole = int(max(seconds, 0))
    for below, large, small in _AGES:
        if whole < below:
            number, left = divmod(whole, large)
            rest = left // small[0] if small else 0
            return f"{number}{_UNITS[large]}" + (f"{rest}{small[1]}" if small and rest else "")
    return f"{whole // _YEAR}y"


def span(seconds: float) -> str:
    """How long something lasts, in its largest unit: `45s`, `5m`, `3h`, `2d`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size * (2 if unit != "m" else 1):
            return f"{int(seconds // size)}{unit}"
    return f"{int(max(seconds, 0))}s"
