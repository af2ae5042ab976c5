"""A pod's life on its node: resizes in place, kills and back-offs, nodes that go away, room that comes free."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.types import Target
from sandbox.api.apiserver import ApiServer, Write
from sandbox.api.errors import ApiError
from sandbox.api.faults import Fault, FaultKind
from sandbox.api.kinds import rfc3339
from sandbox.api.store import Json, Key
from sandbox.cluster import SimulatedCluster
from sandbox.controllers.kubelet import oom_kill
from sandbox.controllers.node_room import CPU_MANAGER
from sandbox.controllers.workloads import settle
from sandbox.world import World
from sandbox.writer import SimulatedWriter
from tests.contract.harness import resize_patch
from tests.kit.effort import examples
from tests.kit.manifests import APP, workload
from tests.sandbox.actors import hand, read, run, scale, shop
from tools.cluster_types import Pod
from tools.errors import DefiniteConflict, MayHaveHappened, NeverHappened

WEB = shop("web")


def pods(world: World, target: Target = WEB) -> list[Pod]:
    return run(SimulatedCluster(world).pods(target))


def only(world: World, target: Target = WEB) -> Pod:
    return pods(world, target)[0]


def resize(world: World, pod: Pod, target: Target = WEB, **how: Any) -> Pod:
    blocks = {name: how.pop(name) for name in ("requests", "limits") if name in how}
    return run(hand(world).resize(target, pod, resize_patch(pod, **blocks), **how))


def kill(world: World, name: str, target: Target = WEB) -> bool:
    with world.store.write() as txn:
        api = ApiServer(txn, txn.number("now_ms"))
        body = txn.get(Key("pod", target.namespace or "", name))
        assert body is not None
        done = oom_kill(api, body, "app")
        settle(api, Key(target.kind, target.namespace or "", target.name))
        return done


def send(world: World, kind: str, name: str, body: Json, namespace: str = "", sub: Any = "") -> Json:
    return world.send(Write("patch", Key(kind, namespace, name), sub, body, "somebody"))


def messages(world: World, reason: str, target: Target = WEB) -> list[tuple[str, int]]:
    found = run(SimulatedCluster(world).events(target))
    return [(one.message, one.count) for one in found if one.reason == reason]


def test_a_resize_is_seen_allocated_and_carried_out(world: World) -> None:
    pod = only(world)
    resize(world, pod, requests={"cpu": "600m"})
    assert (only(world).actual[0].resources.cpu_request, only(world).resize) == (500, "")
    world.advance(1)
    assert (only(world).actual[0].resources.cpu_request, only(world).resize) == (500, "in_progress")
    world.advance(1)
    assert (only(world).actual[0].resources.cpu_request, only(world).resize) == (600, "")
    ((started, _),), ((ended, _),) = messages(world, "ResizeStarted"), messages(world, "ResizeCompleted")
    assert started.startswith('Pod resize started: {"containers":[{"name":"app","resources":{')
    assert json.loads(ended.partition(": ")[2])["generation"] == 2


def test_a_resize_lives_as_long_as_its_pod(world: World) -> None:
    """The template did not change: a rollout brings the old amounts back."""
    resize(world, only(world), requests={"cpu": "600m"})
    world.advance(5)
    send(
        world, "deployment", "web", {"spec": {"template": {"metadata": {"annotations": {"x": "1"}}}}}, "shop"
    )
    world.advance(300)
    assert {p.actual[0].resources.cpu_request for p in pods(world)} == {500}


def test_a_memory_limit_below_what_is_used_is_an_error_until_it_is_raised(world: World) -> None:
    """web uses 180 MiB (kuberuntime_manager.go, validateMemoryResizeAction)."""
    pod = only(world)
    resize(world, pod, requests={"memory": "64Mi"}, limits={"memory": "100Mi"})
    world.advance(5)
    now = only(world)
    assert now.resize == "error"
    assert (
        f'attempting to set container "app" memory limit ({100 << 20}) below current usage ('
        in now.resize_message
    )
    assert now.actual[0].resources.memory_limit == 512 << 20
    assert now.ready
    assert len(messages(world, "ResizeError")) == 1
    resize(world, now, limits={"memory": "400Mi"})
    world.advance(5)
    assert (only(world).resize, only(world).actual[0].resources.memory_limit) == ("", 400 << 20)


def node_of(world: World, name: str, **status: Any) -> None:
    world.load([{"kind": "Node", "apiVersion": "v1", "metadata": {"name": name}, **status}])


def test_a_static_cpu_manager_makes_a_guaranteed_resize_infeasible(world: World) -> None:
    """pkg/kubelet/allocation/handlers.go; nobody tries it again."""
    same = {"cpu": "1", "memory": "64Mi"}
    app = {**APP, "resources": {"requests": same, "limits": same}}
    world.load([workload("pinned", replicas=1, containers=(app,), namespace="shop")])
    world.advance(60)
    target = shop("pinned")
    for name in ("node-1", "node-2", "node-3"):
        send(world, "node", name, {"metadata": {"annotations": {CPU_MANAGER: "static"}}})
    resize(world, only(world, target), target, requests={"cpu": "2"}, limits={"cpu": "2"})
    world.advance(600)
    now = only(world, target)
    assert (now.resize, now.actual[0].resources.cpu_request) == ("infeasible", 1000)
    assert "Guaranteed Pods alongside CPU Manager policy" in now.resize_message
    assert len(messages(world, "ResizeInfeasible", target)) == 1


def test_a_deferred_resize_keeps_its_room_from_others(world: World) -> None:
    """The scheduler counts the larger of what is asked and what is given."""
    pod = only(world)
    scale(world, shop("search"), 40)
    world.advance(60)
    waiting = [p for p in pods(world, shop("search")) if p.node is None]
    assert waiting
    resize(world, pod, requests={"cpu": "1"}, limits={"cpu": "1"})
    world.advance(5)
    assert only(world).resize == "deferred"
    ((said, _),) = messages(world, "ResizeDeferred")
    assert "Node didn't have enough resource: cpu, requested: 1000, used:" in said
    world.advance(3600)
    assert (only(world).resize, only(world).actual[0].resources.cpu_request) == ("deferred", 500)
    scale(world, shop("search"), 6)
    world.advance(2)
    assert (only(world).resize, only(world).actual[0].resources.cpu_request) == ("", 1000)


def test_a_deferred_resize_that_is_taken_back_is_over(world: World) -> None:
    scale(world, shop("search"), 40)
    world.advance(60)
    resize(world, only(world), requests={"cpu": "1"})
    world.advance(5)
    resize(world, only(world), requests={"cpu": "500m"})
    world.advance(5)
    assert (only(world).resize, only(world).actual[0].resources.cpu_request) == ("", 500)


def test_a_fence_does_not_stop_what_a_pod_is_about(world: World) -> None:
    scale(world, WEB, 5)
    new = next(p for p in pods(world) if not p.ready)
    run(SimulatedWriter(world).fence_pod(WEB, new.name, "x"))
    world.advance(60)
    assert all(p.ready for p in pods(world))


@pytest.mark.parametrize(
    ("kind", "error", "cpu"),
    [
        (FaultKind.CONFLICT, DefiniteConflict, 500),
        (FaultKind.REFUSED, NeverHappened, 500),
        (FaultKind.TIMEOUT_BEFORE, MayHaveHappened, 500),
        (FaultKind.TIMEOUT_AFTER, MayHaveHappened, 600),
        (FaultKind.ERROR_AFTER, MayHaveHappened, 600),
        (FaultKind.OVERWRITTEN, MayHaveHappened, 500),
    ],
)
def test_faults_hit_resizes_of_that_pod(world: World, kind: FaultKind, error: type, cpu: int) -> None:
    first, second = pods(world)[:2]
    world.inject([Fault(kind, target=f"pod/{first.name}")])
    resize(world, second, requests={"cpu": "550m"})
    with pytest.raises(error):
        resize(world, first, requests={"cpu": "600m"}, intent="lost")
    now = only(world)
    assert now.containers[0].resources.cpu_request == cpu
    assert now.marked("lost") is (cpu == 600)


def test_a_delayed_resize_that_was_fenced_gets_409(world: World) -> None:
    pod = only(world)
    world.inject([Fault(FaultKind.DELAYED)])
    with pytest.raises(MayHaveHappened):
        resize(world, pod, requests={"cpu": "600m"}, intent="late")
    run(SimulatedWriter(world).fence_pod(WEB, pod.name, "late"))
    assert [(a.code, a.subresource, a.name) for a in world.release()] == [(409, "resize", pod.name)]
    assert only(world).containers == pod.containers


def test_a_killed_container_waits_longer_each_time_and_starts_over_after_a_long_run(world: World) -> None:
    """At once, then 10 s, 20 s … 300 s; 10 min of running and it is the first time again."""
    name = only(world).name
    for wait in (0, 10, 20, 40, 80, 160, 300, 300, 300):
        assert kill(world, name)
        before = only(world).restarts
        if wait:
            world.advance(wait - 1)
            now = only(world)
            assert (now.waiting, now.ready, now.restarts) == ("CrashLoopBackOff", False, before)
            world.advance(1)
            assert (only(world).waiting, only(world).restarts) == ("", before + 1)
        world.advance(30)
        assert only(world).ready
    assert only(world).last_exit == "OOMKilled"
    ((said, count),) = messages(world, "BackOff")
    assert said.startswith(f"Back-off restarting failed container app in pod {name}_shop(")
    assert count == 8
    world.advance(601)
    kill(world, name)
    assert only(world).waiting == ""


def test_a_killed_pod_serves_no_more_until_it_has_started_up(world: World) -> None:
    """web starts in 25 s."""
    kill(world, only(world).name)
    assert (only(world).ready, read(world, WEB).ready) == (False, 3)
    world.advance(24)
    assert read(world, WEB).ready == 3
    world.advance(1)
    assert read(world, WEB).ready == 4


def test_a_cordoned_node_takes_no_more_pods(world: World) -> None:
    for name in ("node-1", "node-2"):
        send(world, "node", name, {"spec": {"unschedulable": True}})
    before = {p.name for p in pods(world)}
    scale(world, WEB, 8)
    assert {p.node for p in pods(world) if p.name not in before} == {"node-3"}
    send(world, "node", "node-3", {"spec": {"unschedulable": True}})
    scale(world, WEB, 9)
    assert [p.phase for p in pods(world) if p.node is None] == ["Pending"]
    ((said, _),) = messages(world, "FailedScheduling")
    assert said.startswith("0/3 nodes are available: 3 node(s) were unschedulable. ")
    send(world, "node", "node-1", {"spec": {"unschedulable": None}})
    assert all(p.node for p in pods(world))


def heartbeat(world: World, name: str, up: bool) -> None:
    ready = {
        "type": "Ready",
        "status": "True" if up else "Unknown",
        "lastTransitionTime": rfc3339(world.now_ms()),
    }
    send(world, "node", name, {"status": {"conditions": [ready]}})


def test_a_node_that_goes_away_loses_its_pods_after_five_minutes(world: World) -> None:
    node = only(world).node
    there = {p.name for p in pods(world) if p.node == node}
    heartbeat(world, node or "", up=False)
    assert {p.name for p in pods(world) if not p.ready} == there
    assert read(world, WEB).ready == 4 - len(there)
    world.advance(299)
    assert there <= {p.name for p in pods(world)}
    world.advance(40)
    assert not there & {p.name for p in pods(world)}
    assert read(world, WEB).ready == 4
    assert node not in {p.node for p in pods(world)}
    heartbeat(world, node or "", up=True)
    scale(world, WEB, 12)
    assert node in {p.node for p in pods(world)}


def test_a_node_that_comes_back_in_time_keeps_its_pods(world: World) -> None:
    node, before = only(world).node or "", {p.uid for p in pods(world)}
    heartbeat(world, node, up=False)
    world.advance(200)
    heartbeat(world, node, up=True)
    world.advance(400)
    assert {p.uid for p in pods(world)} == before
    assert read(world, WEB).ready == 4


_AMOUNTS: Any = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 2**60), st.lists(st.text(max_size=2), max_size=2),
    st.sampled_from(["1", "250m", "-1", "1e999", "0", "1Gi", "x", "", "9" * 30, "100m", "64Mi"]),
)  # fmt: skip
_BLOCKS: Any = st.one_of(
    _AMOUNTS,
    st.dictionaries(st.sampled_from(["cpu", "memory", "gpu", "ephemeral-storage", ""]), _AMOUNTS, max_size=3),
)
_RESOURCES: Any = st.one_of(
    _AMOUNTS,
    st.dictionaries(st.sampled_from(["requests", "limits", "claims", "$patch"]), _BLOCKS, max_size=3),
)
_CONTAINERS: Any = st.lists(
    st.one_of(
        _AMOUNTS,
        st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["app", "sidecar", "nobody"]) | _AMOUNTS,
                "resources": _RESOURCES,
                "$patch": st.sampled_from(["delete", "replace"]),
                "resizePolicy": _AMOUNTS,
                "image": _AMOUNTS,
            },
        ),
    ),
    max_size=3,
)
_BODIES: Any = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.one_of(
            _AMOUNTS, st.dictionaries(st.sampled_from(["uid", "name", "labels"]), _AMOUNTS)
        ),
        "spec": st.one_of(
            _AMOUNTS,
            st.fixed_dictionaries(
                {}, optional={"containers": _CONTAINERS | _AMOUNTS, "initContainers": _CONTAINERS | _AMOUNTS}
            ),
        ),
        "status": _AMOUNTS,
    },
)


def sent(world: World, pod: str, body: Json) -> ApiError | None:
    try:
        send(world, "pod", pod, body, "shop", "resize")
    except ApiError as refused:
        return refused
    return None


@examples(40, 500)
@given(body=_BODIES)
def test_no_resize_breaks_the_world(tmp_path_factory: pytest.TempPathFactory, body: Json) -> None:
    """Whatever is sent is refused in words or is a resize that the node deals with: never a traceback, never a
    pod of another quality of service, never one with fewer containers."""
    world = World(tmp_path_factory.mktemp("fuzz"))
    world.reset([workload("web", namespace="shop")])
    world.advance(60)
    before = only(world)
    refused = sent(world, before.name, body)
    if refused is not None:
        assert refused.status in (400, 403, 409, 422)
        assert refused.message
        assert only(world) == before
    world.advance(300)
    now = only(world)
    assert (now.qos, [c.name for c in now.containers]) == (before.qos, ["app", "sidecar"])
    assert [c.image for c in now.containers] == [c.image for c in before.containers]
    world.close()
