"""A span of time as a tool's argument: `30m`, `1h30m`, `7d`, and nothing ambiguous."""

from base.durations import DurationInvalid
from base.durations import seconds as parsed
from tools.errors import ArgumentsInvalid

MOST_S = 31 * 86_400


def seconds(text: str, where: str, least_s: int) -> int:
    """The span in seconds, from `least_s` to 31 days. Raises ArgumentsInvalid."""
    hint = f"{least_s // 60}m to 31d, e.g. 30m, 1h30m, 7d"
    try:
        found = parsed(text)
    except DurationInvalid as e:
        raise ArgumentsInvalid(str(e).partition("; ")[0], where=where, hint=hint) from e
    if not least_s <= found <= MOST_S:
        raise ArgumentsInvalid(f"`{text}` is out of range", where=where, hint=hint)
    return found
