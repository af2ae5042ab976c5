"""How far a receiver has been told: an integer of the log, moved on in a commit that says what was sent.

It is moved after the receiver has taken the messages: killed in between, they are sent again under the same ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from audit.drafts import SYSTEM
from policies.claim_keys import NOTIFIED
from policies.types import Claim
from tools.path.context import Context


@dataclass(frozen=True, slots=True)
class Told:
    """What a receiver has been told now: the ids of the messages, and of those that it refused and will not get."""

    sent: Sequence[str] = ()
    refused: Sequence[str] = ()
    why: str = ""


class Cursor:
    """The cursor of one receiver. `at` is the number of the first record that it was not told of."""

    def __init__(self, context: Context, receiver: str) -> None:
        self._c, self.receiver = context, receiver
        self._key = NOTIFIED.of(f"{context.cluster.name}/{receiver}")

    async def at(self) -> int | None:
        """None where this receiver was never told anything."""
        stored = (await self._c.log.values((self._key,)))[self._key]
        return stored - 1 if stored else None

    async def begin(self) -> int:
        """A new receiver is told of what is recorded from now on, not of the past. Raises ClaimLost."""
        newest = await self._c.log.find(newest_first=True, limit=1)
        at = newest[0].seq + 1 if newest else 0
        await self._move(0, at + 1, Told())
        return at

    async def move(self, at: int, to: int, told: Told) -> None:
        """From record `at` on to record `to`, with what it was told of in between. Raises ClaimLost where another
        process has told it meanwhile."""
        await self._move(at + 1, to + 1, told)

    async def _move(self, stored: int, value: int, told: Told) -> None:
        record = self._c.log.draft(
            "notification.sent",
            actor=SYSTEM,
            observation={"next": value - 1, "sent": list(told.sent), "refused": list(told.refused)},
            labels={"receiver": self.receiver},
            reason=told.why or None,
        )
        await self._c.log.commit(
            (record,), (Claim("equals", self._key, stored), Claim("set", self._key, value))
        )
