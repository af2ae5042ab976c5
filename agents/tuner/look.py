"""What a pass reads of each workload before any strategy is asked, and why some are left alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from agents.tuner.demand import STEP_S
from agents.tuner.ports import Observer
from agents.tuner.proposal import Proposal, skipped
from agents.tuner.skipped import scaled_by_hpa, skip_reason
from agents.tuner.strategy import Observed, Reads
from audit.errors import RecordInvalid
from tools.cluster_types import Workload
from tools.errors import MetricsUnavailable, ToolError
from tools.metrics.types import Metric, Series


def joined(each: Iterable[Reads]) -> Reads:
    """What all of them read together."""
    wanted = tuple(each)
    metrics = {metric for reads in wanted for metric in reads.metrics}
    return Reads(max(reads.history_s for reads in wanted), tuple(sorted(metrics)))


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at one workload after the other."""

    observer: Observer
    reads: Reads

    async def look(self, workload: Workload, at_ms: int) -> Observed | Proposal:
        """What is to be proposed on, or why nothing is. Raises MetricsUnavailable where the configured source cannot
        be asked; any other trouble is this workload's alone."""
        if why := skip_reason(workload):
            return skipped(workload, why)
        try:
            return await self._observed(workload, at_ms)
        except MetricsUnavailable:
            raise
        except (ToolError, RecordInvalid) as e:
            return skipped(workload, "unreadable", e.what)

    async def _observed(self, workload: Workload, at_ms: int) -> Observed:
        pods = await self.observer.pods(workload.target)
        return Observed(
            workload,
            pods,
            await self._series(workload, Metric.CPU_USAGE),
            at_ms,
            autoscaler=await self.observer.autoscaler(workload.target) if scaled_by_hpa(workload) else None,
            memory=await self._optional(workload, Metric.MEMORY_USAGE),
            ready=await self._optional(workload, Metric.REPLICAS),
            offered=await self._optional(workload, Metric.REQUEST_RATE),
        )

    async def _optional(self, workload: Workload, metric: Metric) -> Series | None:
        return await self._series(workload, metric) if metric in self.reads.metrics else None

    async def _series(self, workload: Workload, metric: Metric) -> Series:
        return await self.observer.series(workload.target, metric, self.reads.history_s, STEP_S)
