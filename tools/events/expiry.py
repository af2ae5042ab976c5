"""Records that events have run out. They hold no longer at their end, whether or not that is recorded."""

from contextlib import suppress

from audit.errors import ClaimLost
from policies.claim_keys import EVENT
from policies.types import Claim
from tools.events.live import declared
from tools.events.records import ran_out
from tools.path.context import Context


async def expire(context: Context) -> int | None:
    """Record the end of every event that is over; when the next one ends (Unix ms), None where there is none."""
    now, upcoming = context.now_ms(), list[int]()
    for one in await declared(context.log, context.cluster.name):
        if now < one.until_ms:
            upcoming.append(one.until_ms)
            continue
        key = EVENT.of(one.event.target(context.cluster.name).key)
        claims = (Claim("equals", key, one.until_ms), Claim("set", key, 0))
        with suppress(ClaimLost):  # another process has recorded it, or it was ended or declared anew
            await context.log.commit((ran_out(context.log, one.entry.record),), claims)
    return min(upcoming, default=None)
