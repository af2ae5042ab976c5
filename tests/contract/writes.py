"""What a write does, and what it is refused for."""

import pytest

from policies.types import Target
from tests.contract.harness import ClusterUnderTest, Hand, at_rest, made, resources_patch
from tests.contract.suite import case
from tests.kit.manifests import APP, workload
from tools.cluster_types import Patch, Precondition
from tools.envelope_text import ANNOTATION, Written
from tools.errors import DefiniteConflict, NeverHappened


@case
async def scale__takes(c: ClusterUnderTest) -> None:
    target = await made(c)
    seen = await c.reader.read(target)
    after = await Hand(c).scale(target, 4, seen=seen)
    assert (after.replicas, after.generation, after.uid) == (4, seen.generation + 1, seen.uid)
    assert after.resource_version != seen.resource_version
    now = await c.reader.read(target)
    assert (now.replicas, now.generation) == (4, seen.generation + 1)
    assert now.containers == seen.containers


@case
async def scale__dry_run(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    seen = await c.reader.read(target)
    after = await hand.scale(target, 4, seen=seen, mode="dry_run")
    assert after.replicas == 4
    assert await c.reader.read(target) == seen
    with pytest.raises(NeverHappened) as refused:
        await hand.scale(target, -1, mode="dry_run")
    assert refused.value.http == 422


@case
async def scale__stale_version(c: ClusterUnderTest) -> None:
    target = await made(c)
    seen = await c.reader.read(target)
    await c.patch_as("somebody", target, {"metadata": {"labels": {"moved": "on"}}})
    hand = Hand(c)
    for mode in ("live", "dry_run"):
        with pytest.raises(DefiniteConflict) as conflict:
            await hand.scale(target, 4, seen=seen, mode=mode)
        assert conflict.value.http == 409
    assert (await c.reader.read(target)).replicas == 2


@case
async def envelope__is_shown_marked_and_taken_away(c: ClusterUnderTest) -> None:
    """An annotation of the workload itself: nothing of its pods changes."""
    target, hand = await made(c), Hand(c)
    await at_rest(c, target)
    seen, intent = await c.reader.read(target), hand.intent()
    text = str(Written(2, 4, "2030-01-01T00:00:00Z", 2, "agent:tuner"))
    after = await hand.write(target, _envelope(text), intent=intent)
    assert (after.annotations[ANNOTATION], after.marked(intent)) == (text, True)
    assert (after.replicas, after.containers, after.uid) == (seen.replicas, seen.containers, seen.uid)
    assert (await c.reader.read(target)).annotations[ANNOTATION] == text
    await at_rest(c, target)
    gone = await hand.write(target, _envelope(None))
    assert ANNOTATION not in gone.annotations
    assert ANNOTATION not in (await c.reader.read(target)).annotations
    assert not gone.marked(intent)


def _envelope(text: str | None) -> Patch:
    return Patch("", {"metadata": {"annotations": {ANNOTATION: text}}})


@case
async def scale__other_uid(c: ClusterUnderTest) -> None:
    target = await made(c)
    await _other_uid(c, target, Patch("scale", {"spec": {"replicas": 4}}))


@case
async def scale__recreated(c: ClusterUnderTest) -> None:
    target = await made(c)
    seen = await c.reader.read(target)
    await c.delete(target)
    await c.create(workload("web"))
    with pytest.raises(DefiniteConflict):
        await Hand(c).scale(target, 4, seen=seen)
    assert (await c.reader.read(target)).replicas == 2


@case
async def scale__negative(c: ClusterUnderTest) -> None:
    target = await made(c)
    with pytest.raises(NeverHappened) as refused:
        await Hand(c).scale(target, -1)
    assert refused.value.http == 422
    assert "must be greater than or equal to 0" in refused.value.what


@case
async def scale__gone(c: ClusterUnderTest) -> None:
    target = await made(c)
    seen = await c.reader.read(target)
    await c.delete(target)
    with pytest.raises(NeverHappened) as refused:
        await Hand(c).scale(target, 4, seen=seen)
    assert refused.value.http == 404


@case
async def scale__no_op(c: ClusterUnderTest) -> None:
    """A write that changes nothing leaves no mark: nobody can tell afterwards that it came."""
    target, hand = await made(c), Hand(c)
    seen, intent = await at_rest(c, target), hand.intent()
    await hand.scale(target, 2, seen=seen, intent=intent)
    now = await c.reader.read(target)
    assert (now.replicas, now.generation) == (2, seen.generation)
    assert f"flyball-{intent}" not in {m.name for m in now.managers}


@case
async def template__resources(c: ClusterUnderTest) -> None:
    target = await made(c)
    before = await c.object(target)
    seen = await c.reader.read(target)
    after = await Hand(c).write(target, resources_patch("app", cpu="150m"), seen=seen)
    assert after.generation == seen.generation + 1
    assert after.containers[0].resources.cpu_request == 150
    assert after.containers[0].resources.memory_request == 64 << 20
    assert after.containers[0].resources.cpu_limit == 200
    assert after.containers[1] == seen.containers[1]
    app = (await c.object(target))["spec"]["template"]["spec"]["containers"][0]
    assert app["env"] == APP["env"]
    assert app["image"] == before["spec"]["template"]["spec"]["containers"][0]["image"]


@case
async def template__dry_run(c: ClusterUnderTest) -> None:
    target = await made(c)
    seen = await at_rest(c, target)
    after = await Hand(c).write(target, resources_patch("app", cpu="150m"), seen=seen, mode="dry_run")
    assert after.containers[0].resources.cpu_request == 150
    assert await c.reader.read(target) == seen


@case
async def template__stale_version(c: ClusterUnderTest) -> None:
    target = await made(c)
    seen = await c.reader.read(target)
    await c.patch_as("somebody", target, {"metadata": {"labels": {"moved": "on"}}})
    with pytest.raises(DefiniteConflict):
        await Hand(c).write(target, resources_patch("app", cpu="150m"), seen=seen)
    assert (await c.reader.read(target)).containers == seen.containers


@case
async def template__other_uid(c: ClusterUnderTest) -> None:
    target = await made(c)
    await _other_uid(c, target, resources_patch("app", cpu="150m"))


@case
async def template__request_above_limit(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    seen = await at_rest(c, target)
    for mode in ("live", "dry_run"):
        with pytest.raises(NeverHappened) as refused:
            await hand.write(target, resources_patch("app", cpu="300m"), mode=mode)
        assert refused.value.http == 422
        assert "must be less than or equal to cpu limit" in refused.value.what
    assert await c.reader.read(target) == seen


@case
async def template__unknown_container(c: ClusterUnderTest) -> None:
    """A strategic merge would add a container of that name; without an image the API refuses it."""
    target = await made(c)
    with pytest.raises(NeverHappened) as refused:
        await Hand(c).write(target, resources_patch("nobody", cpu="10m"))
    assert refused.value.http == 422


@case
async def template__no_op(c: ClusterUnderTest) -> None:
    target = await made(c)
    seen = await at_rest(c, target)
    await Hand(c).write(target, resources_patch("app", cpu="0.1"), seen=seen)
    now = await c.reader.read(target)
    assert (now.resource_version, now.managers) == (seen.resource_version, seen.managers)


@case
async def permits__expired(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    seen = await c.reader.read(target)
    patch, precondition = (
        Patch("scale", {"spec": {"replicas": 4}}),
        Precondition(seen.uid, seen.resource_version),
    )
    with pytest.raises(NeverHappened) as refused:
        await c.writer.apply(hand.permit(seen, for_ms=0), hand.intent(), target, patch, precondition)
    assert refused.value.code == "PermitExpired"
    assert (await c.reader.read(target)).replicas == 2


@case
async def permits__spent(c: ClusterUnderTest) -> None:
    target, hand = await made(c), Hand(c)
    seen = await c.reader.read(target)
    patch, precondition = (
        Patch("scale", {"spec": {"replicas": 4}}),
        Precondition(seen.uid, seen.resource_version),
    )
    permit = hand.permit(seen, "dry_run")
    await c.writer.apply(permit, hand.intent(), target, patch, precondition)
    with pytest.raises(NeverHappened) as refused:
        await c.writer.apply(permit, hand.intent(), target, patch, precondition)
    assert refused.value.code == "PermitSpent"


@case
async def permits__dry_run_of_dry_run(c: ClusterUnderTest) -> None:
    """A dry-run leaves nothing behind that a second one would trip over."""
    target, hand = await made(c), Hand(c)
    seen = await at_rest(c, target)
    for _ in range(2):
        await hand.scale(target, 4, seen=seen, mode="dry_run")
    assert await c.reader.read(target) == seen


async def _other_uid(c: ClusterUnderTest, target: Target, patch: Patch) -> None:
    seen, hand = await at_rest(c, target), Hand(c)
    wrong = Precondition("00000000-0000-4000-8000-000000000000", seen.resource_version)
    with pytest.raises(DefiniteConflict):
        await c.writer.apply(hand.permit(seen), hand.intent(), target, patch, wrong)
    assert await c.reader.read(target) == seen
