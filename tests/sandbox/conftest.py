"""A world of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.cluster import SimulatedCluster
from sandbox.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The default world, in a temporary folder."""
    world = World.open(tmp_path)
    yield world
    world.close()


@pytest.fixture
def cluster(world: World) -> SimulatedCluster:
    return SimulatedCluster(world)
