"""What a person says of an event, read: a name, labels, moments, a factor."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from base.durations import DurationInvalid, seconds
from flyball.exits import UsageError

if TYPE_CHECKING:
    from tools.events.types import Event

_FACTOR = re.compile(r"(\d{1,2}(?:\.\d{1,3})?)x", re.ASCII)
_MOMENTS = "write 2026-11-27T06:00, 2026-11-27T06:00:00Z, or +2h (from now)"


def event(now_ms: int, **said: Any) -> "Event":
    """The event of these parts: `title`, `namespace`, `select`, `from_`, `to`, `at_least`, `at_most`, `source` and
    `words`. Raises UsageError for what is none."""
    from pydantic import ValidationError

    from base.errors import words_of
    from tools.events.types import Event

    try:
        return Event(
            name=handle(said["title"]),
            title=said["title"],
            namespace=said["namespace"],
            selector=_labels(said["select"]),
            from_ms=moment(said["from_"], "--from", now_ms),
            to_ms=moment(said["to"], "--to", now_ms),
            at_least_ppm=factor(said["at_least"], "--at-least"),
            at_most_ppm=factor(said["at_most"], "--at-most") if said.get("at_most") else None,
            source=said["source"],
            words=said.get("words", ""),
        )
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "event"
        raise UsageError(words_of(first), where=where, hint=_HINT) from e


_HINT = "a factor from above 1x up to 20x, at most 14 days; see flyball event add --help"


def handle(title: str) -> str:
    """`Black Friday` as the name that policy and commands know it by: `black-friday`. Raises UsageError."""
    made = re.sub(r"[^a-z0-9]+", "-", title.lower())[:63].strip("-")
    if not made:
        raise UsageError(f"`{title[:80]}` makes no name", hint="use some of the letters a to z, or digits")
    return made


def factor(text: str, where: str) -> int:
    """`3x` or `2.5x` in millionths. Raises UsageError."""
    from tools.events.types import MOST_PPM, ONE_PPM

    found = _FACTOR.fullmatch(text)
    if found is None:
        raise UsageError(f"`{text[:40]}` is not a factor", where=where, hint="write 3x or 2.5x")
    ppm = int(Decimal(found[1]) * ONE_PPM)
    if not ONE_PPM < ppm <= MOST_PPM:
        most = MOST_PPM // ONE_PPM
        raise UsageError(f"`{text}` is not above 1x and at most {most}x", where=where, hint="e.g. 3x")
    return ppm


def moment(text: str, where: str, now_ms: int) -> int:
    """Unix ms of an RFC 3339 time, of a time without offset in the local zone, or of `+2h` from now. Raises
    UsageError."""
    try:
        if text.startswith("+"):
            return now_ms + seconds(text[1:]) * 1000
        return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)
    except (
        DurationInvalid,
        ValueError,
        OverflowError,
    ) as e:  # the first and the last day overflow in some zones
        raise UsageError(f"`{text[:40]}` is not a moment", where=where, hint=_MOMENTS) from e


def _labels(text: str) -> dict[str, str]:
    from tools.events.types import labels_of

    try:
        return labels_of(text)
    except ValueError as e:
        raise UsageError(str(e), where="--select", hint="labels that all must be there: tier=frontend") from e
