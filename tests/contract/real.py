"""A real kube-apiserver under the contract: the shipped adapter, beside a plain REST client for everybody else."""

import asyncio
import time

from audit.clock import SystemClock
from policies.types import Target
from tests.contract.harness import Body, Check, Json, Refused
from tests.real.cluster import Namespace
from tests.real.rest import APPLY
from tests.real.rest import Refused as RestRefused
from tools.cluster.connect import connect
from tools.cluster.reader import KubernetesCluster
from tools.cluster.writer import KubernetesWriter
from tools.ports import ClusterReader, ClusterWriter, UsageReader

STRATEGIC = "application/strategic-merge-patch+json"
_PATIENCE_S = 60


class RealUnderTest:
    """ClusterUnderTest on one namespace of the control plane."""

    def __init__(self, kube: Namespace, reader: KubernetesCluster) -> None:
        self._kube = kube
        self.reader: ClusterReader = reader
        self.usage: UsageReader = reader
        self.writer: ClusterWriter = KubernetesWriter(reader, SystemClock())
        self.name, self.namespace = reader.name, kube.name

    def now_ms(self) -> int:
        return SystemClock().wall_ms()

    async def create(self, manifest: Json) -> None:
        self._kube.api.post(f"{self._kube.apps}/{manifest['kind'].lower()}s", manifest)

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

    def _send(self, path: str, body: Json, kind: str, **query: str) -> Json:
        try:
            return self._kube.api.call("PATCH", path, body, kind, **query)
        except RestRefused as e:
            raise Refused(e.http, str(e.body.get("message"))) from e

    def _path(self, target: Target, subresource: str = "") -> str:
        path = f"{self._kube.apps}/{target.kind}s/{target.name}"
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
