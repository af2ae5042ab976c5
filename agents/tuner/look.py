"""What a pass reads of the workloads before any strategy is asked, and why some are left alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from agents.tuner.demand import STEP_S
from agents.tuner.ports import Knowledge, Observer
from agents.tuner.proposal import Proposal, skipped
from agents.tuner.skipped import scaled_by_hpa, skip_reason
from agents.tuner.strategy import Known, Observed, Reads
from audit.errors import RecordInvalid
from policies.types import Target
from tools.cluster_types import Autoscaler, Pod, Workload
from tools.errors import NeverHappened, ToolError
from tools.metrics.types import Metric, Series

TWIN_S = 172_800
"""So far back the twin looks at ready pods and requests."""
_NOTHING = Known()
_HIDDEN = "its pods may not be read"

FleetSeries = Mapping[Metric, Mapping[Target, Series]]


def joined(each: Iterable[Reads]) -> Reads:
    """What all of them read together."""
    wanted = tuple(each)
    metrics = {metric for reads in wanted for metric in reads.metrics}
    return Reads(max(reads.history_s for reads in wanted), tuple(sorted(metrics)))


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read of one workload alone."""

    workload: Workload
    pods: list[Pod]
    autoscaler: Autoscaler | None


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at the workloads of a pass: at the pods of each, at the figures of all together."""

    observer: Observer
    reads: Reads
    knowledge: Knowledge

    async def look(self, workloads: Sequence[Workload], at_ms: int) -> list[Observed | Proposal]:
        """Each as it is to be proposed on, or why nothing is, in their order. Raises MetricsUnavailable where the
        configured source cannot be asked; other trouble with one workload is that one's alone."""
        whys = {workload.target: skip_reason(workload) for workload in workloads}
        pods = await self._pods([w for w in workloads if not whys[w.target]])
        looked = [await self._alone(w, whys[w.target], pods.get(w.target, _HIDDEN)) for w in workloads]
        open_ = [one.workload for one in looked if isinstance(one, _Found)]
        series = {metric: await self._series(open_, metric) for metric in self._metrics()}
        known = await self.knowledge.about(open_, at_ms) if open_ else {}
        return [one if isinstance(one, Proposal) else _observed(one, series, known, at_ms) for one in looked]

    async def _pods(self, workloads: Sequence[Workload]) -> dict[Target, list[Pod] | str]:
        """By workload, or why those of its namespace cannot be read. Raises ClusterUnavailable."""
        found: dict[Target, list[Pod] | str] = {}
        for _, group in groupby(workloads, key=lambda w: w.target.namespace):
            these = [*group]
            try:
                found |= await self.observer.fleet_pods(these)
            except (NeverHappened, RecordInvalid) as e:
                found |= dict.fromkeys((w.target for w in these), e.what)
        return found

    async def _alone(self, workload: Workload, why: str | None, pods: list[Pod] | str) -> _Found | Proposal:
        if why or isinstance(pods, str):
            return skipped(workload, why or "unreadable", "" if why else str(pods))
        try:
            hpa = await self.observer.autoscaler(workload.target) if scaled_by_hpa(workload) else None
        except (ToolError, RecordInvalid) as e:
            return skipped(workload, "unreadable", e.what)
        return _Found(workload, pods, hpa)

    def _metrics(self) -> tuple[Metric, ...]:
        return (Metric.CPU_USAGE, *self.reads.metrics)

    async def _series(self, workloads: Sequence[Workload], metric: Metric) -> Mapping[Target, Series]:
        if not workloads:
            return {}
        twin = metric in (Metric.REPLICAS, Metric.REQUEST_RATE)
        span_s = min(TWIN_S, self.reads.history_s) if twin else self.reads.history_s
        return await self.observer.fleet_series(workloads, metric, span_s, STEP_S)


def _observed(
    one: _Found, series: FleetSeries, known: Mapping[Target, Known], at_ms: int
) -> Observed | Proposal:
    target = one.workload.target
    if (cpu := series[Metric.CPU_USAGE].get(target)) is None:
        return skipped(one.workload, "unreadable", "its figures may not be read")
    more = known.get(target, _NOTHING)

    def read(metric: Metric) -> Series | None:
        return series.get(metric, {}).get(target)

    return Observed(
        one.workload,
        one.pods,
        cpu,
        at_ms,
        autoscaler=one.autoscaler,
        memory=read(Metric.MEMORY_USAGE),
        ready=read(Metric.REPLICAS),
        offered=read(Metric.REQUEST_RATE),
        events=more.events,
        learned=more.learned,
    )
