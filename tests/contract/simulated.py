"""The simulated cluster under the contract: a world in a temporary folder, whose time the tests move."""

import asyncio
from pathlib import Path
from typing import Literal

from policies.types import Target
from sandbox.apiserver import Write
from sandbox.cluster import SimulatedCluster
from sandbox.errors import ApiError
from sandbox.store import Key
from sandbox.world import World
from sandbox.writer import SimulatedWriter
from tests.contract.harness import Body, Check, Json, Refused
from tools.ports import ClusterReader, ClusterWriter, UsageReader

_STEP_S = 5
_STEPS = 100


class SimulatedUnderTest:
    """ClusterUnderTest on a World."""

    namespace = "contract"

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


def _sub(name: str) -> Literal["", "scale"]:
    return "scale" if name == "scale" else ""
