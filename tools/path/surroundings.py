"""What some policies want to know beside the object: its namespace's workloads, alerts on it, a rollout of it.

Looked for only where a guard of this request wants it (`Gate.looks`). What cannot be seen stays None, and the guard
refuses.
"""

from collections.abc import Set
from dataclasses import dataclass, field, replace

from policies.types import Observation
from tools.cluster.rollout import rolling_out
from tools.cluster_types import Workload
from tools.errors import ToolError
from tools.metrics.types import Metric, MetricsReader
from tools.ports import ClusterReader

COUNTED_MS = 60_000
"""So long a count of a namespace's workloads holds; a decision rests on nothing older."""


@dataclass
class Surroundings:
    """Keeps the counts, so that twenty changes of a namespace are not twenty lists of it."""

    _counts: dict[str, tuple[int, int]] = field(default_factory=dict)

    async def seen(
        self,
        reader: ClusterReader,
        metrics: MetricsReader | None,
        wanted: Set[str],
        seen: Observation,
        workload: Workload,
    ) -> Observation:
        """The observation with what is wanted of `peers`, `alerts` and `rollouts`."""
        if not wanted:
            return seen
        return replace(
            seen,
            peers=await self._peers(reader, seen) if "peers" in wanted else None,
            alerts=await _alerts(metrics, seen) if "alerts" in wanted else None,
            rolling_out=rolling_out(workload) if "rollouts" in wanted else None,
        )

    async def _peers(self, reader: ClusterReader, seen: Observation) -> int | None:
        namespace = seen.target.namespace
        if namespace is None:
            return None
        count, at_ms = self._counts.get(namespace, (0, 0))
        if not 0 <= seen.at_ms - at_ms < COUNTED_MS:
            try:
                count = len(await reader.list_workloads(namespace))
            except ToolError:
                return None
            self._counts[namespace] = count, seen.at_ms
        return count


async def _alerts(metrics: MetricsReader | None, seen: Observation) -> int | None:
    if metrics is None:
        return None
    try:
        return (await metrics.latest(Metric.ALERTS, seen.target, seen.at_ms)).v
    except ToolError:
        return None
