"""One look at all workloads: a few questions about all of them, each a governed read of the sentinel's agent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agents.sentinel.checks import GROUPS, STEP_S, Checked, Seen, checked, concerns
from forecasting.sentinel.live import SCREEN_S
from policies.types import Target
from tools.cluster_types import Autoscaler, Workload
from tools.errors import MetricsUnavailable, ToolError
from tools.findings.types import What
from tools.metrics.types import Metric, Series

_HPA = "horizontalpodautoscaler/"


class Observer(Protocol):
    """Governed reads: screened, judged, recorded. Each raises ToolError."""

    def now_ms(self) -> int: ...
    async def workloads(self, namespace: str) -> list[Workload]: ...
    async def autoscaler(self, target: Target) -> Autoscaler | None: ...
    async def fleet_series(
        self, workloads: Sequence[Workload], metric: Metric, span_s: int, step_s: int
    ) -> dict[Target, Series]: ...


@dataclass(frozen=True, slots=True)
class Looked:
    """One workload as it was seen, and every conclusion about it."""

    seen: Seen
    checked: tuple[Checked, ...]


async def look(observer: Observer, namespaces: Sequence[str], objective_ppm: int) -> list[Looked]:
    """Every workload of the namespaces, as far as it may be seen: a short look first, a longer one where it says that
    something may be. Raises what the lists raise; metrics that cannot be asked are missing."""
    found = [w for name in namespaces for w in await observer.workloads(name)]
    scalers = {w.target: await _autoscaler(observer, w) for w in found}
    concluded: dict[Target, tuple[Checked, ...]] = {w.target: () for w in found}

    async def group(whats: tuple[What, ...], these: Sequence[Workload], span_s: int) -> list[Looked]:
        metrics, _ = GROUPS[whats]
        series = await _series(observer, these, metrics, span_s)
        now, screening = observer.now_ms(), span_s == SCREEN_S
        each = [Seen(w, scalers[w.target], series[w.target], now, objective_ppm, screening) for w in these]
        return [Looked(seen, checked(seen, *whats)) for seen in each]

    for whats, (_, longer_s) in GROUPS.items():
        first = await group(whats, [w for w in found if concerns(whats, w)], SCREEN_S)
        doubtful = [
            one.seen.workload for one in first if any(c.foreseen.state == "open" for c in one.checked)
        ]
        for one in (*first, *await group(whats, doubtful, longer_s)):
            target = one.seen.workload.target
            others = tuple(c for c in concluded[target] if c.what not in whats)
            concluded[target] = (*others, *one.checked)
    now = observer.now_ms()
    return [
        Looked(Seen(w, scalers[w.target], {}, now, objective_ppm), concluded[w.target])
        for w in sorted(found, key=lambda one: one.target.path)
    ]


async def _series(
    observer: Observer, found: Sequence[Workload], metrics: Sequence[Metric], span_s: int
) -> Mapping[Target, dict[Metric, Series]]:
    by_target: dict[Target, dict[Metric, Series]] = {workload.target: {} for workload in found}
    for metric in metrics:
        for target, one in (await _one(observer, found, metric, span_s)).items():
            by_target[target][metric] = one
    return by_target


async def _one(
    observer: Observer, found: Sequence[Workload], metric: Metric, span_s: int
) -> dict[Target, Series]:
    try:
        return await observer.fleet_series(found, metric, span_s, STEP_S) if found else {}
    except MetricsUnavailable:
        return {}


async def _autoscaler(observer: Observer, workload: Workload) -> Autoscaler | None:
    if not (workload.owner or "").startswith(_HPA):
        return None
    try:
        return await observer.autoscaler(workload.target)
    except ToolError:
        return None
