"""What a request's attempts work with: pure data. What stays the same over all of them, and what one of them saw."""

from dataclasses import dataclass
from typing import Any

from policies.claim_keys import BUSY, CHANGED
from policies.gate import Gate
from policies.types import Leased, Observation, Request
from tools.cluster_types import ClusterIdentity, Workload
from tools.ports import Held
from tools.spec import ActionSpec


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """What stays the same over a request's attempts."""

    request: Request
    spec: ActionSpec[Any]
    args: Any
    cluster: ClusterIdentity
    gate: Gate
    held: Held
    confirmed: str | None = None

    @property
    def live(self) -> bool:
        return self.request.mode == "live"

    @property
    def busy(self) -> str:
        """The integer that says that an intent stands open on the workload."""
        return BUSY.of(self.request.target.key)

    @property
    def changed(self) -> str:
        """The integer that holds when the workload was last changed."""
        return CHANGED.of(self.request.target.key)

    def keys(self, now_ms: int) -> tuple[str, ...]:
        """Every integer of the log that gate and path use at this time. Each is claimed as it was read, or again, in
        the commit of the intent: one that has moved meanwhile loses there."""
        return (*self.gate.keys(self.request, now_ms), self.busy)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was seen this time, and the diff that follows. `number` counts the live tries, from 1."""

    number: int
    seen: Observation
    workload: Workload
    diff: str
    rollback: bool
    leased: Leased | None = None
    """The envelope that the request names; or why there is none for it."""
    not_leased: str = ""

    @property
    def moves(self) -> bool:
        """Whether anything would be another afterwards."""
        return self.seen.moves
