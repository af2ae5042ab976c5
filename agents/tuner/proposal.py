"""A line of a tuning pass: what is asked for of one workload, and what it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agents.tuner.change import Change
from agents.tuner.strategy import Candidate, Figure
from policies.types import Target
from tools.cluster_types import Workload


@dataclass(frozen=True, slots=True)
class Weighed:
    """A candidate with what its rehearsal came to: the share of minutes, and of the demand, above the target in ppm,
    thousandths of core-hours requested a day; None where it could not be rehearsed. `why_not` is why it was not
    taken, empty for the one that was. `score` is what earlier verdicts gave its strategy on this workload."""

    candidate: Candidate
    risk_ppm: int | None = None
    short_ppm: int | None = None
    cost_mch: int | None = None
    why_not: str = ""
    score: int = 0


@dataclass(frozen=True, slots=True)
class Advice:
    """What a model made of a proposal: its explanation, every number of which is a figure that it was given.
    `chose`: it took this one in the place of the cheapest."""

    model: str
    text: str
    chose: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """`now` is the replicas that it has; `change` is None where nothing is asked for. `why` is a short code, `reason`
    the sentence that goes into the record. `strategy` is empty where none was asked.

    `first` is what the choice came to, where something else is asked for it: the nearest that is allowed; `notes` are
    what a person should know of the change besides. `hold` says why it is shown only, whatever policy lets the agent
    do; `alternatives` are all candidates as they were weighed, `expects` the effect in whole numbers. `ties` are the
    proposals that are as good as this one: a model may take one of them in its place. `advice` is what one said.
    """

    target: Target
    now: int
    change: Change | None
    why: str
    reason: str = ""
    strategy: str = ""
    figures: tuple[Figure, ...] = ()
    first: Change | None = None
    notes: tuple[str, ...] = ()
    hold: str = ""
    alternatives: tuple[Weighed, ...] = ()
    expects: Mapping[str, int] | None = None
    ties: tuple["Proposal", ...] = ()
    advice: Advice | None = None

    @property
    def wanted(self) -> Change | None:
        """What the choice came to, whatever is asked for it."""
        return self.change if self.first is None else self.first

    @property
    def proposed(self) -> int | None:
        """The number that is asked for (of the first that it moves); None where nothing is."""
        return self.change.figure if self.change else None

    @property
    def moved_from(self) -> int | None:
        """The number that the choice came to, where another is asked for."""
        return self.first.figure if self.first else None

    @property
    def cpu(self) -> int | None:
        """CPU in percent of the requests, where the strategy looked at it."""
        return dict(self.figures).get("cpu_percent")

    def to(self, change: Change | None) -> "Proposal":
        """Another change in its place; what was wanted first stays known."""
        return replace(self, change=change, first=self.wanted)

    def kept(self, why: str, note: str) -> "Proposal":
        """Nothing in its place, and why."""
        return replace(self.said(note).to(None), why=why)

    def said(self, note: str) -> "Proposal":
        """With something that a person should know; the record keeps it too."""
        reason = f"{self.reason}; {note}" if self.reason else note
        return replace(self, notes=(*self.notes, note), reason=reason)


def skipped(workload: Workload, why: str, reason: str = "") -> Proposal:
    """A line of a workload that no strategy was asked about."""
    return Proposal(workload.target, workload.replicas, None, why, reason)


def taken(workload: Workload, candidate: Candidate) -> Proposal:
    """The line of a candidate as it is."""
    c = candidate
    return Proposal(workload.target, workload.replicas, c.change, c.why, c.reason, c.strategy, c.figures)
