"""A span of time as a tool's argument: `30m`, `3h`, `7d`, and nothing that has a second reading."""

import re

from tools.errors import ArgumentsInvalid

MOST_S = 31 * 86_400
_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}


def seconds(text: str, where: str, least_s: int) -> int:
    """The span in seconds, from `least_s` to 31 days. Raises ArgumentsInvalid."""
    matched = _SPAN.fullmatch(text)
    found = int(matched[1]) * _SECONDS[matched[2]] if matched else 0
    if not least_s <= found <= MOST_S:
        mend = f"{least_s // 60}m to 31d, e.g. 30m, 3h, 7d"
        raise ArgumentsInvalid(f"`{text}` is no span", where=where, mend=mend)
    return found
