"""The workload controllers: pods follow the spec, a changed template rolls out, status follows the pods.

What they do next about the pods is rollouts.py's. Simpler than the real ones where nothing depends on it: a pod
that is deleted is gone at once. A pod that a quota refuses is tried again after a wait of RETRY_MS, doubling up to
RETRY_MAX_MS.
"""

from collections import Counter
from typing import Any, Literal

from sandbox.api import quota
from sandbox.api.apiserver import ApiServer
from sandbox.api.claim_rules import CLAIM
from sandbox.api.errors import ApiError
from sandbox.api.indices import workload_of
from sandbox.api.kinds import WORKLOADS, rfc3339, stored_at
from sandbox.api.ownership import Owner, reported
from sandbox.api.store import Json, Key
from sandbox.controllers import changes, claims, events, kubelet, nodes, resizing, rollouts
from sandbox.controllers.pod_status import is_ready
from sandbox.controllers.pods import create_pod, pods_of, refusal, replicaset_of, version_of
from sandbox.controllers.rollouts import version_in
from sandbox.controllers.scheduler import bind_pending

RETRY_MS = 1_000
RETRY_MAX_MS = 960_000
"""The controllers' rate limiter doubles up to about 16 min (client-go, util/workqueue)."""
_SOURCES = {"deployment": "replicaset-controller", "statefulset": "statefulset-controller"}


def settle(api: ApiServer, key: Key) -> None:
    """Bring pods and status in line after a change of one object (or its deletion)."""
    workloads: set[Key] = set()
    if key.kind in WORKLOADS:
        workloads.add(key)
    elif key.kind == "node":
        workloads = nodes.changed(api, key)
    elif key.kind == "pod":
        workloads = _pod_changed(api, key)
    elif key.kind == "change":
        changes.planned(api, key)
    elif key.kind == "resourcequota":
        workloads = _quota_changed(api, key)
    elif key.kind == CLAIM:
        claims.bind(api, key)
    for one in sorted(workloads):
        _follow(api, one)
    changes.watch(api, key)
    _use_room(api)


def advance_to(api: ApiServer, objs: list[Json]) -> None:
    """Let these objects, whose time has come, move on; then settle the workloads that they touch."""
    touched: set[Key] = set()
    for obj in objs:
        kind = obj["kind"].lower()
        if kind == "pod":
            kubelet.come_due(api, obj)
            touched |= {one for one in (workload_of(obj),) if one}
        elif kind == "node":
            touched |= nodes.come_due(api, obj)
        elif kind == "change":
            done = changes.come_due(api, obj)
            if done is not None:
                settle(api, done)
        elif kind in WORKLOADS:
            api.txn.put(stored_at(obj), obj)
            touched.add(stored_at(obj))
    for key in sorted(touched):
        settle(api, key)


def _pod_changed(api: ApiServer, key: Key) -> set[Key]:
    """Of a pod that is gone nobody says whose it was: its name begins with its workload's."""
    pod = api.txn.get(key)
    if pod is not None:
        kubelet.noticed(api, pod)
        return {one for one in (workload_of(pod),) if one}
    found = (stored_at(obj) for kind in WORKLOADS for obj in api.txn.all(kind, key.namespace))
    return {one for one in found if key.name.startswith(f"{one.name}-")}


def _quota_changed(api: ApiServer, key: Key) -> set[Key]:
    body = api.txn.get(key)
    if body is not None:
        api.txn.put(key, body | {"status": quota.status(api.txn, body)})
    return {stored_at(obj) for kind in WORKLOADS for obj in api.txn.all(kind, key.namespace)}


def _use_room(api: ApiServer) -> None:
    """Room that came free is for resizes that wait for it, then for pods that wait for a node."""
    pods = api.txn.pods
    if not pods.stirred:
        return
    for key in sorted(pods.deferred):
        pod = api.txn.get(key)
        if pod is not None and resizing.would_fit(api, pod):
            resizing.look(api, pod)
            kubelet.keep(api, pod)
    if pods.waiting:
        bind_pending(api)
    pods.stirred = False


def _follow(api: ApiServer, key: Key) -> None:
    workload = api.txn.get(key)
    if workload is None:
        _delete(api, key, pods_of(api.txn, key))
        return
    _roll(api, key, workload)
    _report(api, key, workload)


def _roll(api: ApiServer, key: Key, workload: Json) -> None:
    spec, pods = workload["spec"], pods_of(api.txn, key)
    version = version_of(api.txn, workload)
    before = (workload.get("sandbox") or {}).get("template")
    plan = rollouts.of_deployment if key.kind == "deployment" else rollouts.of_statefulset
    step = plan(spec, pods, rollouts.Templates(spec["template"], version, before))
    if key.kind == "deployment":
        _tell_scaling(api, key, workload, step)
    _delete(api, key, step.leaving)
    _create(api, key, workload, step.made)
    _remember(api, key)


def _remember(api: ApiServer, key: Key) -> None:
    """The template that every pod has, for as long as pods may be made of it beside a newer one."""
    workload = api.txn.get(key)
    if workload is None:
        return
    template, version = workload["spec"]["template"], version_of(api.txn, workload)
    known, pods = (workload.get("sandbox") or {}).get("template"), pods_of(api.txn, key)
    if not rollouts.holds_back(workload["spec"]):
        wanted = None
    elif pods and all(version_in(p) == version for p in pods):
        wanted = template
    else:
        wanted = known
    if wanted != known:
        api.txn.put(key, _remembering(workload, template=wanted), api.txn.due_of(key))


def _create(api: ApiServer, key: Key, workload: Json, made: list[tuple[int | None, Json]]) -> None:
    """Make them, and stop at the first that is refused: it is tried again later."""
    for ordinal, template in made:
        of = workload | {"spec": workload["spec"] | {"template": template}}
        about, source = replicaset_of(key, version_of(api.txn, of)), _SOURCES[key.kind]
        try:
            pod = create_pod(api, key, of, ordinal)
        except ApiError as error:
            said = refusal(error)
            events.emit(api, about, type="Warning", reason="FailedCreate", message=said, source=source)
            _retry_later(api, key)
            return
        said = f"Created pod: {pod.name}"
        if key.kind == "statefulset":
            said = f"Create Pod {pod.name} in StatefulSet {key.name} successful"
        events.emit(api, about, type="Normal", reason="SuccessfulCreate", message=said, source=source)
    if made and "refused" in workload.get("sandbox", ()):
        api.txn.put(key, _remembering(workload, refused=None))


def _remembering(workload: Json, **changed: Any) -> Json:
    """The workload with what its controller has to remember; None forgets."""
    memory = {k: v for k, v in ((workload.get("sandbox") or {}) | changed).items() if v is not None}
    bare = {name: part for name, part in workload.items() if name != "sandbox"}
    return bare | ({"sandbox": memory} if memory else {})


def _retry_later(api: ApiServer, key: Key) -> None:
    workload = api.txn.get(key)
    if workload is None:
        return
    refused = min(workload.get("sandbox", {}).get("refused", 0), 30)
    body = _remembering(workload, refused=refused + 1)
    api.txn.put(key, body, api.now_ms + min(RETRY_MS * 2**refused, RETRY_MAX_MS))


def _delete(api: ApiServer, key: Key, pods: list[Json]) -> None:
    for pod in pods:
        at = stored_at(pod)
        about, source = replicaset_of(key, version_in(pod)), _SOURCES[key.kind]
        said = f"Deleted pod: {at.name}"
        if key.kind == "statefulset":
            said = f"Delete Pod {at.name} in StatefulSet {key.name} successful"
        events.emit(api, about, type="Normal", reason="SuccessfulDelete", message=said, source=source)
        for one in pod["spec"]["containers"] if "nodeName" in pod["spec"] else ():
            said = f"Stopping container {one['name']}"
            events.emit(api, at, type="Normal", reason="Killing", message=said, source="kubelet")
        api.txn.delete(at)


def _tell_scaling(api: ApiServer, key: Key, workload: Json, step: rollouts.Step) -> None:
    """As the deployment controller words it (pkg/controller/deployment/sync.go), the old versions first."""
    counts = Counter(map(version_in, pods_of(api.txn, key)))
    less = Counter(map(version_in, step.leaving))
    steps: list[tuple[str, Literal["up", "down"], int]] = []
    steps += [(one, "down", counts[one] - n) for one, n in sorted(less.items())]
    if step.made:
        template = step.made[0][1]
        version = version_of(api.txn, workload | {"spec": workload["spec"] | {"template": template}})
        steps.append((version, "up", counts[version] - less[version] + len(step.made)))
    for one, way, to in steps:
        before = counts[one] - (less[one] if way == "up" else 0)
        said = f"Scaled {way} replica set {replicaset_of(key, one).name} from {before} to {to}"
        events.emit(
            api, key, type="Normal", reason="ScalingReplicaSet", message=said, source="deployment-controller"
        )


def _report(api: ApiServer, key: Key, workload: Json) -> None:
    """Status as the API writes it: a count of zero is left out."""
    _use_room(api)
    workload = api.txn.get(key) or workload
    pods, version = pods_of(api.txn, key), version_of(api.txn, workload)
    ready = sum(map(is_ready, pods))
    counts = {
        "replicas": len(pods),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "updatedReplicas": sum(version_in(p) == version for p in pods),
        "unavailableReplicas": max(0, workload["spec"]["replicas"] - ready)
        if key.kind == "deployment"
        else 0,
    }
    status = {"observedGeneration": workload["metadata"]["generation"]} | {
        k: n for k, n in counts.items() if n
    }
    if status == workload["status"]:
        return
    by = Owner("kube-controller-manager", "Update", "status", rfc3339(api.now_ms), workload["apiVersion"])
    meta = workload["metadata"]
    new = workload | {
        "status": status,
        "metadata": meta | {"managedFields": reported(meta["managedFields"], by, status)},
    }
    api.store(key, new, api.txn.due_of(key))
