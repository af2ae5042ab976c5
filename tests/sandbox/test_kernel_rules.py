"""Throttling and OOM kills against the kernel's rules, period by period and byte by byte."""

import random

import numpy as np
import pytest

from forecasting.throttling import PERIOD_US, throttled
from sandbox.api.store import Key
from sandbox.cluster import SimulatedCluster
from sandbox.world import World
from tests.kit.manifests import APP, workload
from tests.sandbox.actors import run, shop


@pytest.mark.parametrize("limit", [250, 500, 1000, 4000])
@pytest.mark.parametrize("load", [0.2, 0.5, 0.8])
def test_throttling_is_that_of_a_quota_refilled_every_100_ms(limit: int, load: float) -> None:
    """Documentation/scheduler/sched-bwc.rst: quota refilled each period, nothing carried over, a period counts
    only if there was work, and as throttled if the quota ran out with work left."""
    chance, service, quota = random.Random(limit), 20_000, limit * PERIOD_US // 1000
    left, periods, throttles, due = 0.0, 0, 0, 0.0
    rate = load * quota / service
    for _ in range(40_000):
        work = left
        due += chance.expovariate(1.0) if due == 0 else 0
        while due < rate:
            work += chance.expovariate(1 / service)
            due += chance.expovariate(1.0)
        due -= rate
        if work > 0:
            periods += 1
        left = max(0.0, work - quota)
        throttles += left > 0
    ours = float(throttled(np.array([load]), quota, service)[0])
    assert ours == pytest.approx(throttles / periods, abs=0.025)


def test_more_work_than_quota_throttles_every_period() -> None:
    assert throttled(np.array([1.0, 1.7]), 50_000, 20_000).tolist() == [1.0, 1.0]
    assert throttled(np.array([0.0]), 50_000, 20_000).tolist() == [0.0]


def greedy(memory: str, limit: str, **load: str) -> list[dict[str, object]]:
    container = {**APP, "resources": {"limits": {"memory": limit, "cpu": "1"}}}
    manifest = workload("greedy", namespace="shop", replicas=1, containers=(container,))
    spec = {"target": "deployment/greedy", "memory": memory, **load}
    metadata = {"name": "greedy", "namespace": "shop"}
    return [manifest, {"kind": "Load", "metadata": metadata, "spec": spec}]


def test_memory_up_to_the_limit_lives_and_one_byte_more_is_killed(world: World) -> None:
    """Documentation/admin-guide/cgroup-v2.rst, memory.max: usage that reaches over it and cannot be reduced
    invokes the OOM killer."""
    world.load(greedy("128Mi", "128Mi"))
    world.advance(600)
    cluster = SimulatedCluster(world)
    assert run(cluster.pods(shop("greedy")))[0].restarts == 0
    world.load(greedy(str((128 << 20) + 1), "128Mi"))
    world.advance(600)
    assert run(cluster.pods(shop("greedy")))[0].restarts > 0


def test_a_leak_is_killed_when_its_working_set_is_over_the_limit(world: World) -> None:
    world.load(greedy("100Mi", "128Mi", leak="60Mi", startup="15s"))
    begun, cluster = world.now_ms(), SimulatedCluster(world)
    while run(cluster.pods(shop("greedy")))[0].restarts == 0:
        world.advance(15)
        assert world.now_ms() < begun + 3_600_000
    lived_s = (world.now_ms() - begun) // 1000
    assert 28 * 60 < lived_s <= 28 * 60 + 15  # 28 MiB at 60 MiB an hour
    with world.store.read() as txn:
        assert txn.get(Key("deployment", "shop", "greedy")) is not None
