"""What a write leaves behind: versions, marks of managers, fences."""

import pytest

from policies.types import Target
from tests.contract.harness import ClusterUnderTest, Hand, Refused, at_rest, made, resources_patch
from tests.contract.suite import case
from tests.kit.manifests import workload
from tools.cluster_types import Change, Ownership, Patch
from tools.diagnosis.timeline import timeline
from tools.errors import DefiniteConflict


@case
async def moves__labels_not_generation(c: ClusterUnderTest) -> None:
    target = await made(c)
    seen = await c.reader.read(target)
    await c.patch_as("somebody", target, {"metadata": {"labels": {"team": "shop"}}})
    now = await c.reader.read(target)
    assert (now.generation, now.labels["team"]) == (seen.generation, "shop")
    assert now.resource_version != seen.resource_version


@case
async def moves__annotations_generation(c: ClusterUnderTest) -> None:
    """On a Deployment an annotation moves the generation: it is copied to the ReplicaSets."""
    target = await made(c)
    seen = await c.reader.read(target)
    await c.patch_as("somebody", target, {"metadata": {"annotations": {"note": "x"}}})
    assert (await c.reader.read(target)).generation == seen.generation + 1


@case
async def moves__annotations_statefulset(c: ClusterUnderTest) -> None:
    target = await made(c, kind="StatefulSet")
    seen = await c.reader.read(target)
    await c.patch_as("somebody", target, {"metadata": {"annotations": {"note": "x"}}})
    assert (await c.reader.read(target)).generation == seen.generation


@case
async def moves__status_only_version(c: ClusterUnderTest) -> None:
    """Pods that come and go move resourceVersion, never the generation: views must not bind to it."""
    target = await made(c)
    after = await Hand(c).scale(target, 3)
    rest = await at_rest(c, target)
    assert rest.generation == after.generation
    assert rest.resource_version != after.resource_version


@case
async def owns__marker_scale(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    intent = hand.intent()
    after = await hand.scale(target, 4, intent=intent)
    for seen in (after, await c.reader.read(target)):
        mark = next(m for m in seen.managers if m.name == f"flyball-{intent}")
        assert (mark.operation, mark.subresource, mark.fields) == ("Update", "scale", ("spec.replicas",))


@case
async def owns__marker_template(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    intent = hand.intent()
    after = await hand.write(target, resources_patch("app", cpu="150m"), intent=intent)
    mark = next(m for m in after.managers if m.name == f"flyball-{intent}")
    assert (mark.operation, mark.subresource, mark.fields) == ("Update", "", ("spec.template",))


@case
async def owns__overwritten(c: ClusterUnderTest) -> None:
    """Another manager's value takes our mark away; the same value leaves it."""
    target, hand = await made(c), Hand(c)
    intent = hand.intent()
    await hand.scale(target, 4, intent=intent)
    await c.patch_as("somebody", target, {"spec": {"replicas": 4}})
    assert f"flyball-{intent}" in await _managers(c, target)
    await c.patch_as("somebody", target, {"spec": {"replicas": 5}})
    assert f"flyball-{intent}" not in await _managers(c, target)
    assert "somebody" in await _managers(c, target)


@case
async def owns__next_intent(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    first, second = hand.intent(), hand.intent()
    await hand.scale(target, 3, intent=first)
    await at_rest(c, target)
    await hand.scale(target, 4, intent=second)
    managers = await _managers(c, target)
    assert f"flyball-{second}" in managers
    assert f"flyball-{first}" not in managers


@case
async def owns__nothing_where_nobody_did(c: ClusterUnderTest) -> None:
    """Applied without replicas, as for an autoscaler: nobody owns them, and a scale leaves no mark."""
    target, hand = await _without_replicas(c), Hand(c)
    seen, intent = await at_rest(c, target), hand.intent()
    assert not any("spec.replicas" in m.fields for m in seen.managers)
    await hand.scale(target, 3, seen=seen, intent=intent)
    now = await c.reader.read(target)
    assert (now.replicas, now.generation) == (3, seen.generation + 1)
    assert f"flyball-{intent}" not in await _managers(c, target)


@case
async def owns__by_the_object(c: ClusterUnderTest) -> None:
    """A patch of the object itself leaves its mark also where nobody owned the replicas."""
    target, hand = await _without_replicas(c), Hand(c)
    seen, intent = await at_rest(c, target), hand.intent()
    await hand.write(target, Patch("", {"spec": {"replicas": 3}}), seen=seen, intent=intent)
    now = await c.reader.read(target)
    mark = next(m for m in now.managers if m.name == f"flyball-{intent}")
    assert (now.replicas, mark.subresource, mark.fields) == (3, "", ("spec.replicas",))


@case
async def owns__lost_by_a_no_op(c: ClusterUnderTest) -> None:
    """After somebody's no-op through /scale and one more write, the replicas are nobody's."""
    target, hand = await made(c), Hand(c)
    await c.patch_as("somebody", target, {"spec": {"replicas": 2}}, "scale")
    await c.patch_as("somebody", target, {"metadata": {"labels": {"team": "shop"}}})
    seen, intent = await at_rest(c, target), hand.intent()
    assert not any("spec.replicas" in m.fields for m in seen.managers)
    await hand.scale(target, 3, seen=seen, intent=intent)
    assert f"flyball-{intent}" not in await _managers(c, target)


@case
async def owns__scaled_without_a_time(c: ClusterUnderTest) -> None:
    """Somebody's write through /scale has a manager and no time; one that changed nothing is no change."""
    target = await made(c)
    created = await _changes(c, target)
    await c.patch_as("somebody", target, {"spec": {"replicas": 2}}, "scale")
    assert await _changes(c, target) == created
    fresh = await made(c, "api")
    await c.patch_as("kubectl", fresh, {"spec": {"replicas": 3}}, "scale")
    (last,) = (await _changes(c, fresh))[len(created) :]
    assert (last.who, last.what, last.at_ms) == ("kubectl", "wrote spec.replicas (by /scale)", 0)
    await c.patch_as("somebody", fresh, {"spec": {"replicas": 3}}, "scale")
    assert (await _changes(c, fresh))[len(created) :] == [last]


@case
async def owns__by_a_controller(c: ClusterUnderTest) -> None:
    """An ownerReference that controls makes an owner of all of it: by name where it is read alone, else by kind."""
    above = await made(c, "above", replicas=1)
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "above", "controller": True}
    reference["uid"] = (await c.object(above))["metadata"]["uid"]
    await c.create(workload("web", replicas=1, ownerReferences=[reference]))
    target = Target(cluster=c.name, namespace=c.namespace, kind="deployment", name="web")
    assert (await c.reader.read(target)).ownership == Ownership(*["deployment/above"] * 3)
    listed = {one.target.name: one.owner for one in await c.reader.list_workloads(c.namespace)}
    assert listed == {"above": None, "web": "deployment"}
    after = await Hand(c).scale(target, 2, seen=await at_rest(c, target))
    assert after.owner == "deployment/above", "what a write returns says it too"


@case
async def owns__annotations_through_scale(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    patch = Patch("scale", {"metadata": {"annotations": {"note": "x"}}, "spec": {"replicas": 3}})
    await hand.write(target, patch)
    now = await c.reader.read(target)
    assert (now.replicas, now.annotations.get("note")) == (3, None)


@case
async def applies__conflict_names_manager(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    intent = hand.intent()
    await hand.scale(target, 4, intent=intent)
    with pytest.raises(Refused) as refused:
        await c.apply_as("gitops", target, _applied(target, 5))
    assert refused.value.status == 409
    assert f'conflict with "flyball-{intent}" with subresource "scale"' in refused.value.message
    assert ".spec.replicas" in refused.value.message
    assert (await c.reader.read(target)).replicas == 4


@case
async def applies__force_takes(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    intent = hand.intent()
    await hand.scale(target, 4, intent=intent)
    await c.apply_as("gitops", target, _applied(target, 5), force=True)
    seen = await c.reader.read(target)
    assert seen.replicas == 5
    assert f"flyball-{intent}" not in {m.name for m in seen.managers}
    assert "gitops" in {m.name for m in seen.managers if m.operation == "Apply"}


@case
async def applies__same_value_shares(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    intent = hand.intent()
    await hand.scale(target, 4, intent=intent)
    await c.apply_as("gitops", target, _applied(target, 4))
    assert {f"flyball-{intent}", "gitops"} <= await _managers(c, target)


@case
async def applies__scale_moves_version(c: ClusterUnderTest) -> None:
    """An apply of the current replicas through /scale changes nothing but the version: the second fence."""
    target, hand = await made(c), Hand(c)
    seen = await at_rest(c, target)
    scale = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "web"},
        "spec": {"replicas": 2},
    }
    await c.apply_as("flyball-fence-x", target, scale, "scale")
    now = await c.reader.read(target)
    assert (now.replicas, now.generation) == (2, seen.generation)
    assert now.resource_version != seen.resource_version
    with pytest.raises(DefiniteConflict):
        await hand.scale(target, 4, seen=seen)


@case
async def applies__before_first_apply(c: ClusterUnderTest) -> None:
    """Through /scale an apply of another value meets an owner even where there was none."""
    target = await _without_replicas(c)
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}}
    with pytest.raises(Refused) as refused:
        await c.apply_as("gitops", target, {**scale, "spec": {"replicas": 3}}, "scale")
    assert refused.value.status == 409
    assert "before-first-apply" in refused.value.message
    await c.apply_as("gitops", target, {**scale, "spec": {"replicas": 1}}, "scale")
    assert {"gitops", "before-first-apply"} <= await _managers(c, target)


@case
async def fence__moves_version(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    seen = await at_rest(c, target)
    after = await c.writer.fence(target, hand.intent())
    assert after.resource_version != seen.resource_version
    assert after.uid == seen.uid


@case
async def fence__keeps_spec(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    before = (await c.object(target))["spec"]
    pods = {p.name for p in await c.reader.pods(target)}
    await c.writer.fence(target, hand.intent())
    await at_rest(c, target)
    assert (await c.object(target))["spec"] == before
    assert {p.name for p in await c.reader.pods(target)} == pods


@case
async def fence__held_write(c: ClusterUnderTest) -> None:
    """A write that was sent before the fence and arrives after it finds another version: 409, no effect."""
    target, hand = await made(c), Hand(c)
    intent, seen = hand.intent(), await c.reader.read(target)
    await c.writer.fence(target, intent)
    with pytest.raises(DefiniteConflict):
        await hand.scale(target, 4, seen=seen, intent=intent)
    with pytest.raises(DefiniteConflict):
        await hand.write(target, resources_patch("app", cpu="150m"), seen=seen, intent=intent)
    assert (await c.reader.read(target)).replicas == 2


@case
async def fence__generation_once(c: ClusterUnderTest) -> None:
    """The annotation moves a Deployment's generation by one, however often one intent is fenced."""
    target, hand = await made(c), Hand(c)
    seen, intent = await c.reader.read(target), hand.intent()
    first = await c.writer.fence(target, intent)
    again = await c.writer.fence(target, intent)
    assert (first.generation, again.generation) == (seen.generation + 1, seen.generation + 1)
    assert again.annotations["flyball.io/fence"] == intent


@case
async def fence__own_marker_stays(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    intent = hand.intent()
    await hand.scale(target, 3, intent=intent)
    after = await c.writer.fence(target, intent)
    assert f"flyball-{intent}" in {m.name for m in after.managers}


@case
async def fence__names_intent(c: ClusterUnderTest) -> None:
    """The fence's own field manager says whose it is; a second one takes the annotation over, so that no list of them
    grows."""
    target, hand = await made(c), Hand(c)
    first, second = hand.intent(), hand.intent()
    for intent in (first, second):
        after = await c.writer.fence(target, intent)
        assert f"flyball-fence-{intent}" in {m.name for m in after.managers}
    assert f"flyball-fence-{first}" not in await _managers(c, target)


async def _without_replicas(c: ClusterUnderTest) -> Target:
    manifest = workload("web", namespace=c.namespace)
    del manifest["spec"]["replicas"]
    target = Target(cluster=c.name, namespace=c.namespace, kind="deployment", name="web")
    await c.apply_as("gitops", target, manifest)
    await at_rest(c, target)
    return target


async def _managers(c: ClusterUnderTest, target: Target) -> set[str]:
    return {m.name for m in (await c.reader.read(target)).managers}


def _applied(target: Target, replicas: int) -> dict[str, object]:
    metadata = {"name": target.name, "namespace": target.namespace}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": replicas},
    }


async def _changes(c: ClusterUnderTest, target: Target) -> list[Change]:
    """What the managers alone tell of it."""
    return timeline([], await at_rest(c, target), (), (), 0)
