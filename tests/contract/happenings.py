"""What the cluster does by itself and tells of: events, quotas, autoscalers, restarts."""

from policies.types import Target
from tests.contract.harness import ClusterUnderTest, Hand, at_rest, made
from tests.contract.suite import case
from tests.kit.manifests import Json, workload
from tools.cluster_types import ApiEvent, Patch, Restraints


@case
async def events__of_a_workload(c: ClusterUnderTest) -> None:
    """The controllers' reasons, oldest first, about the workload, its ReplicaSet and its pods."""
    target = await made(c)
    await c.until(lambda: _told(c, target, {"ScalingReplicaSet", "SuccessfulCreate", "Scheduled"}))
    found = await c.reader.events(target)
    assert [e.at_ms for e in found] == sorted(e.at_ms for e in found)
    about = {e.reason: e.about.partition("/")[0] for e in found}
    assert about["ScalingReplicaSet"] == "deployment"
    assert about["SuccessfulCreate"] == "replicaset"
    assert about["Scheduled"] == "pod"
    scaled = next(e for e in found if e.reason == "ScalingReplicaSet")
    assert (scaled.type, scaled.source, scaled.count) == ("Normal", "deployment-controller", 1)
    assert scaled.message.startswith("Scaled up replica set web-")
    assert scaled.message.endswith(" from 0 to 2")
    pods = {f"pod/{p.name}" for p in await c.reader.pods(target)}
    assert {e.about for e in found if e.reason == "Scheduled"} == pods


@case
async def events__of_a_scale(c: ClusterUnderTest) -> None:
    target = await made(c, replicas=3)
    await Hand(c).scale(target, 1)
    await at_rest(c, target)
    await c.until(lambda: _told(c, target, {"SuccessfulDelete"}))
    messages = [e.message for e in await c.reader.events(target)]
    assert any(
        said.startswith("Scaled down replica set") and said.endswith(" from 3 to 1") for said in messages
    )


@case
async def events__not_of_others(c: ClusterUnderTest) -> None:
    target = await made(c, replicas=1)
    await made(c, "web-admin", replicas=1)
    await c.until(lambda: _told(c, target, {"Scheduled"}))
    assert not [e for e in await c.reader.events(target) if "admin" in e.about]


@case
async def events__no_room(c: ClusterUnderTest) -> None:
    """A pod that no node can hold waits, and the scheduler says why."""
    huge: Json = {"name": "app", "image": "registry.example/app:1"}
    huge["resources"] = {"requests": {"cpu": f"{2 * c.node_cpu}m"}}
    target = Target(cluster=c.name, namespace=c.namespace, kind="deployment", name="web")
    await c.create(workload("web", replicas=1, containers=(huge,)))
    await c.until(lambda: _told(c, target, {"FailedScheduling"}))
    (pod,) = await c.reader.pods(target)
    said = next(e for e in await c.reader.events(target) if e.reason == "FailedScheduling")
    assert (pod.phase, pod.node, said.type, said.source) == ("Pending", None, "Warning", "default-scheduler")
    assert f"0/{c.nodes} nodes are available: {c.nodes} Insufficient cpu" in said.message
    assert said.about == f"pod/{pod.name}"


@case
async def quota__fewer_pods(c: ClusterUnderTest) -> None:
    """A quota refuses pods, not the scale: what it refuses is an event of the ReplicaSet."""
    target, hand = await made(c, replicas=1), Hand(c)
    hard = {"hard": {"pods": "2"}}
    await c.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": hard})
    after = await hand.scale(target, 4)
    assert after.replicas == 4
    await c.until(lambda: _told(c, target, {"FailedCreate"}))
    await c.until(lambda: _ready(c, target, 2))
    assert len(await c.reader.pods(target)) == 2
    said = [e for e in await c.reader.events(target) if e.reason == "FailedCreate"]
    assert all(
        (e.type, e.source, e.about.partition("/")[0]) == ("Warning", "replicaset-controller", "replicaset")
        for e in said
    )
    assert "exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2" in said[0].message
    await hand.scale(target, 1)
    await at_rest(c, target)


@case
async def quota__must_specify(c: ClusterUnderTest) -> None:
    """Where a quota counts an amount, a pod that does not name it is refused."""
    hard = {"hard": {"limits.memory": "1Gi"}}
    await c.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": hard})
    bare: Json = {"name": "app", "image": "registry.example/app:1", "resources": {"requests": {"cpu": "10m"}}}
    target = Target(cluster=c.name, namespace=c.namespace, kind="deployment", name="web")
    await c.create(workload("web", replicas=1, containers=(bare,)))
    await c.until(lambda: _told(c, target, {"FailedCreate"}))
    said = next(e for e in await c.reader.events(target) if e.reason == "FailedCreate")
    assert "failed quota: few: must specify limits.memory for: app" in said.message
    assert await c.reader.pods(target) == []


@case
async def restraints__of_a_workload(c: ClusterUnderTest) -> None:
    """The budgets that select its pods, and what the namespace's quotas leave of what its pods take."""
    target = await made(c, replicas=2)

    async def restraints() -> Restraints:
        return (await c.reader.restraints_of([await c.reader.read(target)]))[target.key]

    assert await restraints() == Restraints((), ())
    for name, spec in {
        "mine": {"selector": {"matchLabels": {"app": "web"}}, "maxUnavailable": "50%"},
        "all": {"selector": {}, "minAvailable": 1},
        "theirs": {"selector": {"matchLabels": {"app": "other"}}, "minAvailable": 1},
        "by-expression": {
            "selector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]},
            "minAvailable": 1,
        },
    }.items():
        await c.create(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": name},
                "spec": spec,
            }
        )
    hard = {"hard": {"pods": "5", "cpu": "1", "limits.memory": "1Gi", "count/configmaps": "9"}}
    await c.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": hard})

    async def counted() -> bool:
        found = await restraints()
        return any(quota.left.get("pods") == 3 for quota in found.quotas or ())

    await c.until(counted)
    found = await restraints()
    assert {one.name: (one.min_available, one.max_unavailable) for one in found.budgets or ()} == {
        "mine": (None, "50%"),
        "all": (1, None),
    }
    (few,) = found.quotas or ()
    pod = (await c.reader.pods(target))[0]
    cpu = sum(one.resources.cpu_request or 0 for one in pod.containers)
    memory = sum(one.resources.memory_limit or 0 for one in pod.containers)
    assert few.left == {"pods": 3, "requests.cpu": 1_000 - 2 * cpu, "limits.memory": 2**30 - 2 * memory}


@case
async def autoscaler__none(c: ClusterUnderTest) -> None:
    assert await c.reader.autoscaler(await made(c, replicas=1)) is None


@case
async def autoscaler__scales_up(c: ClusterUnderTest) -> None:
    """Two pods at 180 % of their request: with a target of 90 % it wants twice as many."""
    target = await made(c, replicas=2)
    await c.load(target, 198)  # of 110m that app and sidecar request together
    await c.create(_hpa(90, 1, 8))
    await c.until(lambda: _replicas(c, target, 4))

    async def told() -> bool:  # the scale is written first, the status and the event after it
        hpa = await c.reader.autoscaler(target)
        return hpa is not None and hpa.able and hpa.active

    await c.until(told)
    hpa = await c.reader.autoscaler(target)
    assert hpa is not None
    assert (hpa.name, hpa.minimum, hpa.maximum, hpa.target_percent) == ("web", 1, 8, 90)
    assert (await c.reader.read(target)).owner == "horizontalpodautoscaler/web"
    await c.until(lambda: _told(c, target, {"SuccessfulRescale"}))


@case
async def autoscaler__stops_at_its_maximum(c: ClusterUnderTest) -> None:
    target = await made(c, replicas=2)
    await c.load(target, 198)
    await c.create(_hpa(90, 1, 3))
    await c.until(lambda: _replicas(c, target, 3))

    async def limited() -> bool:
        hpa = await c.reader.autoscaler(target)
        return hpa is not None and hpa.limited

    await c.until(limited)


@case
async def restart__by_annotation(c: ClusterUnderTest) -> None:
    """As `kubectl rollout restart`: a new annotation on the template makes new pods of it."""
    target, hand = await made(c), Hand(c)
    before = {p.uid for p in await c.reader.pods(target)}
    when = {"kubectl.kubernetes.io/restartedAt": "2026-03-02T14:00:00Z"}
    patch = Patch("", {"spec": {"template": {"metadata": {"annotations": when}}}})
    after = await hand.write(target, patch)
    assert dict(after.template_annotations) == when
    await at_rest(c, target)
    await c.until(lambda: _replaced(c, target, before))


@case
async def restart__of_a_killed_container(c: ClusterUnderTest) -> None:
    """The kernel ends a container for memory: the same pod goes on with a new container, and says why."""
    target = await made(c, replicas=1)
    (pod,) = await c.reader.pods(target)
    await c.oom_kill(pod.name, "app")

    async def restarted() -> bool:
        now = (await c.reader.pods(target))[0]
        return now.restarts == 1 and now.ready

    await c.until(restarted)
    (now,) = await c.reader.pods(target)
    assert (now.uid, now.last_exit, now.waiting) == (pod.uid, "OOMKilled", "")


def _hpa(percent: int, minimum: int, maximum: int) -> Json:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": minimum,
            "maxReplicas": maximum,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


async def _events(c: ClusterUnderTest, target: Target) -> list[ApiEvent]:
    return await c.reader.events(target)


async def _told(c: ClusterUnderTest, target: Target, reasons: set[str]) -> bool:
    return reasons <= {e.reason for e in await _events(c, target)}


async def _ready(c: ClusterUnderTest, target: Target, count: int) -> bool:
    return (await c.reader.read(target)).ready == count


async def _replicas(c: ClusterUnderTest, target: Target, count: int) -> bool:
    return (await c.reader.read(target)).replicas == count


async def _replaced(c: ClusterUnderTest, target: Target, before: set[str]) -> bool:
    return not before & {p.uid for p in await c.reader.pods(target)}
