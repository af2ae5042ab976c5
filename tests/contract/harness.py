"""What a cluster must offer to be put to the contract: the ports, and a way to act as somebody else."""

import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from policies.permit import Permit, mint_permit
from policies.types import Mode, Observation, Principal, Request, Situation, Target, digest_of
from tests.kit.manifests import Json, workload
from tools.cluster_types import Patch, Pod, Precondition, Workload
from tools.ports import ClusterReader, ClusterWriter, UsageReader

Check = Callable[[], Awaitable[bool]]
Pressure = Literal["", "Deferred", "Infeasible", "Error"]
"""How a node takes a resize: as it has room (empty), or as if it had none now, never, or failed to carry it out."""


class Refused(Exception):
    """The API refused what somebody else asked of it: HTTP status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status, self.message = status, message


class ClusterUnderTest(Protocol):
    """One cluster with a namespace that is this test's own.

    `patch_as` and `apply_as` are somebody else's strategic merge patch and server-side apply (they raise
    Refused), `patch_pod_as` the same of a pod; `until` waits, in the cluster's own time, and fails when it takes
    too long; `load` makes each ready pod use that many millicores, and when their number changes the sum stays.

    - `create` takes a Deployment, StatefulSet, HorizontalPodAutoscaler, PodDisruptionBudget, ResourceQuota or
      LimitRange; a quota is in force when it returns.
    - `pod` is a pod as the API has it, `delete_pod` deletes one as somebody else.
    - `resize_pressure` says how the nodes take resizes of the workload's pods from now on; where it is empty a
      node goes by its allocatable and the requests of its pods, and looks again at what it deferred when that
      changes. A resize that is taken completes within seconds.
    - `oom_kill` lets the kernel end a pod's container for memory; it is started again after its back-off.
    - `node_cpu` is the allocatable CPU of each of the `nodes`, in millicores; nothing else runs on them.
    """

    name: str
    namespace: str
    reader: ClusterReader
    usage: UsageReader
    writer: ClusterWriter
    nodes: int
    node_cpu: int

    def now_ms(self) -> int: ...
    async def create(self, manifest: Json) -> None: ...
    async def object(self, target: Target) -> Json: ...
    async def delete(self, target: Target) -> None: ...
    async def patch_as(self, manager: str, target: Target, body: Json, subresource: str = "") -> Json: ...
    async def apply_as(
        self, manager: str, target: Target, body: Json, subresource: str = "", *, force: bool = False
    ) -> Json: ...
    async def until(self, check: Check) -> None: ...
    async def load(self, target: Target, cpu: int) -> None: ...
    async def pod(self, name: str) -> Json: ...
    async def delete_pod(self, name: str) -> None: ...
    async def patch_pod_as(self, manager: str, name: str, body: Json, subresource: str = "") -> Json: ...
    async def resize_pressure(self, target: Target, pressure: Pressure) -> None: ...
    async def oom_kill(self, pod: str, container: str) -> None: ...


Body = Callable[[ClusterUnderTest], Coroutine[Any, Any, None]]


class Harness(Protocol):
    """Opens a cluster, runs one test on it, closes it again."""

    def run(self, body: Body) -> None: ...


@dataclass
class Hand:
    """A writer's hand: permits come from a real Request and Observation, each for one write."""

    cluster: ClusterUnderTest
    used: int = 0

    async def write(
        self,
        target: Target,
        patch: Patch,
        *,
        seen: Workload | None = None,
        mode: Mode = "live",
        intent: str = "",
    ) -> Workload:
        """Write on what was read (by default just now) under a fresh permit."""
        seen = seen or await self.cluster.reader.read(target)
        precondition = Precondition(seen.uid, seen.resource_version)
        return await self.cluster.writer.apply(
            self.permit(seen, mode), intent or self.intent(), target, patch, precondition
        )

    async def scale(self, target: Target, replicas: int, **how: Any) -> Workload:
        return await self.write(target, Patch("scale", {"spec": {"replicas": replicas}}), **how)

    async def resize(
        self,
        target: Target,
        pod: Pod,
        patch: Patch,
        *,
        mode: Mode = "live",
        intent: str = "",
        precondition: Precondition | None = None,
    ) -> Pod:
        """Resize one pod under a part of a fresh permit, on the pod as it was read."""
        permit = self.permit(await self.cluster.reader.read(target), mode).part(patch.pod)
        before = precondition or Precondition(pod.uid, pod.resource_version)
        return await self.cluster.writer.resize(permit, intent or self.intent(), target, patch, before)

    def intent(self) -> str:
        return str(uuid.uuid4())

    def permit(self, seen: Workload, mode: Mode = "live", *, for_ms: int = 60_000) -> Permit:
        """A permit as the gate mints it, for what was seen."""
        self.used += 1
        principal = Principal(agent=None, on_behalf_of="human:anna", session="contract")
        request = Request(
            id=f"contract-{self.used:06d}",
            principal=principal,
            tool="scale",
            action="scale",
            target=seen.target,
            args={},
            mode=mode,
        )
        view: dict[str, object] = {"uid": seen.uid, "replicas": seen.replicas}
        observation = Observation(
            target=seen.target,
            at_ms=self.cluster.now_ms(),
            uid=seen.uid,
            resource_version=seen.resource_version,
            generation=seen.generation,
            labels=seen.labels,
            view=view,
            view_digest=digest_of(view),
            deltas=(),
            cluster_uid="",
        )
        now_ms = self.cluster.now_ms()
        situation = Situation(now_ms=now_ms, values={}, lease=("contract", 1), nonce=uuid.uuid4().hex)
        return mint_permit(request, observation, situation, now_ms + for_ms)


async def made(cluster: ClusterUnderTest, name: str = "web", **spec: Any) -> Target:
    """Create a workload and wait until all its pods are ready and its status is at rest."""
    manifest = workload(name, **spec)
    kind = manifest["kind"].lower()
    target = Target(cluster=cluster.name, namespace=cluster.namespace, kind=kind, name=name)
    await cluster.create(manifest)
    await at_rest(cluster, target)
    return target


async def at_rest(cluster: ClusterUnderTest, target: Target) -> Workload:
    """Wait until the controllers have nothing left to do, and return the workload then."""

    async def rests() -> bool:
        seen = await cluster.reader.read(target)
        counts = {seen.ready, seen.available, seen.replicas, len(await cluster.reader.pods(target))}
        return counts == {seen.replicas} and seen.observed_generation == seen.generation

    await cluster.until(rests)
    return await cluster.reader.read(target)


def resources_patch(name: str, **requests: str) -> Patch:
    container = {"name": name, "resources": {"requests": requests}}
    return Patch("", {"spec": {"template": {"spec": {"containers": [container]}}}})


def resize_patch(pod: Pod, container: str = "app", **blocks: Mapping[str, str | None]) -> Patch:
    """`requests` and `limits` of one container through `pods/resize`."""
    return Patch("resize", {"spec": {"containers": [{"name": container, "resources": blocks}]}}, pod.name)
