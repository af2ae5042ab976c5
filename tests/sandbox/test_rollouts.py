"""How a changed template reaches the pods: rolling updates, Recreate, OnDelete, partitions, paused Deployments."""

from typing import Any

import pytest

from policies.types import Target
from sandbox.api.errors import ApiError
from sandbox.api.store import Key
from sandbox.cluster import SimulatedCluster
from sandbox.world import World
from tests.kit.manifests import APP, workload
from tests.sandbox.actors import read, run, scale, shop

OLD, NEW = "registry.example/app:1", "registry.example/app:2"


def made(world: World, kind: str, **spec: Any) -> Target:
    """A workload of three ready pods of OLD."""
    manifest = workload("db", kind=kind, replicas=3, containers=({**APP, "image": OLD},), namespace="shop")
    manifest["spec"] |= spec
    world.load([manifest])
    world.advance(180)
    return shop("db", kind.lower())


def change(world: World, target: Target, **spec: Any) -> None:
    kind = {"deployment": "Deployment", "statefulset": "StatefulSet"}[target.kind]
    world.load([{"kind": kind, "metadata": {"name": "db", "namespace": "shop"}, "spec": spec}])


def roll(world: World, target: Target, **spec: Any) -> None:
    """To NEW, with time to finish."""
    template = {"spec": {"containers": [{"name": "app", "image": NEW}]}}
    change(world, target, template=template, **spec)
    world.advance(600)


def images(world: World, target: Target) -> list[str]:
    """The version of each pod, by name."""
    pods = run(SimulatedCluster(world).pods(target))
    return [p.containers[0].image[-1] for p in sorted(pods, key=lambda p: p.name)]


def delete(world: World, name: str) -> None:
    world.delete(Key("pod", "shop", name))
    world.advance(120)


@pytest.mark.parametrize(("kind", "spec", "after", "updated"), [
    ("Deployment", {}, "222", 3),
    ("Deployment", {"strategy": {"type": "Recreate"}}, "222", 3),
    ("Deployment", {"paused": True}, "", 0),
    ("StatefulSet", {}, "222", 3),
    ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, "111", 0),
    ("StatefulSet", {"updateStrategy": {"rollingUpdate": {"partition": 2}}}, "112", 1),
    ("StatefulSet", {"updateStrategy": {"rollingUpdate": {"partition": 3}}}, "111", 0),
    ("StatefulSet", {"updateStrategy": {"rollingUpdate": {"partition": 0}}}, "222", 3),
    ("StatefulSet", {"podManagementPolicy": "Parallel", "updateStrategy": {"type": "OnDelete"}}, "111", 0),
])  # fmt: skip
def test_a_changed_template_reaches_the_pods_that_the_strategy_lets_it(
    world: World, kind: str, spec: Any, after: str, updated: int
) -> None:
    target = made(world, kind, **spec)
    roll(world, target)
    assert images(world, target) == list(after)
    assert read(world, target).updated == updated


def test_on_delete_a_pod_comes_back_with_the_newest_template(world: World) -> None:
    target = made(world, "StatefulSet", updateStrategy={"type": "OnDelete"})
    roll(world, target)
    delete(world, "db-0")
    assert images(world, target) == ["2", "1", "1"]


def test_below_the_partition_a_pod_comes_back_as_it_was(world: World) -> None:
    target = made(world, "StatefulSet", updateStrategy={"rollingUpdate": {"partition": 2}})
    roll(world, target)
    delete(world, "db-0")
    assert images(world, target) == ["1", "1", "2"]
    change(world, target, updateStrategy={"rollingUpdate": {"partition": 0}})
    world.advance(600)
    assert images(world, target) == ["2", "2", "2"]


def test_recreate_runs_no_old_pod_beside_a_new_one(world: World) -> None:
    target = made(world, "Deployment", strategy={"type": "Recreate"})
    template = {"spec": {"containers": [{"name": "app", "image": NEW}]}}
    change(world, target, template=template)
    assert images(world, target) == ["2", "2", "2"]
    assert read(world, target).ready == 0


def test_a_paused_deployment_is_scaled_and_not_rolled_out(world: World) -> None:
    target = made(world, "Deployment")
    change(world, target, paused=True)
    roll(world, target)
    scale(world, target, 5)
    world.advance(120)
    assert images(world, target) == ["1"] * 5
    scale(world, target, 2)
    assert images(world, target) == ["1"] * 2
    change(world, target, paused=False)
    world.advance(300)
    assert images(world, target) == ["2"] * 2


@pytest.mark.parametrize(("strategy", "path"), [
    ({"type": "Never"}, "spec.updateStrategy"),
    ({"rollingUpdate": {"partition": -1}}, "spec.updateStrategy.rollingUpdate.partition"),
    ({"rollingUpdate": {"partition": "1"}}, "spec.updateStrategy.rollingUpdate.partition"),
    ({"rollingUpdate": {"partition": True}}, "spec.updateStrategy.rollingUpdate.partition"),
    ({"rollingUpdate": []}, "spec.updateStrategy"),
    ("OnDelete", "spec.updateStrategy"),
])  # fmt: skip
def test_an_update_strategy_that_is_none_is_refused(world: World, strategy: Any, path: str) -> None:
    with pytest.raises(ApiError) as refused:
        made(world, "StatefulSet", updateStrategy=strategy)
    assert refused.value.status == 422
    assert path in refused.value.message
