"""The commits of one request's attempts: a definite conflict that is not yet recorded goes into the next one.

A conflict (409) is known to be without effect. Its outcome, and the claims that it gives back, ride with the next
intent, refusal, question or failure: one durable commit more a conflict, not two.
"""

from collections.abc import Callable, Mapping, Sequence

from audit.claims import Claim as Claimed
from audit.claims import settle
from audit.log import Entry, Log
from audit.record import Record
from policies.types import Claim


class Ledger:
    """Lives as long as the loop over a request's attempts, under the workload's lease."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._ended: tuple[Record, ...] = ()
        self._given_back: tuple[Claim, ...] = ()
        self.tries = 0
        """How many intents of this loop ended in a conflict."""

    def conflict(self, outcome: Record, given_back: Sequence[Claim]) -> None:
        """The last intent ended in a conflict; recorded with the next commit."""
        self._ended, self._given_back = (outcome,), tuple(given_back)
        self.tries += 1

    def restored(self, values: Mapping[str, int]) -> dict[str, int]:
        """These integers as they will be once the conflict is recorded: the next attempt is judged by them."""
        found = dict(values)
        for claim in self._given_back:
            stored = found.get(claim.key, 0)
            after = settle(claim, stored)
            found[claim.key] = stored if after is None else after
        return found

    async def commit(
        self,
        records: Sequence[Record],
        claims: Sequence[Claim] = (),
        *,
        spend: bool = True,
        lost: Callable[[Claimed, int], Record] | None = None,
    ) -> Entry:
        """As Log.commit; returns the last entry. Where it raises, the conflict is not yet recorded."""
        entries = await self._log.commit(
            (*self._ended, *records), (*self._given_back, *claims), spend=spend, lost=lost
        )
        self._ended, self._given_back = (), ()
        return entries[-1]

    async def flush(self) -> None:
        """Tell a conflict that nothing else will be committed with: it must not be left in doubt. Raises
        ClaimLost where another process has said already how it ended."""
        if self._ended:
            await self.commit(())
