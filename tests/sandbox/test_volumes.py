"""Volumes of the simulated world: claimed with the first pod, filled by the Load, expanded, never shrunk.

| what happens | then |
|---|---|
| a StatefulSet has claim templates | a claim a pod, that stays when the pod goes |
| time passes | each fills by its own chance, the fullest is measured, in any pieces of time the same |
| it is full | it stays so |
| it asks for more | holds more from then on, and the past is as it was |
| it asks for less, or for nothing that can be read | refused |
| two workloads name one claim | each shows it |
| a pod names a claim that is not there, or none | no figure |
"""

import pytest

from sandbox.api.errors import ApiError
from sandbox.api.store import Json, Key
from sandbox.cluster import SimulatedCluster
from sandbox.metrics import SimulatedMetrics
from sandbox.world import World
from tests.sandbox.actors import read, run, scale, shop
from tools.metrics.types import Metric, Span

GIB = 2**30
WORKER = shop("worker", "statefulset")


def figures(world: World, name: str = "worker", kind: str = "statefulset") -> tuple[int | None, int | None]:
    metrics, target, now = SimulatedMetrics(world), shop(name, kind), world.now_ms()
    found = [run(metrics.latest(m, target, now)).v for m in (Metric.DISK_USAGE, Metric.DISK_CAPACITY)]
    return found[0], found[1]


def series(world: World, metric: Metric, minutes: int) -> tuple[int | None, ...]:
    now = world.now_ms()
    return run(SimulatedMetrics(world).history(metric, WORKER, Span(now - minutes * 60_000, now, 60))).values


def claim(name: str, storage: object) -> Json:
    spec = {"resources": {"requests": {"storage": storage}}}
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def claims(world: World) -> list[str]:
    with world.store.read() as txn:
        return sorted(one["metadata"]["name"] for one in txn.all("persistentvolumeclaim"))


def mounting(name: str, claimed: object) -> Json:
    labels = {"app": name}
    pod: Json = {
        "containers": [{"name": "app", "image": "registry.example/x:1"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claimed}}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"kind": "Deployment", "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def test_each_pod_has_a_claim_of_its_own(world: World) -> None:
    assert claims(world) == ["spool-worker-0", "spool-worker-1"]
    assert read(world, WORKER).mounts_claims
    pods = run(SimulatedCluster(world).pods(WORKER))
    assert [pod.claims for pod in pods] == [("spool-worker-0",), ("spool-worker-1",)]
    assert not read(world, shop("web")).mounts_claims


def test_the_fullest_is_measured_as_it_fills(world: World) -> None:
    used, holds = figures(world)
    assert holds == 10 * GIB
    assert used is not None
    assert GIB < used < 2 * GIB
    world.advance(5 * 3600)
    later, _ = figures(world)
    assert later is not None
    assert 4.5 * 350 * 2**20 < later - used <= 5 * 350 * 2**20
    assert series(world, Metric.DISK_USAGE, 60)[-1] == later


def test_in_any_pieces_of_time_it_is_the_same(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = World.open(tmp_path_factory.mktemp("other"))
    world.advance(3600)
    for _ in range(8):
        other.advance(450)
    assert series(world, Metric.DISK_USAGE, 90) == series(other, Metric.DISK_USAGE, 90)
    other.close()


def test_what_is_full_stays_full(world: World) -> None:
    world.advance(40 * 3600)
    assert figures(world) == (10 * GIB, 10 * GIB)
    assert {*series(world, Metric.DISK_USAGE, 60)} == {10 * GIB}


def test_an_expansion_holds_from_then_on(world: World) -> None:
    world.advance(3600)
    used, _ = figures(world)
    world.load([claim("spool-worker-0", "30Gi"), claim("spool-worker-1", "30Gi")])
    world.advance(1800)
    later, holds = figures(world)
    assert holds == 30 * GIB
    assert used is not None
    assert later is not None
    assert used < later < used + 200 * 2**20
    assert [*dict.fromkeys(series(world, Metric.DISK_CAPACITY, 60))] == [10 * GIB, 30 * GIB]


def test_a_claim_outlives_its_pod_and_is_taken_up_again(world: World) -> None:
    scale(world, WORKER, 1)
    world.advance(3600)
    assert claims(world) == ["spool-worker-0", "spool-worker-1"]
    with world.store.read() as txn:
        before = txn.get(Key("persistentvolumeclaim", "shop", "spool-worker-1"))
    scale(world, WORKER, 2)
    world.advance(60)
    with world.store.read() as txn:
        assert txn.get(Key("persistentvolumeclaim", "shop", "spool-worker-1")) == before


def test_without_a_running_pod_nothing_is_measured(world: World) -> None:
    scale(world, WORKER, 0)
    world.advance(60)
    assert figures(world) == (None, None)
    assert figures(world, "web", "deployment") == (None, None)


def test_two_workloads_may_mount_one_claim(world: World) -> None:
    world.load([claim("common", "5Gi"), mounting("one", "common"), mounting("two", "common")])
    world.advance(120)
    assert figures(world, "one", "deployment") == figures(world, "two", "deployment") == (16 * 2**20, 5 * GIB)


def test_a_claim_that_is_not_there_has_no_figure(world: World) -> None:
    world.load([mounting("one", "nowhere")])
    world.advance(120)
    assert figures(world, "one", "deployment") == (None, None)


@pytest.mark.parametrize("storage", ["5Gi", "0", "-1Gi", "much", None, [], {}])
def test_what_is_refused(world: World, storage: object) -> None:
    with pytest.raises(ApiError):
        world.load([claim("spool-worker-0", storage)])
    assert figures(world)[1] == 10 * GIB


@pytest.mark.parametrize("templates", [
    "x", ["x"], [{}], [{"metadata": {}}], [{"metadata": {"name": "d"}}],
    [{"metadata": {"name": "d"}, "spec": {"resources": {"requests": {"storage": "x"}}}}],
])  # fmt: skip
def test_templates_that_cannot_be_read_are_refused(world: World, templates: object) -> None:
    made = mounting("db", "x") | {"kind": "StatefulSet"}
    made["spec"]["volumeClaimTemplates"] = templates
    with pytest.raises(ApiError):
        world.load([made])


def test_templates_may_not_change(world: World) -> None:
    changed = {"kind": "StatefulSet", "metadata": {"name": "worker", "namespace": "shop"}}
    with pytest.raises(ApiError, match="forbidden"):
        world.load([changed | {"spec": {"volumeClaimTemplates": []}}])


@pytest.mark.parametrize("claimed", [None, 7, ["x"]])
def test_a_volume_that_cannot_be_read_is_refused(world: World, claimed: object) -> None:
    with pytest.raises(ApiError):
        world.load([mounting("one", claimed)])
