"""What follows from a write: pods, and what they use."""

from policies.types import Target
from tests.contract.harness import ClusterUnderTest, Hand, at_rest, made, resources_patch
from tests.contract.suite import case
from tests.kit.manifests import APP


@case
async def pods__become_ready(c: ClusterUnderTest) -> None:
    target = await made(c, replicas=1)
    await Hand(c).scale(target, 3)
    await at_rest(c, target)
    pods = await c.reader.pods(target)
    assert [(p.ready, p.phase, p.deleting) for p in pods] == [(True, "Running", False)] * 3
    assert all(p.node and p.started_at_ms and p.restarts == 0 for p in pods)
    assert all([x.name for x in p.containers] == ["app", "sidecar"] for p in pods)


@case
async def pods__scale_down(c: ClusterUnderTest) -> None:
    target = await made(c, replicas=3)
    before = {p.name for p in await c.reader.pods(target)}
    await Hand(c).scale(target, 1)
    await at_rest(c, target)
    assert {p.name for p in await c.reader.pods(target)} < before


@case
async def pods__rollout(c: ClusterUnderTest) -> None:
    target = await made(c, replicas=2)
    before = {p.name for p in await c.reader.pods(target)}
    await Hand(c).write(target, resources_patch("app", cpu="150m"))
    seen = await at_rest(c, target)
    pods = await c.reader.pods(target)
    assert seen.updated == 2
    assert {p.containers[0].resources.cpu_request for p in pods} == {150}
    assert not before & {p.name for p in pods}


@case
async def pods__statefulset_names(c: ClusterUnderTest) -> None:
    target = await made(c, "queue", kind="StatefulSet", replicas=2)
    await Hand(c).scale(target, 3)
    await at_rest(c, target)
    assert {p.name for p in await c.reader.pods(target)} == {"queue-0", "queue-1", "queue-2"}


@case
async def usage__of_ready_pods(c: ClusterUnderTest) -> None:
    target = await made(c, replicas=2)
    await c.load(target, 90)
    await c.until(lambda: _sampled(c, target, 2))
    for sample in await c.usage.usage(target):
        cpu, memory = sample.containers["app"]
        assert (cpu, type(memory)) == (90, int)
        assert 0 <= c.now_ms() - sample.at_ms < 120_000
        assert sample.window_s > 0


@case
async def usage__missing_is_no_entry(c: ClusterUnderTest) -> None:
    """A pod that runs nowhere has no sample and no entry; it is never counted as idle."""
    large = {"requests": {"cpu": "7"}, "limits": {"cpu": "8"}}
    target = await made(c, replicas=1, containers=({**APP, "resources": large},))
    await c.load(target, 90)
    await c.until(lambda: _sampled(c, target, 1))
    await Hand(c).scale(target, 12)
    await c.until(lambda: _some_wait(c, target))
    waiting = {p.name for p in await c.reader.pods(target) if p.node is None}
    assert not waiting & {s.pod for s in await c.usage.usage(target)}
    await Hand(c).scale(target, 0)
    await at_rest(c, target)


async def _sampled(c: ClusterUnderTest, target: Target, pods: int) -> bool:
    return len(await c.usage.usage(target)) == pods


async def _some_wait(c: ClusterUnderTest, target: Target) -> bool:
    pods = await c.reader.pods(target)
    running = sum(p.ready for p in pods)
    return len(pods) == 12 and running < 12 and await _sampled(c, target, running)
