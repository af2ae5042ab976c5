"""What a cluster must offer to be put to the contract: the ports, and a way to act as somebody else."""

import copy
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from policies.types import (
    Mode,
    Observation,
    Permit,
    Principal,
    Request,
    Situation,
    Target,
    digest_of,
    mint_permit,
)
from tools.ports import ClusterReader, ClusterWriter, Patch, Precondition, UsageReader, Workload

Json = dict[str, Any]
Check = Callable[[], Awaitable[bool]]

APP: Json = {
    "name": "app",
    "image": "registry.example/app:1",
    "env": [{"name": "MODE", "value": "live"}],
    "resources": {
        "requests": {"cpu": "100m", "memory": "64Mi"},
        "limits": {"cpu": "200m", "memory": "128Mi"},
    },
}
SIDECAR: Json = {
    "name": "sidecar",
    "image": "registry.example/sidecar:1",
    "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "32Mi"}},
}


class Refused(Exception):
    """The API refused what somebody else asked of it: HTTP status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status, self.message = status, message


class ClusterUnderTest(Protocol):
    """One cluster with a namespace that is this test's own.

    `patch_as` and `apply_as` are somebody else's strategic merge patch and server-side apply (they raise
    Refused); `until` waits, in the cluster's own time, and fails when it takes too long; `load` makes each
    ready pod use that many millicores.
    """

    name: str
    namespace: str
    reader: ClusterReader
    usage: UsageReader
    writer: ClusterWriter

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


def workload(
    name: str,
    *,
    kind: str = "Deployment",
    replicas: int = 2,
    containers: tuple[Json, ...] = (APP, SIDECAR),
    **more: Any,
) -> Json:
    """A manifest; `more` goes into its metadata."""
    extra = {"serviceName": name} if kind == "StatefulSet" else {}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"app": name}, **more},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": copy.deepcopy(list(containers))},
            },
            **extra,
        },
    }


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
