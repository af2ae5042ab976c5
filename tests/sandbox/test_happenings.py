"""Events, quotas, limit ranges and changes by others: what happens around a workload without us."""

from typing import Any

import pytest

from sandbox.api.apiserver import ApiServer
from sandbox.api.errors import ApiError, SandboxError
from sandbox.api.store import Key
from sandbox.cluster import SimulatedCluster
from sandbox.controllers import events
from sandbox.world import World
from tests.kit.manifests import workload
from tests.sandbox.actors import read, run, scale, shop
from tools.cluster_types import ApiEvent, Pod

WEB = shop("web")
BARE = {"name": "app", "image": "registry.example/app:1"}


def told(world: World, name: str = "web") -> list[ApiEvent]:
    return run(SimulatedCluster(world).events(shop(name)))


def pods(world: World, name: str = "web") -> list[Pod]:
    return run(SimulatedCluster(world).pods(shop(name)))


def emit(world: World, message: str, kind: Any = "Warning") -> None:
    with world.store.write() as txn:
        api, about = ApiServer(txn, txn.number("now_ms")), Key("deployment", "shop", "web")
        events.emit(api, about, type=kind, reason="Test", message=message, source="test")


def namespaced(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def test_what_is_told_again_counts_up(world: World) -> None:
    begin = world.now_ms()
    for _ in range(3):
        emit(world, "again")
        world.advance(60)
    (one,) = [e for e in told(world) if e.reason == "Test"]
    assert (one.count, one.at_ms, one.about) == (3, begin + 120_000, "deployment/web")


def test_an_event_is_gone_an_hour_after_it_was_last_told(world: World) -> None:
    emit(world, "once")
    world.advance(3599)
    assert any(e.reason == "Test" for e in told(world))
    world.advance(1)
    assert not any(e.reason == "Test" for e in told(world))
    emit(world, "once")
    assert [e.count for e in told(world) if e.reason == "Test"] == [1]


def test_many_different_messages_share_one_event(world: World) -> None:
    for i in range(40):
        emit(world, f"message {i}")
    found = [e for e in told(world) if e.reason == "Test"]
    assert len(found) == events.SIMILAR_MAX
    combined = next(e for e in found if e.message.startswith("(combined from similar events): "))
    assert (combined.count, combined.message.endswith("message 39")) == (31, True)


def test_old_events_leave_the_store(world: World) -> None:
    for i in range(200):
        emit(world, f"message {i}", "Normal")
    world.advance(3 * 3600)
    emit(world, "last")
    with world.store.read() as txn:
        assert sum(e["reason"] == "Test" for e in txn.all("event")) == 1


def test_no_name_leads_to_another_workloads_events(world: World) -> None:
    """`web` and `web-admin` share a prefix, and `w.b` is not a pattern."""
    world.load([workload("web-admin", namespace="shop"), workload("w.b", namespace="shop")])
    assert not [e for e in told(world) if "admin" in e.about]
    assert {e.about.partition("/")[2][:4] for e in told(world, "w.b")} == {"w.b", "w.b-"}


def test_a_quota_holds_back_pods_and_lets_them_in_later(world: World) -> None:
    world.load([namespaced("ResourceQuota", "few", hard={"pods": str(len(all_pods(world)) + 1)})])
    scale(world, WEB, 7)
    assert (len(pods(world)), read(world, WEB).replicas) == (5, 7)
    said = [e for e in told(world) if e.reason == "FailedCreate"]
    assert said[0].message.startswith('Error creating: pods "web-')
    world.advance(3600)
    assert len(pods(world)) == 5
    assert len([e for e in told(world) if e.reason == "FailedCreate"]) <= 2 * events.SIMILAR_MAX
    world.load([namespaced("ResourceQuota", "few", hard={"pods": "100"})])
    world.advance(1000)
    assert read(world, WEB).ready == 7


def all_pods(world: World) -> list[Any]:
    with world.store.read() as txn:
        return txn.all("pod", "shop")


def test_a_quota_shows_what_is_used(world: World) -> None:
    hard = {"requests.cpu": "20", "limits.memory": "64Gi", "pods": "50", "count/deployments.apps": "9"}
    world.load([namespaced("ResourceQuota", "much", hard=hard)])
    with world.store.read() as txn:
        found = txn.get(Key("resourcequota", "shop", "much"))
    assert found is not None
    used, deployments = found["status"]["used"], {"web", "search", "checkout", "payments", "report"}
    assert used["pods"] == str(len(all_pods(world)))
    assert int(used["count/deployments.apps"]) >= len(deployments)
    assert found["status"]["hard"] == hard


def test_a_quota_on_objects_refuses_the_next_one(world: World) -> None:
    world.load([namespaced("ResourceQuota", "none", hard={"count/deployments.apps": "1"})])
    with pytest.raises(ApiError) as refused:
        world.load([workload("another", namespace="shop")])
    assert refused.value.status == 403
    assert "exceeded quota: none, requested: count/deployments.apps=1, used:" in refused.value.message


def test_a_limit_range_fills_in_and_refuses(world: World) -> None:
    """As measured on 1.36: `default` is the limit, `defaultRequest` the request."""
    limits = [
        {
            "type": "Container",
            "max": {"cpu": "1"},
            "default": {"cpu": "300m"},
            "defaultRequest": {"cpu": "50m"},
        }
    ]
    world.load([namespaced("LimitRange", "r", limits=limits)])
    world.load([workload("bare", replicas=1, containers=(BARE,), namespace="shop")])
    (pod,) = pods(world, "bare")
    assert (pod.containers[0].resources.cpu_request, pod.containers[0].resources.cpu_limit) == (50, 300)
    assert pod.qos == "Burstable"
    large = {**BARE, "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}}
    world.load([workload("large", replicas=1, containers=(large,), namespace="shop")])
    said = next(e for e in told(world, "large") if e.reason == "FailedCreate")
    assert "maximum cpu usage per Container is 1, but limit is 2" in said.message
    assert pods(world, "large") == []


def test_another_rolls_out_an_image_at_its_time(world: World) -> None:
    image = "registry.example/shop/web:5.0"
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}
    change = {"target": "deployment/web", "manager": "ci", "patch": patch, "after": "90m"}
    world.load([namespaced("Change", "release", **change)])
    world.advance(89 * 60)
    assert read(world, WEB).containers[0].image != image
    world.advance(10 * 60)
    seen = read(world, WEB)
    assert (seen.containers[0].image, seen.ready, seen.updated) == (image, 4, 4)
    assert "ci" in {m.name for m in seen.managers}
    assert "ScalingReplicaSet" in {e.reason for e in told(world)}


def test_another_scales_every_day_at_ten(world: World) -> None:
    """The world begins on Monday, 14:00."""
    change = {"target": "deployment/web", "manager": "anna", "subresource": "scale", "daily": "10:00"}
    world.load([namespaced("Change", "daily", patch={"spec": {"replicas": 6}}, **change)])
    for _ in range(2):
        world.advance(19 * 3600 + 3599)
        assert read(world, WEB).replicas == 4
        world.advance(1)
        assert read(world, WEB).replicas == 6
        scale(world, WEB, 4)
        world.advance(4 * 3600)


def test_another_deletes_a_workload(world: World) -> None:
    world.load([namespaced("Change", "end", target="deployment/web", delete=True, after="1h")])
    world.advance(3600)
    names = {w.target.name for w in run(SimulatedCluster(world).list_workloads("shop"))}
    assert "web" not in names
    assert not [p for p in all_pods(world) if p["metadata"]["name"].startswith("web-")]


def test_what_argo_cd_keeps_is_put_back(world: World) -> None:
    """payments: its spec is put back three minutes after a live change, by Argo CD's own manager."""
    scale(world, shop("payments"), 5)
    world.advance(179)
    assert read(world, shop("payments")).replicas == 5
    world.advance(1)
    seen = read(world, shop("payments"))
    assert seen.replicas == 3
    owner = next(m for m in seen.managers if "spec.replicas" in m.fields)
    assert owner.name == "argocd-controller"
    scale(world, WEB, 6)
    world.advance(600)
    assert read(world, WEB).replicas == 6, "nobody keeps web"


def test_a_change_that_the_api_refuses_is_not_repeated(world: World) -> None:
    change = {"target": "deployment/web", "patch": {"spec": {"replicas": -1}}, "after": "1h"}
    world.load([namespaced("Change", "bad", **change)])
    world.advance(7200)
    assert read(world, WEB).replicas == 4
    with world.store.read() as txn:
        body = txn.get(Key("change", "shop", "bad"))
        assert body is not None
        assert "must be greater than or equal to 0" in body["refused"]
        assert txn.due_of(Key("change", "shop", "bad")) is None


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"target": "web", "patch": {}, "after": "1h"}, "spec.target"),
        ({"target": "deployment/web", "after": "1h"}, "`patch` or `delete"),
        ({"target": "deployment/web", "patch": {}, "delete": True, "after": "1h"}, "`patch` or `delete"),
        ({"target": "deployment/web", "patch": {}}, "one of `after`"),
        ({"target": "deployment/web", "patch": {}, "after": "1h", "daily": "10:00"}, "one of `after`"),
        ({"target": "deployment/web", "patch": {}, "daily": "24:00"}, "not a time of day"),
        ({"target": "deployment/web", "patch": {}, "after": "soon"}, "not a duration"),
        ({"target": "deployment/web", "patch": {}, "after": "1h", "who": "x"}, "who"),
        ({"target": "deployment/web", "delete": True, "heal": "1h"}, "patch of the object"),
    ],
)
def test_a_bad_change_is_named(world: World, spec: dict[str, Any], says: str) -> None:
    with pytest.raises(SandboxError) as refused:
        world.load([namespaced("Change", "x", **spec)])
    assert says in refused.value.what


@pytest.mark.parametrize(
    "manifest",
    [
        namespaced("ResourceQuota", "x", hard={"pods": "many"}),
        namespaced("PodDisruptionBudget", "x", selector={}),
        namespaced("PodDisruptionBudget", "x", selector={}, minAvailable="half"),
        namespaced("PodDisruptionBudget", "x", selector={}, minAvailable=[2]),
        namespaced("PodDisruptionBudget", "x", selector={}, minAvailable=1, maxUnavailable=1),
        namespaced("PodDisruptionBudget", "x", selector=["web"], minAvailable=1),
        namespaced("ResourceQuota", "x", hard=["pods"]),
        namespaced("LimitRange", "x", limits=[{"type": "Container", "max": {"cpu": "x"}}]),
        namespaced("LimitRange", "x", limits=["x"]),
        namespaced("Event", "x"),
    ],
)
def test_a_bad_object_is_refused_when_it_is_loaded(world: World, manifest: dict[str, Any]) -> None:
    with pytest.raises(SandboxError):
        world.load([manifest])
    world.advance(60)
