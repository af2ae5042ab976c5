"""A resize in place: what `pods/resize` takes and refuses, and what becomes of it on the node."""

from typing import Any

import pytest

from policies.types import Target
from tests.contract.harness import ClusterUnderTest, Hand, Pressure, Refused, made, resize_patch
from tests.contract.suite import case
from tests.kit.manifests import APP
from tools.cluster_types import Patch, Pod, Precondition
from tools.errors import DefiniteConflict, NeverHappened

MI = 1 << 20
GUARANTEED = {**APP, "resources": {key: {"cpu": "100m", "memory": "64Mi"} for key in ("requests", "limits")}}


@case
async def resize__served(c: ClusterUnderTest) -> None:
    assert await c.reader.resizable()


@case
async def resize__applied(c: ClusterUnderTest) -> None:
    """Spec at once, the actual amounts within seconds; the container goes on, the template stays."""
    target, hand = await made(c), Hand(c)
    pod, other = await c.reader.pods(target)
    template = (await c.reader.read(target)).containers
    after = await hand.resize(
        target, pod, resize_patch(pod, requests={"cpu": "150m"}, limits={"cpu": "300m"})
    )
    assert (after.name, after.uid, after.generation) == (pod.name, pod.uid, pod.generation + 1)
    assert after.resource_version != pod.resource_version
    assert (after.containers[0].resources.cpu_request, after.containers[0].resources.cpu_limit) == (150, 300)
    await c.until(lambda: _actual(c, target, pod.name, 150))
    now = await _pod(c, target, pod.name)
    assert now.actual[0].resources == now.containers[0].resources
    assert (now.resize, now.restarts, now.ready, now.uid) == ("", 0, True, pod.uid)
    assert now.containers[1] == pod.containers[1]
    assert (await _pod(c, target, other.name)).containers == other.containers
    assert (await c.reader.read(target)).containers == template


@case
async def resize__memory_grows(c: ClusterUnderTest) -> None:
    target, hand = await made(c, replicas=1), Hand(c)
    (pod,) = await c.reader.pods(target)
    await hand.resize(target, pod, resize_patch(pod, limits={"memory": "256Mi"}))
    await c.until(lambda: _settled(c, target, pod.name))
    now = await _pod(c, target, pod.name)
    assert now.actual[0].resources.memory_limit == 256 * MI


@case
async def resize__dry_run(c: ClusterUnderTest) -> None:
    target, hand = await made(c, replicas=1), Hand(c)
    (pod,) = await c.reader.pods(target)
    after = await hand.resize(target, pod, resize_patch(pod, requests={"cpu": "150m"}), mode="dry_run")
    assert after.containers[0].resources.cpu_request == 150
    assert await _pod(c, target, pod.name) == pod


@case
async def resize__marker(c: ClusterUnderTest) -> None:
    target, hand = await made(c, replicas=1), Hand(c)
    (pod,) = await c.reader.pods(target)
    intent = hand.intent()
    await hand.resize(target, pod, resize_patch(pod, requests={"cpu": "150m"}), intent=intent)
    now = await _pod(c, target, pod.name)
    mark = next(m for m in now.managers if m.name == f"flyball-{intent}")
    assert (mark.operation, mark.subresource, mark.fields) == ("Update", "resize", ("spec.containers",))
    body = {"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "160m"}}}]}}
    await c.patch_pod_as("somebody", pod.name, body, "resize")
    assert not (await _pod(c, target, pod.name)).marked(intent)


@case
async def resize__no_op(c: ClusterUnderTest) -> None:
    target, hand = await made(c, replicas=1), Hand(c)
    (pod,) = await c.reader.pods(target)
    await hand.resize(target, pod, resize_patch(pod, requests={"cpu": "0.1"}), intent="no-op")
    now = await _pod(c, target, pod.name)
    assert (now.generation, now.marked("no-op")) == (pod.generation, False)


@case
async def resize__stale_version(c: ClusterUnderTest) -> None:
    target, hand = await made(c, replicas=1), Hand(c)
    (pod,) = await c.reader.pods(target)
    await c.patch_pod_as("somebody", pod.name, {"metadata": {"labels": {"moved": "on"}}})
    modes: tuple[Any, ...] = ("live", "dry_run")
    for mode in modes:
        with pytest.raises(DefiniteConflict) as conflict:
            await hand.resize(target, pod, resize_patch(pod, requests={"cpu": "150m"}), mode=mode)
        assert conflict.value.http == 409


@case
async def resize__other_uid(c: ClusterUnderTest) -> None:
    target, hand = await made(c, replicas=1), Hand(c)
    (pod,) = await c.reader.pods(target)
    wrong = Precondition("00000000-0000-4000-8000-000000000000", pod.resource_version)
    with pytest.raises(DefiniteConflict):
        await hand.resize(target, pod, resize_patch(pod, requests={"cpu": "150m"}), precondition=wrong)
    assert await _pod(c, target, pod.name) == pod


@case
async def resize__strangers_pod(c: ClusterUnderTest) -> None:
    """A permit for one workload opens no other's pod."""
    target, other, hand = await made(c, replicas=1), await made(c, "api", replicas=1), Hand(c)
    (pod,) = await c.reader.pods(other)
    for work in (
        lambda: hand.resize(target, pod, resize_patch(pod, requests={"cpu": "150m"})),
        lambda: c.writer.fence_pod(target, pod.name, "x"),
    ):
        with pytest.raises(NeverHappened):
            await work()
    assert await _pod(c, other, pod.name) == pod


@case
async def resize__refused(c: ClusterUnderTest) -> None:
    """What the apiserver never takes: 422, and nothing has changed."""
    target, hand = await made(c, replicas=1), Hand(c)
    (pod,) = await c.reader.pods(target)
    for patch, says in (
        (resize_patch(pod, requests={"cpu": "300m"}), "must be less than or equal to cpu limit of 200m"),
        (resize_patch(pod, limits={"cpu": None}), "resource limits cannot be removed"),
        (
            resize_patch(pod, requests={"ephemeral-storage": "1Gi"}),
            "only cpu and memory resources are mutable",
        ),
        (resize_patch(pod, requests={"cpu": "-1"}), "must be greater than or equal to 0"),
        (resize_patch(pod, requests={"cpu": "much"}), "quantities must match"),
        (resize_patch(pod, "nobody", requests={"cpu": "10m"}), "containers may not be added or removed"),
    ):
        with pytest.raises(NeverHappened) as refused:
            await hand.resize(target, pod, patch)
        assert refused.value.http == 422, says
        assert says in refused.value.what
    assert await _pod(c, target, pod.name) == pod


@case
async def resize__quality_of_service(c: ClusterUnderTest) -> None:
    """A Guaranteed pod stays one: requests and limits move together."""
    target, hand = await made(c, replicas=1, containers=(GUARANTEED,)), Hand(c)
    (pod,) = await c.reader.pods(target)
    assert pod.qos == "Guaranteed"
    with pytest.raises(NeverHappened) as refused:
        await hand.resize(target, pod, resize_patch(pod, limits={"cpu": "200m"}))
    assert "Pod QOS Class may not change as a result of resizing" in refused.value.what
    both = resize_patch(pod, requests={"cpu": "200m"}, limits={"cpu": "200m"})
    assert (await hand.resize(target, pod, both)).qos == "Guaranteed"


@case
async def resize__request_becomes_limit(c: ClusterUnderTest) -> None:
    """A request that is taken away where a limit stands is the limit from then on."""
    target, hand = await made(c, replicas=1), Hand(c)
    (pod,) = await c.reader.pods(target)
    after = await hand.resize(target, pod, resize_patch(pod, requests={"cpu": None}))
    assert after.containers[0].resources.cpu_request == 200


@case
async def resize__not_by_a_plain_patch(c: ClusterUnderTest) -> None:
    target = await made(c, replicas=1)
    (pod,) = await c.reader.pods(target)
    body = {"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "150m"}}}]}}
    with pytest.raises(Refused) as refused:
        await c.patch_pod_as("somebody", pod.name, body)
    assert refused.value.status == 422
    assert "pod updates may not change fields other than" in refused.value.message


@case
async def resize__only_resources(c: ClusterUnderTest) -> None:
    """Everything else that is sent along is dropped without a word."""
    target, hand = await made(c, replicas=1), Hand(c)
    (pod,) = await c.reader.pods(target)
    container = {"name": "app", "image": "registry.example/app:2", "resources": {"requests": {"cpu": "150m"}}}
    body = {"metadata": {"annotations": {"note": "x"}}, "spec": {"containers": [container]}}
    await hand.resize(target, pod, Patch("resize", body, pod.name))
    now = await c.pod(pod.name)
    assert now["spec"]["containers"][0]["image"] == APP["image"]
    assert "note" not in (now["metadata"].get("annotations") or {})


@case
async def resize__larger_than_the_node(c: ClusterUnderTest) -> None:
    target, hand = await made(c, replicas=1), Hand(c)
    (pod,) = await c.reader.pods(target)
    amounts = {"cpu": f"{2 * c.node_cpu}m"}
    with pytest.raises(NeverHappened) as refused:
        await hand.resize(target, pod, resize_patch(pod, requests=amounts, limits=amounts))
    assert refused.value.http == 403
    assert "node didn't have enough allocatable resources: cpu, requested:" in refused.value.what
    assert await _pod(c, target, pod.name) == pod


@case
async def resize__deferred_until_there_is_room(c: ClusterUnderTest) -> None:
    """Two pods of 45 % fill each node; one of them cannot grow to 70 % before the other has gone."""
    share = {"cpu": f"{c.node_cpu * 45 // 100}m", "memory": "64Mi"}
    large = {**APP, "resources": {"requests": share, "limits": {"cpu": f"{c.node_cpu}m", "memory": "128Mi"}}}
    target, hand = await made(c, replicas=2 * c.nodes, containers=(large,)), Hand(c)
    pod = (await c.reader.pods(target))[0]
    wanted = c.node_cpu * 70 // 100
    await hand.resize(target, pod, resize_patch(pod, requests={"cpu": f"{wanted}m"}))
    await c.until(lambda: _stands(c, target, pod.name, "deferred"))
    waiting = await _pod(c, target, pod.name)
    assert "Node didn't have enough resource: cpu" in waiting.resize_message
    assert (waiting.containers[0].resources.cpu_request, waiting.ready) == (wanted, True)
    assert waiting.actual[0].resources.cpu_request == c.node_cpu * 45 // 100
    neighbour = next(p.name for p in await c.reader.pods(target) if p.node == pod.node and p.name != pod.name)
    await c.delete_pod(neighbour)
    await c.until(lambda: _actual(c, target, pod.name, wanted))
    assert (await _pod(c, target, pod.name)).resize == ""


@case
async def resize__pressed(c: ClusterUnderTest) -> None:
    """Each way in which a node can fail to carry one out, and that the next one may go well."""
    target = await made(c, replicas=1)
    presses: tuple[tuple[Pressure, str], ...] = (
        ("Infeasible", "infeasible"),
        ("Deferred", "deferred"),
        ("Error", "error"),
    )
    for step, (pressure, state) in enumerate(presses, 1):
        await c.resize_pressure(target, pressure)
        name = await _resize_now(c, target, f"{100 + step}m")
        await c.until(lambda: _stands(c, target, name, state))  # noqa: B023
    await c.resize_pressure(target, "")
    name = await _resize_now(c, target, "120m")
    await c.until(lambda: _actual(c, target, name, 120))
    assert (await _pod(c, target, name)).resize == ""


@case
async def resize__within_the_quota(c: ClusterUnderTest) -> None:
    target, hand = await made(c, replicas=1), Hand(c)
    await c.create(_quota({"requests.cpu": "200m"}))
    (pod,) = await c.reader.pods(target)
    with pytest.raises(NeverHappened) as refused:
        await hand.resize(target, pod, resize_patch(pod, requests={"cpu": "195m"}))
    assert refused.value.http == 403
    assert "exceeded quota: limit, requested: requests.cpu=95m, used: requests.cpu=110m" in refused.value.what
    await hand.resize(target, pod, resize_patch(pod, requests={"cpu": "150m"}))


@case
async def resize__limit_range(c: ClusterUnderTest) -> None:
    target, hand = await made(c, replicas=1), Hand(c)
    limits = [{"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "500m"}}]
    await c.create(
        {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "r"}, "spec": {"limits": limits}}
    )
    (pod,) = await c.reader.pods(target)
    amounts = {"cpu": "2"}
    patch = resize_patch(pod, requests=amounts, limits=amounts)

    async def refused_by_it() -> bool:
        try:
            await hand.resize(target, pod, patch, mode="dry_run")
        except NeverHappened as refused:
            return refused.http == 403 and "maximum cpu usage per Container is 1" in refused.what
        return False

    await c.until(refused_by_it)


@case
async def fence_pod__holds_back(c: ClusterUnderTest) -> None:
    """The fence moves the version on and changes nothing else; a write on what was seen before gets 409."""
    target, hand = await made(c, replicas=1), Hand(c)
    (pod,) = await c.reader.pods(target)
    after = await c.writer.fence_pod(target, pod.name, "intent-x")
    assert (after.uid, after.generation, after.containers) == (pod.uid, pod.generation, pod.containers)
    assert after.resource_version != pod.resource_version
    assert (await c.pod(pod.name))["metadata"]["annotations"]["flyball.io/fence"] == "intent-x"
    assert "flyball-fence-intent-x" in {m.name for m in after.managers}
    with pytest.raises(DefiniteConflict):
        await hand.resize(target, pod, resize_patch(pod, requests={"cpu": "150m"}))


@case
async def fence_pod__marker_stays(c: ClusterUnderTest) -> None:
    target, hand = await made(c, replicas=1), Hand(c)
    (pod,) = await c.reader.pods(target)
    intent = hand.intent()
    await hand.resize(target, pod, resize_patch(pod, requests={"cpu": "150m"}), intent=intent)
    assert (await c.writer.fence_pod(target, pod.name, intent)).marked(intent)


async def _resize_now(c: ClusterUnderTest, target: Target, cpu: str) -> str:
    """The first pod, by name; its node may have written its status since it was read."""
    hand = Hand(c)

    async def taken() -> bool:
        pod = (await c.reader.pods(target))[0]
        try:
            await hand.resize(target, pod, resize_patch(pod, requests={"cpu": cpu}))
        except DefiniteConflict:
            return False
        return True

    await c.until(taken)
    return (await c.reader.pods(target))[0].name


def _quota(hard: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "limit"},
        "spec": {"hard": hard},
    }


async def _pod(c: ClusterUnderTest, target: Target, name: str) -> Pod:
    return next(p for p in await c.reader.pods(target) if p.name == name)


async def _actual(c: ClusterUnderTest, target: Target, name: str, cpu: int) -> bool:
    pod = await _pod(c, target, name)
    return bool(pod.actual) and pod.actual[0].resources.cpu_request == cpu and pod.resize == ""


async def _settled(c: ClusterUnderTest, target: Target, name: str) -> bool:
    pod = await _pod(c, target, name)
    return pod.resize == "" and [one.resources for one in pod.actual] == [x.resources for x in pod.containers]


async def _stands(c: ClusterUnderTest, target: Target, name: str, state: str) -> bool:
    return (await _pod(c, target, name)).resize == state
