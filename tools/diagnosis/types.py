"""What the rules look at, and what they say."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from tools.cluster_types import ApiEvent, Autoscaler, Change, Pod, Workload
from tools.metrics.types import Metric, Number, Series, share, value


class Severity(IntEnum):
    """How bad: pods that do not run, work that suffers, something that holds it back, worth knowing."""

    BROKEN = 0
    SUFFERING = 1
    LIMITED = 2
    NOTED = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """One workload as the governed reads gave it. `missing` says of each part that could not be read why;
    a metric that is not in `numbers` was not asked for or is in `missing`. `latency` is p95 over some hours."""

    workload: Workload
    pods: Sequence[Pod]
    events: Sequence[ApiEvent]
    autoscaler: Autoscaler | None
    numbers: Mapping[Metric, Number]
    now_ms: int
    latency: Series | None = None
    changes: Sequence[Change] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    def value(self, metric: Metric) -> int | None:
        """The figure, None where it is missing for whatever reason."""
        return value(self.numbers, metric)

    def share(self, part: Metric, whole: Metric) -> int | None:
        """`part` of `whole` in ppm, None where one is missing or the whole is zero."""
        return share(self.numbers, part, whole)

    def recent(self, *reasons: str, within_s: int = 3600) -> list[ApiEvent]:
        """Events with one of these reasons, newest last."""
        since = self.now_ms - within_s * 1000
        found = [e for e in self.events if e.reason in reasons and e.at_ms >= since]
        return sorted(found, key=lambda e: e.at_ms)

    def warnings(self, about: Container[str] | None = None, *, within_s: int = 86_400) -> list[ApiEvent]:
        """Warnings about these (`pod/web-0`), or about any part of the workload, newest last."""
        since = self.now_ms - within_s * 1000
        found = [e for e in self.events if e.type == "Warning" and e.at_ms >= since]
        return sorted((e for e in found if about is None or e.about in about), key=lambda e: e.at_ms)

    @property
    def alive(self) -> list[Pod]:
        """Pods that are, or shall be, at work."""
        return [p for p in self.pods if p.alive]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `evidence` holds the number or the text that it rests on (it may quote untrusted
    text), `look` the words behind `flyball` that show it, of which `{target}` stands for KIND/NAME."""

    rule: str
    severity: Severity
    what: str
    evidence: str
    look: str = "describe {target}"
