"""The simulated cluster under the contract: a world in a temporary folder, whose time the tests move."""

import asyncio
from pathlib import Path
from typing import Literal

from policies.types import Target
from sandbox.api import faults
from sandbox.api.apiserver import ApiServer, Write
from sandbox.api.errors import ApiError
from sandbox.api.store import Key, Transaction
from sandbox.cluster import SimulatedCluster
from sandbox.controllers.pods import oom_kill, workload_of
from sandbox.controllers.workloads import settle
from sandbox.world import World
from sandbox.writer import SimulatedWriter
from tests.contract.harness import Body, Check, Pressure, Refused
from tests.kit.manifests import Json
from tools.ports import ClusterReader, ClusterWriter, UsageReader

_STEP_S = 5
_STEPS = 100


class SimulatedUnderTest:
    """ClusterUnderTest on a World."""

    namespace = "contract"
    nodes, node_cpu = 3, 8000

    def __init__(self, world: World) -> None:
        self.world = world
        cluster = SimulatedCluster(world)
        self.reader: ClusterReader = cluster
        self.usage: UsageReader = cluster
        self.writer: ClusterWriter = SimulatedWriter(world)
        self.name = cluster.name

    def now_ms(self) -> int:
        return self.world.now_ms()

    async def create(self, manifest: Json) -> None:
        manifest = {**manifest, "metadata": {**manifest["metadata"], "namespace": self.namespace}}
        self.world.load([manifest])

    async def object(self, target: Target) -> Json:
        with self.world.store.read() as txn:
            found = txn.get(_key(target))
        assert found is not None
        return found

    async def delete(self, target: Target) -> None:
        self.world.delete(_key(target))

    async def patch_as(self, manager: str, target: Target, body: Json, subresource: str = "") -> Json:
        return self._send(Write("patch", _key(target), _sub(subresource), body, manager))

    async def apply_as(
        self, manager: str, target: Target, body: Json, subresource: str = "", *, force: bool = False
    ) -> Json:
        return self._send(Write("apply", _key(target), _sub(subresource), body, manager, force=force))

    def _send(self, call: Write) -> Json:
        try:
            return self.world.send(call)
        except ApiError as e:
            raise Refused(e.status, e.message) from e

    async def until(self, check: Check) -> None:
        for _ in range(_STEPS):
            if await check():
                return
            self.world.advance(_STEP_S)
        raise AssertionError(f"not within {_STEP_S * _STEPS} s of the world's time")

    async def load(self, target: Target, cpu: int) -> None:
        ready = (await self.reader.read(target)).ready
        spec = {"target": str(target), "cpu": f"{cpu * ready}m"}
        metadata = {"name": target.name, "namespace": self.namespace}
        self.world.load([{"kind": "Load", "metadata": metadata, "spec": spec}])

    async def pod(self, name: str) -> Json:
        with self.world.store.read() as txn:
            found = txn.get(self._pod(name))
        assert found is not None
        return found

    async def delete_pod(self, name: str) -> None:
        self.world.delete(self._pod(name))

    async def patch_pod_as(self, manager: str, name: str, body: Json, subresource: str = "") -> Json:
        return self._send(Write("patch", self._pod(name), _sub(subresource), body, manager))

    async def resize_pressure(self, target: Target, pressure: Pressure) -> None:
        with self.world.store.write() as txn:
            faults.press(txn, _key(target), pressure)

    async def oom_kill(self, pod: str, container: str) -> None:
        with self.world.store.write() as txn:
            found = txn.get(self._pod(pod))
            assert found is not None
            api = _api(txn)
            assert oom_kill(api, found, container)
            workload = workload_of(found)
            assert workload is not None
            settle(api, workload)

    def _pod(self, name: str) -> Key:
        return Key("pod", self.namespace, name)


class SimulatedHarness:
    """A bare world for each test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, body: Body) -> None:
        world = World(self._folder)
        world.reset([{"kind": "Namespace", "metadata": {"name": SimulatedUnderTest.namespace}}])
        try:
            asyncio.run(body(SimulatedUnderTest(world)))
        finally:
            world.close()


def _key(target: Target) -> Key:
    return Key(target.kind, target.namespace or "", target.name)


def _api(txn: Transaction) -> ApiServer:
    return ApiServer(txn, txn.number("now_ms"))


def _sub(name: str) -> Literal["", "scale", "resize"]:
    return "scale" if name == "scale" else "resize" if name == "resize" else ""
