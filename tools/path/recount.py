"""What guards count, counted again from the records: the log's integers alone are not believed.

Every claim on a budget, a blast radius or a direction stands in the record of the commit that took it. A window is
counted from the records of its own time, each read once in the life of a process, so that a long log costs no more
than a short one. Before a contradiction is said, it is looked for in the whole log: records whose clock was wrong may
stand where nobody looks for them.
"""

from collections.abc import Mapping

from audit.log import Reads
from audit.record import Kind, Record
from audit.timeline import wall_ms
from policies.counting import Counting, contradicts, is_counted, is_over
from tools.path.newest_intent import newest_intent

_TELL: tuple[Kind, ...] = (
    "action.intent", "action.outcome", "action.in_doubt_resolved", "policy.decision", "approval.requested",
)  # fmt: skip
"""What ends a commit that spends or gives back: a conflict's claims ride with whatever comes next."""
_PAGE = 64
_SLACK_MS = 120_000
"""A decision is acted on within a minute, and time may step back by a few seconds between two of them."""
_PRUNE_FROM = 4096
_AT_ONCE = 1024
"""Records that are held at a time: a first look may pass a day of a large fleet."""


class Recount:
    """Of one process and one cluster. What is read is read of one moment."""

    def __init__(self) -> None:
        self._counted: dict[str, int] = {}
        self._since_ms: int | None = None
        """From when on the records are counted (Unix ms of the world); 0: all of them."""
        self._next = 0
        self._prune_at = _PRUNE_FROM

    def contradiction(
        self, reads: Reads, counting: Counting, *, simulated: bool
    ) -> tuple[str, int, int] | None:
        """The first integer that the records do not lead to, what it is, and what they lead to."""
        if self._since_ms is None or counting.since_ms < self._since_ms:
            self._begin(_first(reads, counting, simulated), counting.since_ms)
        stored = reads.values(counting.keys)
        found = self._compared(reads, counting, stored)
        if found is None or self._since_ms == 0:
            return found
        self._begin(0, 0)
        return self._compared(reads, counting, stored)

    def _begin(self, seq: int, since_ms: int) -> None:
        self._counted, self._next, self._since_ms = {}, seq, since_ms

    def _compared(
        self, reads: Reads, counting: Counting, stored: Mapping[str, int]
    ) -> tuple[str, int, int] | None:
        self._read_on(reads, counting)
        for key, value in stored.items():
            if contradicts(key, value, self._counted, counting.since_ms):
                return key, value, self._counted.get(key, 0)
        return None

    def _read_on(self, reads: Reads, counting: Counting) -> None:
        found = None
        while found is None or len(found) == _AT_ONCE:
            found = reads.find(kinds=_TELL, since_seq=self._next, limit=_AT_ONCE)
            for entry in found:
                self._next = entry.seq + 1
                if _of(entry.record, counting.cluster):
                    self._take(entry.record)
            self._prune(counting.now_ms)

    def _take(self, record: Record) -> None:
        for claim in record.claims:
            if is_counted(key := claim["key"]):
                before = self._counted.get(key, 0) if claim["kind"] == "add_within" else 0
                self._counted[key] = before + claim["value"]

    def _prune(self, now_ms: int) -> None:
        """A service that runs for months keeps no more than what can still be asked about, twice over."""
        if len(self._counted) >= self._prune_at:
            self._counted = {key: value for key, value in self._counted.items() if not is_over(key, now_ms)}
            self._prune_at = max(_PRUNE_FROM, 2 * len(self._counted))


def _first(reads: Reads, counting: Counting, simulated: bool) -> int:
    """The number of the first record that is to be counted: behind the newest intent of before the time that counts.

    Intents are in the order of their cluster's clock (guard `clock`), and of the machine's where no world is
    simulated.
    """

    def before(record: Record) -> bool:
        ours = _of(record, counting.cluster) or (not simulated and record.world_ts is None)
        return ours and wall_ms(record.world_ts or record.ts) < counting.since_ms - _SLACK_MS

    found = newest_intent(reads, before, first=_PAGE)
    return 0 if found is None else found.seq + 1


def _of(record: Record, cluster: str) -> bool:
    return record.resource is not None and record.resource.cluster == cluster
