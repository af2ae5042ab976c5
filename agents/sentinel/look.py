"""One look at all workloads: a few questions about all of them, each a governed read of the sentinel's agent."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from agents.sentinel.checks import BURN, BURN_S, STEP_S, TREND, TREND_S, Seen
from policies.types import Target
from tools.cluster_types import Autoscaler, Workload
from tools.errors import MetricsUnavailable, ToolError
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


async def look(observer: Observer, namespaces: Sequence[str], objective_ppm: int) -> list[Seen]:
    """Every workload of the namespaces, as far as it may be seen. Raises what the lists raise; metrics that cannot be
    asked are missing."""
    found = [w for name in namespaces for w in await observer.workloads(name)]
    series = await _series(observer, found)
    now = observer.now_ms()
    return [
        Seen(w, await _autoscaler(observer, w), series[w.target], now, objective_ppm)
        for w in sorted(found, key=lambda one: one.target.path)
    ]


async def _series(observer: Observer, found: Sequence[Workload]) -> Mapping[Target, dict[Metric, Series]]:
    by_target: dict[Target, dict[Metric, Series]] = {workload.target: {} for workload in found}
    for metrics, span_s in ((TREND, TREND_S), (BURN, BURN_S)):
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
