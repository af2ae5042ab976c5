"""The ports through which every package sees a cluster. Adapters: tools/cluster (Kubernetes), sandbox (simulated).

Reading and writing are two ports: tools that a model calls get a reader; only the executor holds a writer.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from policies.permit import Permit
from policies.types import Target
from tools.cluster_types import (
    LISTED,
    ApiEvent,
    Autoscaler,
    ClusterIdentity,
    Patch,
    Pod,
    PodUsage,
    Precondition,
    Restraints,
    Workload,
)


class ClusterReader(Protocol):
    """Reads. Raises NotFound, NeverHappened (403, with a hint), ClusterUnavailable."""

    async def identity(self) -> ClusterIdentity: ...
    async def namespaces(self) -> list[str]:
        """The names of all namespaces."""

    async def list_workloads(
        self, namespace: str | None, selector: str = "", kinds: Sequence[str] = LISTED
    ) -> list[Workload]:
        """Those of each kind in turn; of DaemonSets and Jobs only where they are asked for."""

    async def read(self, target: Target) -> Workload: ...
    async def root_owner(self, target: Target) -> Target:
        """Who stands at the top of the ownerReferences: what a lease is held on."""

    async def pods(self, target: Target) -> list[Pod]: ...
    async def pods_of(self, targets: Sequence[Target]) -> dict[str, list[Pod]]:
        """The pods of many workloads, by the target's key, in one list a namespace; none of one that is gone."""

    async def events(self, target: Target) -> list[ApiEvent]:
        """Events about the workload, its ReplicaSets, its autoscaler and its pods, oldest first."""

    async def autoscaler(self, target: Target) -> Autoscaler | None:
        """The HPA that is aimed at it, if there is one."""

    async def autoscalers(self, target: Target) -> list[Autoscaler]:
        """Every HPA that is aimed at it, as it is now, for a write; more than one is a mistake in the cluster."""

    async def autoscalers_of(self, targets: Sequence[Target]) -> dict[str, Autoscaler]:
        """As `autoscaler`, of each that has one, by the target's key; one list a namespace."""

    async def restraints_of(self, workloads: Sequence[Workload]) -> dict[str, Restraints]:
        """Of each, by its target's key, the PodDisruptionBudgets over its pods (by its template as it was read) and
        the ResourceQuotas of its namespace; one list of each kind a namespace."""

    async def resizable(self) -> bool:
        """Whether the cluster serves `pods/resize` (by discovery)."""


class UsageReader(Protocol):
    """metrics.k8s.io. Missing data is missing (no entry), never zero. Raises ClusterUnavailable if not served."""

    async def usage(self, target: Target) -> list[PodUsage]: ...


class ClusterWriter(Protocol):
    """Writes; constructed by wiring, held by the executor (and its resolver) only."""

    async def apply(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Workload:
        """One try of at most 10 s, with `flyball-<intent>` as field manager and `intent` as Audit-ID.

        A permit of mode `dry_run` sends `dryRun=All`. Returns the object afterwards. Raises NeverHappened,
        DefiniteConflict, MayHaveHappened, nothing else.
        """

    async def resize(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Pod:
        """One try on `pods/resize` of `patch.pod`, one of the workload's own; as `apply` otherwise.

        The permit is a part of the request's (`Permit.part`), so that each pod is written once.
        """

    async def fence_pod(self, target: Target, pod: str, intent: str) -> Pod:
        """As `fence`, on one of the workload's pods, by the annotation. Raises like `apply`."""

    async def set_bounds(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Autoscaler:
        """One try on `patch.autoscaler`, an HPA that is aimed at the workload; as `apply` otherwise.

        The annotation `flyball.io/intent` goes with it: the mark of a write that others then change.
        """

    async def fence_autoscaler(self, target: Target, name: str, intent: str) -> Autoscaler:
        """As `fence`, on the workload's HPA of that name, by the annotation. Raises like `apply`."""

    async def fence(self, target: Target, intent: str) -> Workload:
        """Move the object's resourceVersion on, so that a write of `intent` still in flight gets 409.

        By the annotation `flyball.io/fence`; where only `/scale` may be patched, by a server-side apply of
        the current replicas. Returns the object afterwards. Raises like `apply`.
        """


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that is held: `token` grows with every holder of `key`."""

    key: str
    token: int


class Leases(Protocol):
    """Mutual exclusion between processes; correctness rests on the token (a claim in the log), not on time."""

    def hold(self, key: str) -> AbstractAsyncContextManager[Held]:
        """Wait for the lease, renew it while held, release it at the end. Raises LeaseBusy after a while."""
