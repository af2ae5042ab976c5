"""The world: default contents, virtual time, reproducibility, reset, manifests."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.api.errors import ApiError, SandboxError
from sandbox.api.store import Key
from sandbox.cluster import SimulatedCluster
from sandbox.manifest_files import default_world
from sandbox.manifest_files import read as read_file
from sandbox.world import START_MS, World
from tests.kit.effort import examples, rounds
from tests.kit.manifests import workload
from tests.sandbox.actors import read, run, scale, shop

UID = "11111111-2222-4333-8444-555555555555"


def dump(world: World) -> str:
    with world.store.read() as txn:
        kinds = ("namespace", "node", "deployment", "statefulset", "horizontalpodautoscaler", "load", "pod")
        return json.dumps([txn.all(kind) for kind in kinds], sort_keys=True)


def test_the_default_world_is_the_shop(cluster: SimulatedCluster) -> None:
    found = {w.target.name: w for w in run(cluster.list_workloads("shop"))}
    assert set(found) == {"web", "search", "checkout", "payments", "report", "worker"}
    assert all(w.ready == w.replicas for w in found.values())
    assert (found["web"].replicas, found["search"].replicas) == (4, 6)
    assert found["search"].containers[0].resources.cpu_request == 1000
    assert found["checkout"].owner == "horizontalpodautoscaler/checkout"
    assert found["payments"].owner == "argocd"
    assert found["web"].owner is None
    nodes = {p.node for w in found.values() for p in run(cluster.pods(w.target))}
    assert nodes == {"node-1", "node-2", "node-3"}


@pytest.mark.parametrize("seed", range(20))
def test_a_tuning_pass_finds_web_too_small(tmp_path: Path, seed: int) -> None:
    """The HPA's formula at 70 % of requests wants 7 to 9 pods: more than 4, at most 5 more."""
    world = World(tmp_path)
    world.reset(seed=seed)
    used = [s.containers["app"][0] for s in run(SimulatedCluster(world).usage(shop("web")))]
    assert len(used) == 4
    desired = math.ceil(4 * (sum(used) / 4) / (500 * 0.7))
    assert 7 <= desired <= 9


def test_after_the_scale_web_is_well(world: World) -> None:
    scale(world, shop("web"), 8)
    world.advance(60)
    used = [s.containers["app"][0] for s in run(SimulatedCluster(world).usage(shop("web")))]
    assert len(used) == 8
    assert math.ceil(8 * (sum(used) / 8) / (500 * 0.7)) == 8


def test_time_moves_only_when_told(world: World) -> None:
    clock = world.clock()
    assert clock.world_ms() == START_MS == clock.world_ms()
    assert world.advance(7_200) == START_MS + 7_200_000 == clock.world_ms()
    assert clock.wall_ms() > 0
    with pytest.raises(SandboxError):
        world.advance(-1)
    assert clock.world_ms() == START_MS + 7_200_000


def test_new_pods_are_ready_after_their_start_up_time(world: World) -> None:
    """web starts in 25 s."""
    scale(world, shop("web"), 8)
    assert read(world, shop("web")).ready == 4
    world.advance(24)
    assert read(world, shop("web")).ready == 4
    world.advance(1)
    assert read(world, shop("web")).ready == 8


def test_one_long_advance_is_many_short_ones(tmp_path: Path) -> None:
    worlds = [World(tmp_path / name) for name in ("a", "b")]
    for world in worlds:
        world.reset(cluster_uid=UID)
        scale(world, shop("web"), 8, intent="same-intent")
    hours = rounds(4, 26)
    worlds[0].advance(hours * 3600)
    for _ in range(hours * 60):
        worlds[1].advance(60)
    assert dump(worlds[0]) == dump(worlds[1])


def test_the_same_seed_makes_the_same_world(tmp_path: Path) -> None:
    usages = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        world = World(tmp_path / name)
        world.reset(seed=seed, cluster_uid=UID)
        usages.append([s.containers for s in run(SimulatedCluster(world).usage(shop("web")))])
    assert usages[0] == usages[1] != usages[2]
    assert dump(World(tmp_path / "a")) == dump(World(tmp_path / "b"))


def test_reset_is_another_cluster_and_time_goes_on(world: World, cluster: SimulatedCluster) -> None:
    before = run(cluster.identity())
    web = read(world, shop("web"))
    world.advance(30 * 86_400)
    late = world.now_ms()
    world.reset()
    after = run(cluster.identity())
    assert after.uid != before.uid
    assert read(world, shop("web")).uid != web.uid
    assert world.now_ms() > late
    assert (world.now_ms() - START_MS) % (7 * 86_400_000) == 0


def test_the_cluster_is_known_by_the_uid_of_kube_system(world: World, cluster: SimulatedCluster) -> None:
    with world.store.read() as txn:
        system = txn.get(Key("namespace", "", "kube-system"))
    assert system is not None
    assert run(cluster.identity()).uid == system["metadata"]["uid"]


def test_the_world_lasts(tmp_path: Path) -> None:
    world = World.open(tmp_path)
    scale(world, shop("web"), 6)
    world.advance(60)
    world.close()
    again = World.open(tmp_path)
    assert (read(again, shop("web")).ready, again.now_ms()) == (6, START_MS + 60_000)


def test_a_leak_fills_the_memory_and_the_pod_restarts(world: World, cluster: SimulatedCluster) -> None:
    """worker: 150 MiB and 20 MiB an hour up to 512 MiB, so every 18.1 hours."""
    target = shop("worker", "statefulset")
    memory = []
    for _ in range(17):
        memory.append(run(cluster.usage(target))[0].containers["app"][1])
        world.advance(3600)
    assert memory == sorted(memory)
    assert run(cluster.pods(target))[0].restarts == 0
    world.advance(2 * 3600)
    assert run(cluster.pods(target))[0].restarts == 1
    assert run(cluster.usage(target))[0].containers["app"][1] < memory[-1]


def test_the_nightly_batch_sleeps_by_day(world: World, cluster: SimulatedCluster) -> None:
    def cpu() -> int:
        return run(cluster.usage(shop("report")))[0].containers["app"][0]

    assert cpu() == 5
    world.advance(12 * 3600)  # 02:00
    assert cpu() > 1000


def test_usage_stops_at_the_limit(world: World, cluster: SimulatedCluster) -> None:
    scale(world, shop("web"), 2)
    assert [s.containers["app"][0] for s in run(cluster.usage(shop("web")))] == [1000, 1000]


def test_gaps_are_missing_samples(world: World, cluster: SimulatedCluster) -> None:
    manifest = {"kind": "Load", "metadata": {"name": "web", "namespace": "shop"}}
    world.load([{**manifest, "spec": {"target": "deployment/web", "gaps": "50%"}}])
    counts = set()
    for _ in range(40):
        counts.add(len(run(cluster.usage(shop("web")))))
        world.advance(15)
    assert min(counts) < 4
    assert max(counts) <= 4


def test_pods_without_room_wait_until_there_is_some(world: World, cluster: SimulatedCluster) -> None:
    scale(world, shop("search"), 40)
    world.advance(600)
    pods = run(cluster.pods(shop("search")))
    waiting = [p for p in pods if p.node is None]
    assert len(pods) == 40
    assert waiting
    assert {(p.phase, p.ready, p.started_at_ms) for p in waiting} == {("Pending", False, None)}
    scale(world, shop("search"), 6)
    world.advance(600)
    assert read(world, shop("search")).ready == 6


def test_a_rollout_keeps_enough_pods_serving(world: World, cluster: SimulatedCluster) -> None:
    """With 25 % surge and 25 % unavailable a rollout of four never has fewer than three ready."""
    container = {"name": "app", "image": "registry.example/shop/web:4.3"}
    manifest = next(
        m for m in default_world() if m["kind"] == "Deployment" and m["metadata"]["name"] == "web"
    )
    manifest["spec"]["template"]["spec"]["containers"] = [container]
    world.load([manifest])
    for _ in range(30):
        seen = read(world, shop("web"))
        assert seen.ready >= 3
        assert len(run(cluster.pods(shop("web")))) <= 5
        world.advance(5)
    seen = read(world, shop("web"))
    assert (seen.updated, seen.ready, seen.observed_generation) == (4, 4, seen.generation)
    assert {c.image for p in run(cluster.pods(shop("web"))) for c in p.containers} == {container["image"]}


def test_a_file_is_loaded_whole_or_not_at_all(world: World, tmp_path: Path) -> None:
    good, bad = workload("good"), workload("bad")
    bad["spec"]["replicas"] = -1
    path = tmp_path / "two.json"
    path.write_text(json.dumps({"kind": "List", "items": [good, bad]}))
    with pytest.raises(ApiError) as refused:
        world.load(read_file(path))
    assert refused.value.status == 422
    assert [w.target.name for w in run(SimulatedCluster(world).list_workloads("default"))] == []
    path.write_text(json.dumps(good))
    assert [k.name for k in world.load(read_file(path))] == ["good"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: DaemonSet\nmetadata: {name: x}", "`DaemonSet` is unknown"),
        ("kind: Pod\nmetadata: {name: x}", "pods follow from workloads"),
        ("kind: Deployment\nmetadata: {}", "not a DNS name"),
        ("kind: Deployment\nmetadata: {name: Web}", "not a DNS name"),
        ("kind: Load\nmetadata: {name: x}\nspec: {target: web}", "spec.target"),
        ("kind: Load\nmetadata: {name: x}\nspec: {target: deployment/web, cpus: 1}", "spec.cpus is unknown"),
        ("kind: Load\nmetadata: {name: x}\nspec: {target: deployment/web, cpu: -1}", "negative"),
        ("kind: Load\nmetadata: {name: x}\nspec: {target: deployment/web, window: 1-2}", "time of day"),
        ("kind: HorizontalPodAutoscaler\nmetadata: {name: x}", "scaleTargetRef"),
        ("kind: Node\nmetadata: {name: x}\nstatus: {allocatable: {cpu: much}}", "allocatable"),
        ("- 1", "must be an object"),
        ("a: [", "not YAML"),
        ("a: .nan", "not YAML"),
        ("a: 2026-01-01", "not YAML"),
    ],
)
def test_a_bad_manifest_is_named(world: World, tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    before = dump(world)
    with pytest.raises(SandboxError) as refused:
        world.load(read_file(path))
    assert says in refused.value.what
    assert dump(world) == before


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.sampled_from(["app", "1", "25%", "-1", "x y", ""]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "app", "cpu"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_PATHS = (
    "metadata", "metadata.labels", "metadata.annotations", "metadata.ownerReferences", "spec", "spec.replicas",
    "spec.selector", "spec.selector.matchLabels", "spec.strategy", "spec.paused", "spec.template",
    "spec.template.metadata", "spec.template.spec", "spec.template.spec.containers", "status",
)  # fmt: skip


@examples(40, 400)
@given(
    path=st.sampled_from(_PATHS),
    value=_JSON,
    kind=st.sampled_from(["Deployment", "StatefulSet", "Load", "Node"]),
)
def test_no_manifest_breaks_the_world(
    tmp_path_factory: pytest.TempPathFactory, path: str, value: Any, kind: str
) -> None:
    """Whatever is loaded is refused in words or lives on: it never leaves a world that cannot be read."""
    world = World(tmp_path_factory.mktemp("fuzz"))
    world.reset([])
    manifest = {**workload("web"), "kind": kind}
    *parents, last = path.split(".")
    node = manifest
    for step in parents:
        node = node[step]
    node[last] = value
    try:
        world.load([manifest])
    except (SandboxError, ApiError):
        assert dump(world)
    cluster = SimulatedCluster(world)
    world.advance(120)
    for seen in run(cluster.list_workloads(None)):
        run(cluster.pods(seen.target))
        run(cluster.usage(seen.target))
    world.close()
