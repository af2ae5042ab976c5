"""The verdicts and rollbacks that are owed, as VERIFY holds them, found without a look at all that ever were.

A key stays when it is settled, at 0, and each look at the whole family passes it. So that is done at first and now
and then; in between only what the log's new records set is new.
"""

from audit.log import Entry, Log, Reads
from audit.record import Kind
from policies.claim_keys import VERIFY

WHOLE_MS = 3_600_000
"""After so long the whole family is looked at again, whatever the records say."""
_SET_BY: tuple[Kind, ...] = ("action.outcome", "action.in_doubt_resolved")
"""The records whose commit may set one that was not there."""


class Owed:
    """Lives as long as its verifier."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._keys = frozenset[str]()
        self._next_seq = 0
        self._whole_ms: int | None = None

    async def values(self, now_ms: int) -> dict[str, int]:
        """What is owed, by key; none of them is 0. Raises LogUnavailable."""
        whole = self._whole_ms is None or not 0 <= now_ms - self._whole_ms < WHOLE_MS
        found = await self._log.at_one_moment(self._all if whole else self._known)
        self._keys = frozenset(found)
        self._whole_ms = now_ms if whole else self._whole_ms
        return found

    def _all(self, reads: Reads) -> dict[str, int]:
        newest = reads.find(newest_first=True, limit=1)
        found = reads.prefixed(VERIFY.prefix)
        self._next_seq = newest[0].seq + 1 if newest else 0
        return found

    def _known(self, reads: Reads) -> dict[str, int]:
        """What was read counts as read once the answer is there: a log that is away in between hides nothing."""
        ended = reads.find(kinds=_SET_BY, since_seq=self._next_seq)
        keys = self._keys.union(*map(_keys_of, ended))
        found = {key: value for key, value in reads.values(sorted(keys)).items() if value}
        self._next_seq = ended[-1].seq + 1 if ended else self._next_seq
        return found


def _keys_of(entry: Entry) -> list[str]:
    """What a record's commit claimed stands in it."""
    return [claim["key"] for claim in entry.record.claims if VERIFY.has(claim["key"])]
