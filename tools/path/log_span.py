"""The records of a span of time, page by page: who reads weeks of a log holds one page of it."""

from collections.abc import AsyncIterator, Sequence

from audit.log import Entry, Log
from audit.record import Kind
from audit.timeline import wall_ms

PAGE = 2_000
"""Records that are read at once."""
SLACK_MS = 86_400_000
"""A clock may have been put back: so much before the span is looked at too."""


async def walked(log: Log, kinds: Sequence[Kind], since_ms: int) -> AsyncIterator[Entry]:
    """The records of these kinds from `since_ms` on (of the world where it is simulated), oldest first. Raises
    LogUnavailable."""
    seq = await _first(log, since_ms - SLACK_MS)
    while page := await log.find(kinds=kinds, since_seq=seq, limit=PAGE):
        for entry in page:
            if wall_ms(entry.record.world_ts or entry.record.ts) >= since_ms:
                yield entry
        seq = page[-1].seq + 1


async def _first(log: Log, since_ms: int) -> int:
    """Where to begin: the first record of that time or later, by bisection. A simulated world may have been begun
    again with an earlier time: its log is read from the start."""
    newest = await log.find(newest_first=True, limit=1)
    if not newest or newest[0].record.world_ts is not None:
        return 0
    low, high = 0, newest[0].seq
    while low < high:
        middle = (low + high) // 2
        if wall_ms((await log.entry(middle)).record.ts) < since_ms:
            low = middle + 1
        else:
            high = middle
    return low
