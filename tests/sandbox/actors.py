"""What tests of the sandbox act with: targets of the default world, and Flyball's writes under a permit."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from policies.types import Target
from sandbox.cluster import SimulatedCluster
from sandbox.world import World
from sandbox.writer import SimulatedWriter
from tests.contract.harness import Hand
from tests.contract.simulated import SimulatedUnderTest
from tools.cluster_types import Workload

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def shop(name: str, kind: str = "deployment") -> Target:
    """A workload of the default world."""
    return Target(cluster="sandbox", namespace="shop", kind=kind, name=name)


def read(world: World, target: Target) -> Workload:
    return run(SimulatedCluster(world).read(target))


def hand(world: World) -> Hand:
    """Permits and writes as the executor makes them."""
    return Hand(SimulatedUnderTest(world))


def scale(world: World, target: Target, replicas: int, **how: Any) -> Workload:
    return run(hand(world).scale(target, replicas, **how))


def fence(world: World, target: Target, intent: str) -> Workload:
    return run(SimulatedWriter(world).fence(target, intent))
