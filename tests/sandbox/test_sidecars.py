"""Native sidecars in the simulated cluster: the same proxy as a container and as an init container with
restartPolicy Always counts the same, and an ordinary init container only for the scheduler and quotas."""

from typing import Any

import pytest

from sandbox.api.errors import ApiError
from sandbox.api.indices import effective
from sandbox.cluster import SimulatedCluster
from sandbox.metrics import SimulatedMetrics
from sandbox.world import World
from tests.kit.manifests import APP, workload
from tests.sandbox.actors import run, shop
from tools.metrics.types import Metric

PROXY = {
    "name": "proxy", "image": "registry.example/proxy:1",
    "resources": {"requests": {"cpu": "500m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
}  # fmt: skip
MIGRATE = {
    "name": "migrate",
    "image": "registry.example/m:1",
    "resources": {"limits": {"cpu": "2", "memory": "1Gi"}},
}
SPELLINGS: dict[str, dict[str, Any]] = {
    "container": {"containers": [APP, PROXY]},
    "sidecar": {"containers": [APP], "initContainers": [MIGRATE, {**PROXY, "restartPolicy": "Always"}]},
}


def loaded(world: World, name: str, **spec: Any) -> None:
    manifest = workload(name, namespace="shop", containers=())
    manifest["spec"]["template"]["spec"] = SPELLINGS[name] | spec
    world.load([manifest, {
        "kind": "Load", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"target": f"deployment/{name}", "cpu": "600m", "memory": "90Mi"},
    }])  # fmt: skip
    world.advance(300)


@pytest.mark.parametrize("metric", [
    Metric.CPU_USAGE, Metric.MEMORY_USAGE, Metric.CPU_REQUESTS, Metric.CPU_LIMITS, Metric.MEMORY_REQUESTS,
    Metric.MEMORY_LIMITS, Metric.RESTARTS,
])  # fmt: skip
def test_both_spellings_measure_the_same(world: World, metric: Metric) -> None:
    found = []
    for name in SPELLINGS:
        loaded(world, name)
        now_ms = world.clock().world_ms() or 0
        found.append(run(SimulatedMetrics(world).latest(metric, shop(name), now_ms)))
    assert found[0].v == found[1].v, metric
    assert found[1].missing == ""


def test_a_pod_shows_its_sidecar_and_its_usage(world: World) -> None:
    loaded(world, "sidecar")
    cluster = SimulatedCluster(world)
    (pod, _), (usage, _) = run(cluster.pods(shop("sidecar"))), run(cluster.usage(shop("sidecar")))
    assert [one.name for one in pod.containers] == [one.name for one in pod.actual] == ["app", "proxy"]
    assert set(usage.containers) == {"app", "proxy"}
    assert (pod.ready, pod.waiting, pod.restarts) == (True, "", 0)


def test_an_autoscaler_aims_at_the_same_number(world: World) -> None:
    replicas = []
    for name in SPELLINGS:
        loaded(world, name)
        world.load([{
            "kind": "HorizontalPodAutoscaler", "metadata": {"name": name, "namespace": "shop"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "minReplicas": 1, "maxReplicas": 9,
                "metrics": [{"type": "Resource", "resource": {
                    "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}],
            },
        }])  # fmt: skip
        world.advance(600)
        replicas.append(run(SimulatedCluster(world).read(shop(name))).replicas)
    assert replicas[0] == replicas[1] == 2


def cores(text: str, **more: Any) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": text}}, **more}


SIDECAR = {"restartPolicy": "Always"}


@pytest.mark.parametrize(("inits", "whole"), [
    ([], 1000),
    ([cores("500m", **SIDECAR)], 1500),
    ([cores("500m")], 1000),
    ([cores("3")], 3000),
    ([cores("500m", **SIDECAR), cores("3")], 3500),
    ([cores("3"), cores("500m", **SIDECAR)], 3000),
    ([cores("500m", **SIDECAR), cores("500m", **SIDECAR), cores("500m")], 2000),
])  # fmt: skip
def test_what_a_pod_takes_of_its_node_is_kubernetes_own_rule(inits: list[Any], whole: int) -> None:
    """KEP-753: the sidecars started so far run beside an init container, all of them beside the containers."""
    assert effective({"containers": [cores("1")], "initContainers": inits}, "requests")[0] == whole


def test_a_quota_asks_init_containers_too(world: World) -> None:
    hard = {"requests.cpu": "20"}
    world.load(
        [{"kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "shop"}, "spec": {"hard": hard}}]
    )
    bare = {"name": "late", "image": "registry.example/late:1"}
    loaded(world, "sidecar", initContainers=[bare])
    events = run(SimulatedCluster(world).events(shop("sidecar")))
    assert any("must specify requests.cpu for: late" in one.message for one in events)


def test_an_init_container_without_an_image_is_refused(world: World) -> None:
    with pytest.raises(ApiError) as refused:
        loaded(world, "sidecar", initContainers=[{"name": "late"}])
    assert "spec.template.spec.initContainers[0].image" in refused.value.message
