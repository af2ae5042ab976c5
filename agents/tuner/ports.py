"""What a tuning pass needs beside the toolbox: governed reads."""

from typing import Protocol

from policies.types import Target
from tools.cluster_types import Pod, PodUsage, Workload


class Observer(Protocol):
    """Structured reads through the governed path: screened and recorded, one record for a pass's overview.

    Raises ToolError: NotFound, NeverHappened (the cluster's 403), ClusterUnavailable; and what the gate's refusal
    of a read is to the implementation, a ToolError too.
    """

    async def workloads(self, namespace: str) -> list[Workload]:
        """The workloads of `namespace` that the pass may see."""

    async def pods(self, target: Target) -> list[Pod]:
        """The pods of `target`."""

    async def usage(self, target: Target) -> list[PodUsage]:
        """The latest samples of `target`'s pods; a pod without one is missing from the list."""
