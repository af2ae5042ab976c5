"""RolloutWatcher: waits until the cluster has carried out an accepted change, and records the end once.

It only reads: an interrupt leaves nothing half done, and to wait again goes on where the cluster is by then. A
time that was over (`timeout`, `deferred`) is recorded each time, and is no end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from audit.errors import ClaimLost
from audit.log import Entry
from audit.record import Record
from base.text import harmless
from policies.claim_keys import SETTLED
from policies.types import Claim
from tools.cluster.rollout import RolloutProgress, SettledState
from tools.errors import ArgumentsInvalid
from tools.path.change_look import ChangeLook
from tools.path.context import Context
from tools.path.rollback import applied_end

TIMEOUT_S = 300
"""How long is waited by default; kubectl's own progress deadline of a Deployment is 600."""
FIRST_S, LONGEST_S = 1.0, 10.0
"""The first pause, and the longest; each is half as long again as the one before."""
_PROVISIONAL: tuple[SettledState | None, ...] = (None, "deferred")
"""`deferred` may still come true: it is the outcome only when the time is over."""
_OPEN = frozenset({"timeout", "deferred"})
"""What is recorded when the time is over, without the claim of an end: the next one who waits looks again."""
_DETAIL = 1024

Progress = Callable[[RolloutProgress], None]


@dataclass(frozen=True, slots=True)
class Settled:
    """How a change ended in the cluster. `record` is its number in the log; `waited_ms` the time since it was
    asked for, `replayed` that it was recorded before."""

    state: SettledState
    done: int
    total: int
    detail: str
    waited_ms: int
    record: int
    replayed: bool = False


class RolloutWatcher:
    """Follows applied changes of one installation."""

    def __init__(self, context: Context) -> None:
        self._c = context

    async def wait(
        self, intent: str, *, timeout_s: int = TIMEOUT_S, progress: Progress = lambda _: None
    ) -> Settled:
        """Wait for the change of this intent (`Applied.intent`), for at most `timeout_s` seconds. `progress` is
        called with each look that tells something new.

        Raises ArgumentsInvalid where the intent is none that was applied, NeverHappened where the cluster
        refuses to be read, LogUnavailable. A cluster that is away is asked again until the time is over.
        """
        entry = await self._c.log.by_id(intent)
        end = await applied_end(self._c.journal, entry)
        if entry is None or end is None:
            raise ArgumentsInvalid("no change was applied under it", where=intent, hint="flyball audit tail")
        if (known := await self._known(entry)) is not None:
            return known
        begun = self._c.clock.mono_us()
        watch = ChangeLook(self._c, entry.record, end.after or {})
        found = await self._watched(watch, begun + timeout_s * 1_000_000, progress)
        return await self._recorded(entry, found, (self._c.clock.mono_us() - begun) // 1000)

    async def _watched(self, watch: ChangeLook, until_us: int, progress: Progress) -> RolloutProgress:
        pause, told = FIRST_S, None
        while True:
            found = await watch.look()
            if found != told:
                progress(found)
                told = found
            left_us = until_us - self._c.clock.mono_us()
            if found.state not in _PROVISIONAL:
                return found
            if left_us <= 0:
                return replace(found, state=found.state or "timeout")
            await self._c.clock.sleep(min(pause, left_us / 1_000_000))
            pause = min(pause * 1.5, LONGEST_S)

    async def _recorded(self, intent: Entry, found: RolloutProgress, waited_ms: int) -> Settled:
        """One process says how it ended: the first. Where the time was over before, each says so."""
        record = self._draft(intent.record, found, waited_ms)
        ends = () if found.state in _OPEN else (Claim("once", SETTLED.of(intent.record.id)),)
        try:
            (entry,) = await self._c.log.commit((record,), ends)
        except ClaimLost:
            known = await self._known(intent)
            if known is None:
                raise
            return known
        return _settled(entry)

    def _draft(self, intent: Record, found: RolloutProgress, waited_ms: int) -> Record:
        seen = {
            "state": found.state,
            "done": found.done,
            "total": found.total,
            "detail": harmless(found.detail, _DETAIL),
            "waited_ms": waited_ms,
        }
        return self._c.journal.afterwards("action.settled", intent, seen, {"state": str(found.state)})

    async def _known(self, intent: Entry) -> Settled | None:
        """How it ended, where that is in the log."""
        found = await self._c.journal.of_intent(intent.record, ("action.settled",))
        ends = (entry for entry in found if (entry.record.labels or {}).get("state") not in _OPEN)
        end = next(ends, None)
        return replace(_settled(end), replayed=True) if end is not None else None


def _settled(entry: Entry) -> Settled:
    seen = entry.record.observation or {}
    return Settled(seen["state"], seen["done"], seen["total"], seen["detail"], seen["waited_ms"], entry.seq)
