"""What is read: workloads, lists, owners, the cluster itself."""

import re

import pytest

from policies.types import Target
from tests.contract.harness import ClusterUnderTest, made
from tests.contract.suite import case
from tools.errors import NotFound


@case
async def read__workload(c: ClusterUnderTest) -> None:
    target = await made(c, annotations={"note": "pinned"})
    seen = await c.reader.read(target)
    app, sidecar = seen.containers
    assert (seen.replicas, seen.ready, seen.generation, seen.paused) == (2, 2, 1, False)
    assert (app.resources.cpu_request, app.resources.cpu_limit) == (100, 200)
    assert (app.resources.memory_request, app.resources.memory_limit) == (64 << 20, 128 << 20)
    assert (sidecar.resources.cpu_limit, sidecar.resources.memory_request) == (None, None)
    assert seen.labels["app"] == "web"
    assert seen.annotations["note"] == "pinned"
    assert dict(seen.selector) == {"app": "web"}
    assert seen.owner is None
    assert seen.uid
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", seen.created_at)


@case
async def read__list(c: ClusterUnderTest) -> None:
    await made(c, "web")
    await made(c, "queue", kind="StatefulSet", replicas=1)
    found = await c.reader.list_workloads(c.namespace)
    assert {str(w.target) for w in found} == {"deployment/web", "statefulset/queue"}
    assert {str(w.target) for w in await c.reader.list_workloads(None)} >= {"deployment/web"}


@case
async def read__pods_of(c: ClusterUnderTest) -> None:
    """The pods of each, and none of another's with a like selector; of what is gone there are none."""
    web, queue = await made(c, "web"), await made(c, "queue", kind="StatefulSet", replicas=1)
    gone = web.model_copy(update={"name": "gone"})
    found = await c.reader.pods_of([web, queue, gone])
    each = {target.key: {pod.name for pod in await c.reader.pods(target)} for target in (web, queue)}
    assert {key: {pod.name for pod in pods} for key, pods in found.items()} == {**each, gone.key: set()}


@case
async def read__kinds(c: ClusterUnderTest) -> None:
    """A list holds the kinds that are asked for and no other; of DaemonSets and Jobs there are none here."""
    await made(c, "web", replicas=1)
    await made(c, "queue", kind="StatefulSet", replicas=1)
    for kinds, names in (
        (("daemonset",), []),
        (("daemonset", "job"), []),
        (("statefulset",), ["statefulset/queue"]),
        (("statefulset", "deployment"), ["statefulset/queue", "deployment/web"]),
    ):
        found = await c.reader.list_workloads(c.namespace, kinds=kinds)
        assert [str(w.target) for w in found] == names


@case
async def read__namespaces(c: ClusterUnderTest) -> None:
    await made(c, "web")
    found = await c.reader.namespaces()
    assert {c.namespace, "kube-system"} <= set(found)
    assert len(found) == len(set(found))


@case
async def read__selector(c: ClusterUnderTest) -> None:
    await made(c, "web", replicas=1)
    await made(c, "api", replicas=1)
    for selector, names in (
        ("app=web", {"web"}),
        ("app!=web", {"api"}),
        ("app in (web,api)", {"web", "api"}),
        ("app,app notin (api)", {"web"}),
        ("!app", set()),
    ):
        found = await c.reader.list_workloads(c.namespace, selector)
        assert {w.target.name for w in found} == names, selector


@case
async def read__not_found(c: ClusterUnderTest) -> None:
    target = Target(cluster=c.name, namespace=c.namespace, kind="deployment", name="nobody")
    for ask in (c.reader.read, c.reader.pods, c.reader.root_owner):
        with pytest.raises(NotFound):
            await ask(target)


@case
async def read__root_owner(c: ClusterUnderTest) -> None:
    target = await made(c, replicas=1)
    assert await c.reader.root_owner(target) == target


@case
async def read__identity(c: ClusterUnderTest) -> None:
    identity = await c.reader.identity()
    assert identity == await c.reader.identity()
    assert identity.name == c.name
    assert re.fullmatch(r"[0-9a-f-]{36}", identity.uid)
