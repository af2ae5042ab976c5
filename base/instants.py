"""Instants as text for arguments and objects: RFC 3339 in UTC, to the second (`2026-12-01T08:00:00Z`)."""

import re
from datetime import UTC, datetime

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class InstantInvalid(ValueError):
    """The text is not such an instant."""


def utc_text(ms: int) -> str:
    """The instant (Unix ms) as text; what is finer than a second is left away."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime(_FORMAT)


def next_second(ms: int) -> int:
    """The first whole second that is not before the instant, both in Unix ms: who is told it is never early."""
    return -(-ms // 1000) * 1000


def utc_ms(text: str) -> int:
    """What `utc_text` has written, as Unix ms. Raises InstantInvalid for anything else, other zones too."""
    try:
        if _UTC.fullmatch(text) is None:
            raise ValueError
        return int(datetime.strptime(text, _FORMAT).replace(tzinfo=UTC).timestamp()) * 1000
    except ValueError:
        raise InstantInvalid(
            f"`{text[:64]}` is not an instant in UTC; write e.g. 2026-12-01T08:00:00Z"
        ) from None
