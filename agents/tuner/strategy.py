"""What a tuning strategy is: observations in, candidates out. Pure: no I/O, no clock, no randomness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from agents.tuner.change import Change
from tools.cluster_types import Autoscaler, Pod, Workload
from tools.metrics.types import Metric, Series


class Figure(NamedTuple):
    """An integer that a reason cites, by its name with the unit at its end (`cpu_percent`, `demand_millicores`)."""

    name: str
    value: int


class Floor(NamedTuple):
    """What a live event asks for: at least `percent` of the demand that is forecast otherwise (300: three times);
    `event` is its name."""

    event: str
    percent: int


@dataclass(frozen=True, slots=True)
class Learned:
    """What earlier verdicts taught about one workload, by strategy: until when (Unix ms of the world) one is not
    chosen, and its score (0: nothing is known)."""

    cooled: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a workload beside what was read of it."""

    events: tuple[Floor, ...] = ()
    learned: Learned = Learned()


@dataclass(frozen=True, slots=True)
class Observed:
    """One workload as the pass has just read it, with its pods. `cpu` is what all its pods used together in
    millicores, a point a minute up to `at_ms` (the world's Unix ms); None where it is missing. `memory` likewise in
    bytes, `ready` its ready pods, `offered` requests in 1/1000 a second; None where nobody needs them. `autoscaler`
    is its HPA, `events` what live events ask for.
    """

    workload: Workload
    pods: Sequence[Pod]
    cpu: Series
    at_ms: int
    autoscaler: Autoscaler | None = None
    memory: Series | None = None
    ready: Series | None = None
    offered: Series | None = None
    events: tuple[Floor, ...] = ()
    learned: Learned = Learned()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that could be done with a workload; `change` is None where it is left as it is. `why` is a code,
    `reason` the sentence that goes into the record, `figures` what the sentence cites. `needs_approval_hint`: the
    strategy would not have it done without a person, whatever policy says."""

    strategy: str
    change: Change | None
    why: str
    reason: str = ""
    figures: tuple[Figure, ...] = ()
    needs_approval_hint: bool = False


@dataclass(frozen=True, slots=True)
class Aim:
    """What the caller of the pass sets: the CPU target in percent of the requests, and the accepted probability that
    the demand exceeds what may be used of them, in ppm."""

    cpu_percent: int = 80
    risk_ppm: int = 20_000
    agent: str = "agent:tuner"
    """The agent that the pass is of: a range is leased to it."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What a strategy looks at beside pods and CPU: so many seconds back, and which other metrics."""

    history_s: int = 86_400
    metrics: tuple[Metric, ...] = ()


class Strategy(Protocol):
    """Where changes come from. What of them is allowed is the policy's business, never the strategy's."""

    @property
    def name(self) -> str:
        """As `--strategy`, policy and the record of the run name it."""

    @property
    def version(self) -> str:
        """Another one whenever the same observations may lead to another candidate."""

    @property
    def aim(self) -> Aim:
        """What it aims at; the record of the run keeps it. One for all strategies of a pass."""

    @property
    def reads(self) -> Reads:
        """What a pass has to read for it."""

    def consider(self, observed: Observed) -> str | None:
        """A why-code where it does not fit this workload, or what was observed is not enough; else None."""

    def propose(self, observed: Sequence[Observed]) -> Sequence[Sequence[Candidate]]:
        """At least one candidate for each workload that it has considered, in their order. Missing or stale samples
        never lower anything."""
