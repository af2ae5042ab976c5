"""A real kube-apiserver under the contract: the shipped adapter, beside a plain REST client for everybody else."""

import asyncio
import time

from audit.clock import SystemClock
from policies.types import Target
from tests.contract.harness import Body, Check, Pressure, Refused
from tests.kit.manifests import Json
from tests.real.cluster import Namespace, eventually
from tests.real.node import CPU, NODES
from tests.real.rest import APPLY
from tests.real.rest import Refused as RestRefused
from tools.cluster.connect import connect
from tools.cluster.reader import KubernetesCluster
from tools.cluster.writer import KubernetesWriter
from tools.ports import ClusterReader, ClusterWriter, UsageReader

STRATEGIC = "application/strategic-merge-patch+json"
_PATIENCE_S = 60
_APIS = {
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2",
    "PodDisruptionBudget": "/apis/policy/v1",
    "ResourceQuota": "/api/v1",
    "LimitRange": "/api/v1",
}


class RealUnderTest:
    """ClusterUnderTest on one namespace of the control plane."""

    def __init__(self, kube: Namespace, reader: KubernetesCluster) -> None:
        self._kube = kube
        self.reader: ClusterReader = reader
        self.usage: UsageReader = reader
        self.writer: ClusterWriter = KubernetesWriter(reader, SystemClock())
        self.name, self.namespace = reader.name, kube.name
        self.nodes = len(NODES)

    @property
    def node_cpu(self) -> int:
        """Who counts on it has the nodes alone: what other tests left behind is waited for."""
        eventually(self._alone, "the other tests' pods to go", _PATIENCE_S)
        return int(CPU) * 1000

    def now_ms(self) -> int:
        return SystemClock().wall_ms()

    async def create(self, manifest: Json) -> None:
        kind = manifest["kind"]
        group = _APIS.get(kind, "/apis/apps/v1")
        path = f"{group}/namespaces/{self.namespace}/{kind.lower()}s"
        made = self._kube.api.post(path, manifest)
        if kind == "ResourceQuota":
            await self.until(lambda: self._in_force(f"{path}/{made['metadata']['name']}"))

    async def object(self, target: Target) -> Json:
        return self._kube.api.get(self._path(target))

    async def delete(self, target: Target) -> None:
        self._kube.api.delete(self._path(target), propagationPolicy="Background")

    async def patch_as(self, manager: str, target: Target, body: Json, subresource: str = "") -> Json:
        return self._send(self._path(target, subresource), body, STRATEGIC, fieldManager=manager)

    async def apply_as(
        self, manager: str, target: Target, body: Json, subresource: str = "", *, force: bool = False
    ) -> Json:
        query = {"fieldManager": manager, "force": str(force).lower()}
        return self._send(self._path(target, subresource), body, APPLY, **query)

    async def pod(self, name: str) -> Json:
        return self._kube.pod(name)

    async def delete_pod(self, name: str) -> None:
        self._kube.api.delete(f"{self._kube.core}/pods/{name}")

    async def patch_pod_as(self, manager: str, name: str, body: Json, subresource: str = "") -> Json:
        path = f"{self._kube.core}/pods/{name}"
        return self._send(
            f"{path}/{subresource}" if subresource else path, body, STRATEGIC, fieldManager=manager
        )

    async def resize_pressure(self, target: Target, pressure: Pressure) -> None:
        for pod in await self.reader.pods(target):
            self._kube.tell(pod.name, resize=pressure.lower() or None)

    async def oom_kill(self, pod: str, container: str) -> None:
        statuses = self._kube.pod(pod)["status"]["containerStatuses"]
        kills = next(one["restartCount"] for one in statuses if one["name"] == container) + 1
        self._kube.tell(pod, oom_kills=f"{container}={kills}")

    async def _in_force(self, path: str) -> bool:
        return bool(self._kube.api.get(path).get("status", {}).get("hard"))

    def _alone(self) -> bool:
        pods = self._kube.api.get("/api/v1/pods")["items"]
        return all(pod["metadata"]["namespace"] == self.namespace for pod in pods)

    def _send(self, path: str, body: Json, kind: str, **query: str) -> Json:
        try:
            return self._kube.api.call("PATCH", path, body, kind, **query)
        except RestRefused as e:
            raise Refused(e.http, str(e.body.get("message"))) from e

    def _path(self, target: Target, subresource: str = "") -> str:
        group = (
            _APIS["HorizontalPodAutoscaler"] if target.kind == "horizontalpodautoscaler" else "/apis/apps/v1"
        )
        path = f"{group}/namespaces/{self.namespace}/{target.kind}s/{target.name}"
        return f"{path}/{subresource}" if subresource else path

    async def until(self, check: Check) -> None:
        """Polls: controllers and kubelets of the real cluster move in real time."""
        deadline = time.monotonic() + _PATIENCE_S
        while not await check():
            assert time.monotonic() < deadline, f"not within {_PATIENCE_S} s"
            await asyncio.sleep(0.1)

    async def load(self, target: Target, cpu: int) -> None:
        ready = (await self.reader.read(target)).ready
        self._kube.demand(target.name, f"{cpu * ready}m", kind=target.kind)


class RealHarness:
    """One namespace of the control plane for each test."""

    def __init__(self, kube: Namespace) -> None:
        self._kube = kube

    def run(self, body: Body) -> None:
        asyncio.run(self._run(body))

    async def _run(self, body: Body) -> None:
        reader = await connect(None, self._kube.plane.kubeconfig, clock=SystemClock())
        try:
            await body(RealUnderTest(self._kube, reader))
        finally:
            await reader.close()
