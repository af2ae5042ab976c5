"""Governed reads: what an agent's reading tools, the tuner and the looking commands get in place of a cluster."""

from collections.abc import Sequence
from dataclasses import replace

from base.text import harmless
from policies.types import Principal, Target, digest_of
from tools.cluster_types import (
    LISTED,
    ApiEvent,
    Autoscaler,
    Change,
    Pod,
    PodUsage,
    Restraints,
    Workload,
)
from tools.diagnosis.snapshot import Row
from tools.errors import MetricsUnavailable
from tools.metrics.series import digest, summary
from tools.metrics.types import Metric, MetricsReader, Number, Series, Span
from tools.path.context import Context
from tools.ports import UsageReader
from tools.reading.all_namespaces import Everywhere, EverywhereReader
from tools.reading.fleet_reads import FleetReads
from tools.reading.overview import Overview
from tools.reading.own_changes import own_changes
from tools.reading.screening import Screening

MOST_EVENTS = 500
"""Of one workload, the newest."""
_WORD, _MESSAGE = 128, 400


class GovernedReads:
    """The reads of one principal: each is screened, fetched, judged, recorded, and only then released."""

    def __init__(
        self,
        context: Context,
        usage: UsageReader,
        metrics: MetricsReader,
        principal: Principal,
        run_id: str | None = None,
        *,
        untrusted: bool = False,
    ) -> None:
        """`untrusted`: everything that is read holds untrusted text (ReadSpec.untrusted)."""
        self._c, self._usage, self._metrics = context, usage, metrics
        self._screening = Screening(context, principal, run_id, untrusted=untrusted)

    @property
    def source(self) -> str:
        """Where the figures come from: `prometheus`, `metrics.k8s.io` or `sandbox`."""
        return self._metrics.source

    def now_ms(self) -> int:
        """The time that policy and figures use."""
        return self._c.now_ms()

    async def workloads(self, namespace: str, selector: str = "") -> list[Workload]:
        """The namespace's workloads, less those that the principal may not describe."""
        request, shown, hidden = await self._screening.listed(namespace, selector)
        seen = {"selector": selector, "kinds": list(LISTED), "shown": len(shown), "hidden": hidden}
        await self._screening.record(request, seen)
        return shown

    async def overview(
        self, namespace: str, selector: str, metrics: Sequence[Metric], kinds: Sequence[str] = LISTED
    ) -> list[Row]:
        """The namespace's workloads of these kinds with their newest figures, under one record. Raises ReadRefused,
        ClusterUnavailable and NeverHappened for the list; what else fails is said in the row."""
        return await Overview(self._screening, self._metrics).rows(namespace, selector, metrics, kinds)

    async def everywhere(
        self, here: str, selector: str, metrics: Sequence[Metric], kinds: Sequence[str] = LISTED
    ) -> Everywhere:
        """The same of every namespace that the principal may list. Raises ReadRefused where there is none,
        ClusterUnavailable and NeverHappened."""
        overview = Overview(self._screening, self._metrics)
        return await EverywhereReader(self._screening, overview, selector, kinds).read(here, metrics)

    async def workload(self, target: Target) -> Workload:
        """One workload. Raises ReadRefused, NotFound."""
        request = self._screening.request("describe_workload", target)
        found = await self._screening.judged(request)
        await self._screening.record(request, {"uid": found.uid, "resource_version": found.resource_version})
        return found

    async def pods(self, target: Target) -> list[Pod]:
        """The workload's pods."""
        request = self._screening.request("describe_workload", target)
        await self._screening.judged(request)
        found = await self._screening.fetched(request, self._c.reader.pods(target))
        await self._screening.record(request, {"pods": len(found)})
        return found

    async def usage(self, target: Target) -> list[PodUsage]:
        """The latest samples of the workload's pods; what is missing is missing. What is recorded is their
        number, totals and digest: the samples of many pods would not fit into one record."""
        request = self._screening.request("describe_workload", target)
        await self._screening.judged(request)
        found = await self._screening.fetched(request, self._whole(target))
        await self._screening.record(request, usage_seen(found))
        return found

    async def _whole(self, target: Target) -> list[PodUsage]:
        """The samples, all of whole numbers: a source that gives anything else cannot be believed."""
        found = await self._usage.usage(target)
        if any(type(v) is not int for one in found for pair in one.containers.values() for v in pair):
            raise MetricsUnavailable(
                "a sample is not a whole number", where=str(target), hint="look at what serves metrics.k8s.io"
            )
        return found

    async def autoscaler(self, target: Target) -> Autoscaler | None:
        """The HPA that is aimed at it, if there is one."""
        request = self._screening.request("describe_workload", target)
        await self._screening.judged(request)
        found = await self._screening.fetched(request, self._c.reader.autoscaler(target))
        await self._screening.record(request, {"autoscaler": found.name if found else None})
        return found

    async def events(self, target: Target) -> list[ApiEvent]:
        """Oldest first; the texts cut, without control characters and without secrets. Taints the session."""
        request = self._screening.request("get_events", target)
        await self._screening.judged(request)
        found = await self._screening.fetched(request, self._c.reader.events(target))
        shown = [_clean(event) for event in found[-MOST_EVENTS:]]
        newest = max((event.at_ms for event in shown), default=None)
        await self._screening.record(request, {"events": len(shown), "newest_ms": newest}, untrusted=True)
        return shown

    async def own_changes(self, target: Target) -> list[Change]:
        """What the log holds of our own changes to it, oldest first, of a workload that may be described."""
        request = self._screening.request("describe_workload", target)
        await self._screening.judged(request)
        found = await own_changes(self._c.log, target)
        await self._screening.record(request, {"own_changes": len(found)})
        return found

    async def own_changes_unseen(self, target: Target) -> list[Change]:
        """The same while the cluster is away: whether they still stand is not known, so none is offered for undo."""
        request = self._screening.request("describe_workload", target)
        await self._screening.judged_unseen(request)
        found = [replace(one, undo=False) for one in await own_changes(self._c.log, target)]
        await self._screening.record(request, {"own_changes": len(found), "cluster": "away"})
        return found

    async def metric(self, target: Target, metric: Metric) -> Number:
        """The newest figure. Raises MetricsUnavailable."""
        request = self._screening.request("read_metrics", target)
        await self._screening.judged(request)
        found = await self._screening.fetched(request, self._metrics.latest(metric, target, self._c.now_ms()))
        seen: dict[str, object] = {
            "metric": metric.value,
            "unit": found.unit,
            "v": found.v,
            "missing": found.missing,
        }
        seen |= {"at_ms": found.at_ms, "age_ms": found.age_ms, "window_s": found.window_s}
        seen |= {"coverage_ppm": found.coverage_ppm, "source": self._metrics.source}
        await self._screening.record(request, seen)
        return found

    async def series(self, target: Target, metric: Metric, span_s: int, step_s: int) -> Series:
        """The last `span_s` seconds up to now, on a grid of `step_s` that is the same for every reader. What is
        recorded is its summary and its digest. Raises MetricsUnavailable."""
        request = self._screening.request("read_metrics", target)
        await self._screening.judged(request)
        step_ms = step_s * 1000
        end = self._c.now_ms() // step_ms * step_ms
        span = Span(end - span_s // step_s * step_ms, end, step_s)
        found = await self._screening.fetched(request, self._metrics.history(metric, target, span))
        seen = {**summary(found), "sha256": digest(found), "source": self._metrics.source}
        await self._screening.record(request, seen)
        return found

    async def fleet_series(
        self, workloads: Sequence[Workload], metric: Metric, span_s: int, step_s: int
    ) -> dict[Target, Series]:
        """`series` of many workloads that were just listed, asked for together, under one record a namespace; without
        those whose figures may not be read. Raises MetricsUnavailable."""
        return await FleetReads(self._screening, self._metrics).series(workloads, metric, span_s, step_s)

    async def fleet_pods(self, workloads: Sequence[Workload]) -> dict[Target, list[Pod]]:
        """`pods` of many workloads, likewise: one list a namespace. Raises ClusterUnavailable and NeverHappened."""
        return await FleetReads(self._screening, self._metrics).pods(workloads)

    async def fleet_autoscalers(self, workloads: Sequence[Workload]) -> dict[Target, Autoscaler | None]:
        """`autoscaler` of many workloads, likewise."""
        return await FleetReads(self._screening, self._metrics).autoscalers(workloads)

    async def fleet_restraints(self, workloads: Sequence[Workload]) -> dict[Target, Restraints]:
        """What bounds the number of pods of each beside policy, likewise: one list of budgets and one of quotas a
        namespace."""
        return await FleetReads(self._screening, self._metrics).restraints(workloads)

    async def fleet_latest(self, workloads: Sequence[Workload], metric: Metric) -> dict[Target, Number]:
        """`metric` of many workloads, likewise. Raises MetricsUnavailable."""
        return await FleetReads(self._screening, self._metrics).latest(workloads, metric)


def usage_seen(found: Sequence[PodUsage]) -> dict[str, object]:
    """Of how many pods and containers, what they use together (millicores, bytes), and which samples they were."""
    each = [one for usage in found for one in usage.containers.values()]
    samples = sorted([u.pod, u.at_ms, {name: list(v) for name, v in u.containers.items()}] for u in found)
    return {
        "pods": len(found),
        "containers": len(each),
        "cpu_millicores": sum(cpu for cpu, _ in each),
        "memory_bytes": sum(memory for _, memory in each),
        "at_ms": max((usage.at_ms for usage in found), default=None),
        "sha256": digest_of(samples),
    }


def _clean(event: ApiEvent) -> ApiEvent:
    """Each of its texts is untrusted, its reason and the name of what it is about too."""
    return replace(
        event,
        about=harmless(event.about, _WORD),
        type=harmless(event.type, _WORD),
        reason=harmless(event.reason, _WORD),
        message=harmless(event.message, _MESSAGE),
        source=harmless(event.source, _WORD),
    )
