"""Times and numbers as recorded series hold them; text in, numbers out. What is ambiguous is refused."""

import math
import re
from datetime import UTC, datetime

from forecasting.errors import BadTrace

_MISSING = frozenset({"", "nan", "null", "none", "na"})
_MOST_S = 1e11
"""The year 5138. Today in milliseconds is more."""
_FINER = (
    (1e14, "milliseconds", "1000"),
    (1e17, "microseconds", "1000000"),
    (1e20, "nanoseconds", "1000000000"),
)
"""Below so much, a Unix time of these centuries is in that unit."""
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_HINT = "give Unix seconds, seconds from the start, or RFC 3339 such as 2026-03-02T14:00:00Z"


def is_missing(text: str) -> bool:
    """Whether a cell says that nothing was measured: empty, or a word for it."""
    return text.lower() in _MISSING


def number(text: str) -> float | None:
    """A decimal number in ASCII, `inf` and `nan` too; None for anything else, such as `1_0`, `１` and `1,5`."""
    if "_" in text or not text.isascii():
        return None
    try:
        return float(text)
    except ValueError:
        return None


def instant(text: str, where: str) -> tuple[float, bool]:
    """Unix seconds or seconds from the start, and whether it is a time of day without an offset (read as UTC).

    Raises BadTrace: no time, before the start, or in a finer unit.
    """
    at, bare = number(text), False
    if at is None:
        at, bare = _moment(text, where)
    if not math.isfinite(at) or at < 0:
        raise BadTrace(f"`{text[:40]}` is not a time", where, _HINT)
    if at > _MOST_S:
        raise BadTrace(f"`{text[:40]}` is not a time in seconds", where, _finer(at))
    return at, bare


def _finer(at: float) -> str:
    """In which unit today's Unix time is such a number."""
    unit, by = next((u for most, *u in _FINER if at < most), _FINER[-1][1:])
    return f"these look like {unit}: divide them by {by}"


def _moment(text: str, where: str) -> tuple[float, bool]:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise BadTrace(f"`{text[:40]}` is not a time", where, _HINT)
    day, clock, offset = found.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{clock}{(offset or '').upper()}")
    except ValueError as e:
        raise BadTrace(f"`{text[:40]}` is not a time: {e}", where, _HINT) from e
    return (at if offset else at.replace(tzinfo=UTC)).timestamp(), not offset
