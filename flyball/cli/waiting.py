"""Spans as people write them, and waiting for a decision with a line now and then."""

import re
from typing import Any

from flyball.cli.exits import UsageError
from flyball.cli.output import note

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
POLL_S = 0.5


def span(text: str) -> int:
    """`90s`, `10m`, `2h`, `1d` in seconds. Raises UsageError."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None:
        raise UsageError(f"`{text}` is no span of time", mend="write 90s, 10m, 2h or 1d")
    return int(match[1]) * _UNITS[match[2]]


async def until_decided(app: Any, result: Any, patience: int) -> Any:
    """While the request waits for an approval, look again until it is decided or patience ends."""
    from tools.journal import Final
    from tools.outcome import Pending

    deadline = app.context.clock.mono_us() + patience * 1_000_000
    if isinstance(result, Pending):
        request, handle = result.request, result.handle
        place = f"{request.target.cluster}/{request.target.namespace}"
        asked = f"{request.action} {request.target} {result.diff}"
        note(f"{place}  waiting for an approval of {handle}: {asked}")
        note(f"  in another terminal: flyball approve {handle}")
    while isinstance(result, Pending) and app.context.clock.mono_us() < deadline:
        await app.context.clock.sleep(POLL_S)
        state = await app.context.journal.state_of(result.request)
        votes = await app.context.journal.approvals_of(result.request)
        if isinstance(state, Final) or votes:
            result = await app.executor.execute(result.request)
    return result
