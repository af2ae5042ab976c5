"""Instants (Unix ms) as people and as machines read them."""

from datetime import UTC, datetime

from base.instants import utc_text


def local(ms: int) -> str:
    """An instant in the local zone, with the zone: `03:14:02 CEST`."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone().strftime("%H:%M:%S %Z")


def instant(ms: int) -> str:
    """An instant for machines: RFC 3339, UTC."""
    return utc_text(ms)
