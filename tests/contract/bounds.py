"""What a write to a workload's HorizontalPodAutoscaler does, and what it is refused for."""

from typing import Any

import pytest

from policies.types import Mode, Target
from tests.contract.harness import ClusterUnderTest, Hand, made
from tests.contract.suite import case
from tests.kit.manifests import Json
from tools.cluster_types import Autoscaler, Patch, Precondition, Workload
from tools.errors import DefiniteConflict, NeverHappened

PODS = {
    "type": "Pods",
    "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "9"}},
}


def cpu(percent: int) -> Json:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def cpu_of_a_pod(value: str) -> Json:
    return {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": value}},
    }


def resized(workload: Workload, cpu: str) -> Json:
    """The template with another CPU request."""
    container = {"name": workload.containers[0].name, "resources": {"requests": {"cpu": cpu}}}
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


def hpa(name: str = "web", *, of: str = "web", low: int = 1, high: int = 4, metrics: Any = ()) -> Json:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": of},
            "minReplicas": low,
            "maxReplicas": high,
            "metrics": list(metrics) or [cpu(90)],
        },
    }


async def scaled(c: ClusterUnderTest, **spec: Any) -> tuple[Target, Autoscaler]:
    """A workload with an HPA, which has nothing to scale it by."""
    target = await made(c)
    await c.create(hpa(**spec))
    return target, await now(c, target)


async def now(c: ClusterUnderTest, target: Target) -> Autoscaler:
    (found,) = await c.reader.autoscalers(target)
    return found


async def write(
    c: ClusterUnderTest,
    target: Target,
    seen: Autoscaler,
    spec: Json,
    *,
    mode: Mode = "live",
    intent: str = "",
    uid: str = "",
) -> Autoscaler:
    hand = Hand(c)
    permit = hand.permit(await c.reader.read(target), mode)
    guard = Precondition(uid or seen.uid, seen.resource_version)
    patch = Patch("", {"spec": spec}, autoscaler=seen.name)
    return await c.writer.set_bounds(permit, intent or hand.intent(), target, patch, guard)


@case
async def bounds__takes(c: ClusterUnderTest) -> None:
    """The other metrics stay as they are, and the mark is the field manager's annotation."""
    target, seen = await scaled(c, metrics=(PODS, cpu(90)))
    intent = Hand(c).intent()
    after = await write(
        c, target, seen, {"minReplicas": 2, "metrics": [*seen.metrics[:1], cpu(50)]}, intent=intent
    )
    assert (after.minimum, after.maximum, after.target_percent) == (2, 4, 50)
    assert after.uid == seen.uid
    assert after.resource_version != seen.resource_version
    assert after.metrics[0] == seen.metrics[0]
    assert after.marked(intent)
    assert not seen.marked(intent)
    (mine,) = (one for one in after.managers if one.name == f"flyball-{intent}")
    assert {"metadata.annotations", "spec.metrics", "spec.minReplicas"} <= {*mine.fields}


@case
async def bounds__in_cpu(c: ClusterUnderTest) -> None:
    """The target as CPU of a pod, and back: one list of metrics in place of the other."""
    target, seen = await scaled(c, metrics=(cpu(50),))
    after = await write(c, target, seen, {"metrics": [cpu_of_a_pod("125m")]})
    assert (after.target_percent, after.target_cpu) == (None, 125)
    back = await write(c, target, after, {"metrics": [cpu(50)]})
    assert (back.target_percent, back.target_cpu) == (50, None)


@case
async def bounds__new_requests_move_no_pod_of_one_in_cpu(c: ClusterUnderTest) -> None:
    """What it is for: with the target as CPU of a pod the requests may halve, and no pod comes or goes for it."""
    target, seen = await scaled(c, high=8, metrics=(cpu(90),))
    await c.load(target, 99)  # 90 % of what they request: it stands at its target
    workload = await c.reader.read(target)
    await write(c, target, seen, {"metrics": [cpu_of_a_pod("99m")]})
    await c.patch_as("somebody", target, resized(workload, "50m"))

    async def rolled_out() -> bool:
        now = await c.reader.read(target)
        assert now.replicas == workload.replicas, "no pod more and none fewer, all along"
        return now.observed_generation == now.generation and now.updated == now.ready == workload.replicas

    await c.until(rolled_out)


@case
async def bounds__dry_run(c: ClusterUnderTest) -> None:
    target, seen = await scaled(c)
    after = await write(c, target, seen, {"minReplicas": 2}, mode="dry_run")
    assert after.minimum == 2
    assert (await now(c, target)).minimum == 1


@case
async def bounds__stale_version(c: ClusterUnderTest) -> None:
    target, seen = await scaled(c)
    await c.patch_as("somebody", of(target), {"spec": {"maxReplicas": 5}})
    with pytest.raises(DefiniteConflict):
        await write(c, target, seen, {"minReplicas": 2})
    assert (await now(c, target)).minimum == 1


@case
async def bounds__other_uid(c: ClusterUnderTest) -> None:
    target, seen = await scaled(c)
    with pytest.raises((DefiniteConflict, NeverHappened)):
        await write(c, target, seen, {"minReplicas": 2}, uid="00000000-0000-4000-8000-000000000000")
    assert (await now(c, target)).minimum == 1


@case
async def bounds__of_another_workload(c: ClusterUnderTest) -> None:
    """A permit for a workload is none for a stranger's HPA."""
    target, _ = await scaled(c)
    other = await made(c, "other", replicas=1)
    await c.create(hpa("other", of="other"))
    theirs = await now(c, other)
    with pytest.raises(NeverHappened) as refused:
        await write(c, target, theirs, {"minReplicas": 2})
    assert refused.value.code == "NotFound"
    assert (await now(c, other)).minimum == 1


@case
async def bounds__refused(c: ClusterUnderTest) -> None:
    """What is no bound, in a dry run as in a write."""
    target, seen = await scaled(c)
    for spec, words in (
        ({"minReplicas": 5}, "must be greater than or equal to `minReplicas`"),
        ({"minReplicas": 0}, "must be greater than or equal to 1"),
        ({"maxReplicas": 0}, "must be set and greater than 0"),
        ({"metrics": [cpu(0)]}, "must be greater than 0"),
    ):
        for mode in ("live", "dry_run"):
            with pytest.raises(NeverHappened) as refused:
                await write(c, target, await now(c, target), spec, mode=mode)
            assert (refused.value.http, words in refused.value.what) == (422, True), refused.value.what
    assert (await now(c, target)).minimum == seen.minimum


@case
async def bounds__defaults(c: ClusterUnderTest) -> None:
    target = await made(c)
    manifest = hpa()
    del manifest["spec"]["minReplicas"], manifest["spec"]["metrics"]
    await c.create(manifest)
    found = await now(c, target)
    assert (found.minimum, found.target_percent) == (1, 80)


@case
async def bounds__mark_outlives_others(c: ClusterUnderTest) -> None:
    """Others who change the bound take the field, and leave the mark: an HPA counts no generations."""
    target, seen = await scaled(c)
    intent = Hand(c).intent()
    await write(c, target, seen, {"minReplicas": 2}, intent=intent)
    await c.patch_as("somebody", of(target), {"spec": {"minReplicas": 1}})
    found = await now(c, target)
    assert found.marked(intent)
    owners = {one.name for one in found.managers if "spec.minReplicas" in one.fields}
    assert owners == {"somebody"}


@case
async def bounds__fenced(c: ClusterUnderTest) -> None:
    """A write that is still on its way meets a conflict, and the fence leaves no mark of it."""
    target, seen = await scaled(c)
    intent = Hand(c).intent()
    fenced = await c.writer.fence_autoscaler(target, seen.name, intent)
    assert fenced.resource_version != seen.resource_version
    assert not fenced.marked(intent)
    with pytest.raises(DefiniteConflict):
        await write(c, target, seen, {"minReplicas": 2}, intent=intent)
    assert (await now(c, target)).minimum == 1


@case
async def bounds__two(c: ClusterUnderTest) -> None:
    target, _ = await scaled(c)
    await c.create(hpa("second"))
    assert [one.name for one in await c.reader.autoscalers(target)] == ["second", "web"]


@case
async def bounds__obeyed(c: ClusterUnderTest) -> None:
    """The HPA controller brings the replicas within them at once, up and down."""
    target, seen = await scaled(c, high=6)
    await c.load(target, 99)  # 90 % of what they request: nothing moves it but the bounds
    await write(c, target, seen, {"minReplicas": 4})

    async def at(count: int) -> bool:
        return (await c.reader.read(target)).replicas == count

    await c.until(lambda: at(4))
    await write(c, target, await now(c, target), {"minReplicas": 1, "maxReplicas": 3})
    await c.until(lambda: at(3))


@case
async def bounds__of_a_controller(c: ClusterUnderTest) -> None:
    """An HPA with a controller is that one's; its name counts only where the apiserver confirms it."""
    target, _ = await scaled(c)
    uid = (await c.reader.read(target)).uid
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid, "controller": True}
    await c.patch_as("somebody", of(target), {"metadata": {"ownerReferences": [owner]}})
    assert (await now(c, target)).owner == "deployment/web"


def of(target: Target) -> Target:
    """The HPA of that workload, by its name."""
    return target.model_copy(update={"kind": "horizontalpodautoscaler"})
