"""What a tuning strategy is: observations in, proposals out. Pure: no I/O, no clock, no randomness."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from policies.types import Target
from tools.cluster_types import Pod, Workload
from tools.metrics.types import Series


@dataclass(frozen=True, slots=True)
class Observed:
    """One workload as the pass has just read it, with its pods. `cpu` is what all its pods used together in
    millicores, a point a minute over the last day up to `at_ms` (the world's Unix ms); None where it is missing."""

    workload: Workload
    pods: Sequence[Pod]
    cpu: Series
    at_ms: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """One line of a pass. `proposed` replicas are None where nothing is proposed; `why` is a short code, `reason` the
    sentence that goes into the record; `cpu` is utilisation in percent of requests, None where nobody computed it.

    `moved_from` is what the strategy came to, where something else is proposed for it: the nearest that is allowed;
    `notes` are what a person should know of the change besides.
    """

    target: Target
    now: int
    proposed: int | None
    cpu: int | None
    why: str
    reason: str = ""
    moved_from: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def wanted(self) -> int | None:
        """What the strategy came to, whatever is proposed for it."""
        return self.proposed if self.moved_from is None else self.moved_from

    def to(self, replicas: int | None) -> "Proposal":
        """Another figure in the place of what is proposed; what was wanted first stays known."""
        return replace(self, proposed=replicas, moved_from=self.wanted)

    def said(self, note: str) -> "Proposal":
        """With something that a person should know; the record keeps it too."""
        reason = f"{self.reason}; {note}" if self.reason else note
        return replace(self, notes=(*self.notes, note), reason=reason)


def skipped(workload: Workload, why: str, reason: str = "") -> Proposal:
    """A line without a proposal."""
    return Proposal(workload.target, workload.replicas, None, None, why, reason)


@dataclass(frozen=True, slots=True)
class Aim:
    """The target that the caller of the pass sets: `cpu_percent` of the requests."""

    cpu_percent: int


class Strategy(Protocol):
    """Where replicas come from. What of a proposal is allowed is the policy's business, never the strategy's."""

    @property
    def name(self) -> str:
        """As `--strategy` and the record of the run name it."""

    @property
    def version(self) -> str:
        """Another one whenever the same observations may lead to another proposal."""

    @property
    def aim(self) -> Aim:
        """What it aims at; the record of the run keeps it."""

    def propose(self, observed: Sequence[Observed]) -> Sequence[Proposal]:
        """One proposal for each workload, in their order. Missing or stale samples never lower anything."""
