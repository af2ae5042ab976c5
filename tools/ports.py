"""The ports through which every room sees a cluster. Adapters: tools/cluster (Kubernetes), sandbox (simulated).

Reading and writing are two ports: tools that a model calls get a reader; only the executor holds a writer.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from policies.types import Permit, Target


@dataclass(frozen=True, slots=True)
class ClusterIdentity:
    """A cluster as policy names it and as it is: `uid` is the UID of its kube-system namespace."""

    name: str
    uid: str
    server: str


@dataclass(frozen=True, slots=True)
class Resources:
    """Requests and limits of one container: CPU in millicores, memory in bytes; None where not set."""

    cpu_request: int | None = None
    cpu_limit: int | None = None
    memory_request: int | None = None
    memory_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Container:
    name: str
    image: str
    resources: Resources


def manager_of(intent: str) -> str:
    """The field manager that marks an intent's write."""
    return f"flyball-{intent}"


@dataclass(frozen=True, slots=True)
class Manager:
    """One entry of managedFields. `fields` are the top paths it owns, e.g. `spec.replicas`."""

    name: str
    operation: str
    subresource: str
    at: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment or StatefulSet as it was read. Counts are pods; `owner` is who keeps its replicas
    (`horizontalpodautoscaler/web`, `argocd/shop`, …) or None."""

    target: Target
    uid: str
    resource_version: str
    generation: int
    observed_generation: int
    replicas: int
    ready: int
    updated: int
    available: int
    paused: bool
    containers: tuple[Container, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    managers: tuple[Manager, ...]
    owner: str | None
    created_at: str
    selector: Mapping[str, str]

    def marked(self, intent: str) -> bool:
        """Whether fields that this intent wrote are still its own: nobody has written over them since."""
        return any(manager.name == manager_of(intent) for manager in self.managers)


@dataclass(frozen=True, slots=True)
class PodUsage:
    """The latest sample of metrics.k8s.io for one pod: containers' CPU in millicores, memory in bytes."""

    pod: str
    at_ms: int
    window_s: int
    containers: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Pod:
    name: str
    phase: str
    ready: bool
    node: str | None
    containers: tuple[Container, ...]
    started_at_ms: int | None
    restarts: int
    deleting: bool


@dataclass(frozen=True, slots=True)
class Patch:
    """One change as the API takes it: a strategic merge patch of the object or of a subresource.

    The adapter adds UID and resourceVersion as preconditions, the field manager, the Audit-ID and dryRun.
    """

    subresource: Literal["", "scale"]
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must still hold on the server: a mismatch is a DefiniteConflict."""

    uid: str
    resource_version: str


class ClusterReader(Protocol):
    """Reads. Raises NotFound, NeverHappened (403, with the mend), ClusterAway."""

    async def identity(self) -> ClusterIdentity: ...
    async def list_workloads(self, namespace: str | None, selector: str = "") -> list[Workload]: ...
    async def read(self, target: Target) -> Workload: ...
    async def root_owner(self, target: Target) -> Target:
        """Who stands at the top of the ownerReferences: what a lease is held on."""

    async def pods(self, target: Target) -> list[Pod]: ...


class UsageReader(Protocol):
    """metrics.k8s.io. Missing data is missing (no entry), never zero. Raises ClusterAway if not served."""

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
