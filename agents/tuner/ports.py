"""What a tuning pass needs beside the toolbox: governed reads, what is known, and advice."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from agents.tuner.proposal import Proposal
from agents.tuner.strategy import Known
from policies.types import Principal, Target
from tools.cluster_types import Autoscaler, Pod, Restraints, Workload
from tools.metrics.types import Metric, Series


class Observer(Protocol):
    """Structured reads through the governed path: screened and recorded, one record for a pass's overview.

    Raises ToolError: NotFound, NeverHappened (the cluster's 403), ClusterUnavailable; and what the gate's refusal
    of a read is to the implementation, a ToolError too.
    """

    async def workloads(self, namespace: str) -> list[Workload]:
        """The workloads of `namespace` that the pass may see."""

    async def fleet_pods(self, workloads: Sequence[Workload]) -> Mapping[Target, list[Pod]]:
        """The pods of each workload that may be described."""

    async def fleet_autoscalers(self, workloads: Sequence[Workload]) -> Mapping[Target, Autoscaler | None]:
        """The HPA that is aimed at each workload that may be described, if there is one."""

    async def fleet_restraints(self, workloads: Sequence[Workload]) -> Mapping[Target, Restraints]:
        """What bounds the number of pods of each workload that may be described, beside policy."""

    async def fleet_series(
        self, workloads: Sequence[Workload], metric: Metric, span_s: int, step_s: int
    ) -> Mapping[Target, Series]:
        """The last `span_s` seconds of a metric of each workload whose figures may be read, of the configured source
        and of no other. Raises MetricsUnavailable where that cannot be asked, or keeps no history."""


class Knowledge(Protocol):
    """What is known of workloads beside what the cluster and its metrics say."""

    async def about(self, workloads: Sequence[Workload], at_ms: int) -> Mapping[Target, Known]:
        """The live events about each and what verdicts taught; who is left out has neither. Raises LogUnavailable."""


class Nothing:
    """Knows nothing: for a pass that is asked for by hand."""

    async def about(self, workloads: Sequence[Workload], at_ms: int) -> Mapping[Target, Known]:  # noqa: ARG002
        """See Knowledge."""
        return {}


class Adviser(Protocol):
    """Who may choose among ties, and explain; what it may not do is choose anything else."""

    async def advised(self, who: Principal, run_id: str, found: Sequence[Proposal]) -> list[Proposal]:
        """Each as it is or as one of its ties, in their order; the same ones where there is no advice to be had.
        Raises LogUnavailable."""


class Alone:
    """Gives no advice: the choice stands."""

    async def advised(self, who: Principal, run_id: str, found: Sequence[Proposal]) -> list[Proposal]:  # noqa: ARG002
        """See Adviser."""
        return list(found)
