"""The one record of a pass of the fast loop: what it came to, by code, with a digest of all that it went by; and that
a lease is closed whose object is gone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from audit.errors import ClaimLost
from audit.log import Entry, Log
from audit.record import Actor, Record
from policies.types import Claim, digest_of

LOOP = Actor(type="system", id="flyball:loop")
SHOWN = 200
"""So many workloads are named in a record; the others are counted, and in the digest."""
_QUIET = frozenset({"fits"})


@dataclass(frozen=True, slots=True)
class Looked:
    """One workload: its key, the code, where it stands, what was wanted and measured (millicores), and the record of
    what was asked for."""

    key: str
    code: str
    now: int | None = None
    wanted: int | None = None
    cpu: int | None = None
    record: int | None = None

    @property
    def row(self) -> list[object]:
        """As the record and the digest have it."""
        return [self.key, self.code, self.now, self.wanted, self.cpu, self.record]


async def passed(log: Log, run_id: str, looked: Sequence[Looked]) -> Entry:
    """Record a pass."""
    told = [one.row for one in looked if one.code not in _QUIET][:SHOWN]
    detail: Mapping[str, object] = {
        "workloads": len(looked),
        "codes": dict(sorted(Counter(one.code for one in looked).items())),
        "columns": ["workload", "code", "now", "wanted", "millicores", "record"],
        "rows": told,
        "inputs_sha256": digest_of([one.row for one in looked]),
    }
    record = log.draft("loop.pass", actor=LOOP, run_id=run_id, args=dict(detail))
    return (await log.commit((record,)))[-1]


async def closed(log: Log, record: Record, key: str, mark: int) -> None:
    """Record that a lease has no object any more; nothing where another one has taken its place at `key`."""
    with suppress(ClaimLost):
        await log.commit((record,), (Claim("equals", key, mark), Claim("set", key, 0)))
