"""What a pass reads of the workloads before any strategy is asked, and why some are left alone."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

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
T = TypeVar("T")

FleetSeries = Mapping[Metric, Mapping[Target, Series]]


def joined(each: Iterable[Reads]) -> Reads:
    """What all of them read together."""
    wanted = tuple(each)
    metrics = {metric for reads in wanted for metric in reads.metrics}
    return Reads(max(reads.history_s for reads in wanted), tuple(sorted(metrics)))


@dataclass(frozen=True, slots=True)
class Unread:
    """Why something could not be read of a workload."""

    why: str


HIDDEN = Unread("it may not be described")


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
        looked_at = [w for w in workloads if not whys[w.target]]
        pods = await each_namespace(looked_at, self.observer.fleet_pods, (NeverHappened, RecordInvalid))
        scaled = [w for w in looked_at if scaled_by_hpa(w)]
        hpas = await each_namespace(scaled, self.observer.fleet_autoscalers, (ToolError, RecordInvalid))
        looked = [_found(w, whys[w.target], pods, hpas) for w in workloads]
        open_ = [one.workload for one in looked if isinstance(one, _Found)]
        series = {metric: await self._series(open_, metric) for metric in self._metrics()}
        known = await self.knowledge.about(open_, at_ms) if open_ else {}
        return [one if isinstance(one, Proposal) else _observed(one, series, known, at_ms) for one in looked]

    def _metrics(self) -> tuple[Metric, ...]:
        return (Metric.CPU_USAGE, *self.reads.metrics)

    async def _series(self, workloads: Sequence[Workload], metric: Metric) -> Mapping[Target, Series]:
        if not workloads:
            return {}
        twin = metric in (Metric.REPLICAS, Metric.REQUEST_RATE)
        span_s = min(TWIN_S, self.reads.history_s) if twin else self.reads.history_s
        return await self.observer.fleet_series(workloads, metric, span_s, STEP_S)


def batches(workloads: Sequence[Workload], most: int) -> Iterator[list[Workload]]:
    """The workloads in their order, at most so many at a time; only a namespace that has more is divided."""
    batch: list[Workload] = []
    for _, group in groupby(workloads, key=lambda w: w.target.namespace):
        these = [*group]
        if batch and len(batch) + len(these) > most:
            yield batch
            batch = []
        batch += these
        while len(batch) > most:
            yield batch[:most]
            batch = batch[most:]
    if batch:
        yield batch


async def each_namespace(
    workloads: Sequence[Workload],
    read: Callable[[Sequence[Workload]], Awaitable[Mapping[Target, T]]],
    trouble: tuple[type[Exception], ...],
) -> dict[Target, T | Unread]:
    """What is read of each workload, the namespaces one by one: the trouble of one (FlyballErrors) is no other's.
    Raises what `read` raises beside that."""
    found: dict[Target, T | Unread] = {}
    for _, group in groupby(workloads, key=lambda w: w.target.namespace):
        these = [*group]
        try:
            known = await read(these)
        except trouble as e:
            found |= dict.fromkeys((w.target for w in these), Unread(getattr(e, "what", str(e))))
        else:
            found |= {w.target: known.get(w.target, HIDDEN) for w in these}
    return found


def _found(
    workload: Workload,
    why: str | None,
    pods: Mapping[Target, list[Pod] | Unread],
    hpas: Mapping[Target, Autoscaler | Unread | None],
) -> _Found | Proposal:
    own, hpa = pods.get(workload.target, HIDDEN), hpas.get(workload.target)
    if why:
        return skipped(workload, why)
    if isinstance(own, Unread):
        return skipped(workload, "unreadable", own.why)
    if isinstance(hpa, Unread):
        return skipped(workload, "unreadable", hpa.why)
    return _Found(workload, own, hpa)


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
