"""The workload controllers: pods follow the spec, a changed template rolls out, status follows the pods.

Simpler than the real ones where nothing depends on it: a pod that is deleted is gone at once, scaling during
a rollout is not proportional, and a paused Deployment stands still. A pod that a quota refuses is tried again
after a wait of RETRY_MS, doubling up to RETRY_MAX_MS.
"""

import math
from collections import Counter
from typing import Any, Literal

from sandbox.api import quota
from sandbox.api.apiserver import ApiServer
from sandbox.api.errors import ApiError
from sandbox.api.indices import workload_of
from sandbox.api.kinds import WORKLOADS, rfc3339, stored_at
from sandbox.api.ownership import Owner, reported
from sandbox.api.store import Json, Key
from sandbox.controllers import changes, events, kubelet, nodes, resizing
from sandbox.controllers.pod_status import is_ready
from sandbox.controllers.pods import create_pod, pods_of, refusal, replicaset_of, version_of
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
    if not workload["spec"].get("paused"):
        roll = _roll_deployment if key.kind == "deployment" else _roll_statefulset
        roll(api, key, workload)
    _report(api, key, workload)


def _roll_deployment(api: ApiServer, key: Key, workload: Json) -> None:
    want, pods, version = workload["spec"]["replicas"], pods_of(api.txn, key), version_of(api.txn, workload)
    surge, unavailable = _bounds(workload["spec"], want)
    current = [p for p in pods if _version(p) == version]
    old = [p for p in pods if _version(p) != version]
    leaving = _expendable(current)[: max(0, len(current) - want)]
    if old:
        ready = sum(map(is_ready, pods)) - sum(map(is_ready, leaving))
        spare = max(0, ready - (want - unavailable))
        leaving += [p for p in old if not is_ready(p)] + [p for p in _expendable(old) if is_ready(p)][:spare]
    have = len(current) - max(0, len(current) - want)
    make = max(0, min(want - have, want + surge - (len(pods) - len(leaving))))
    _tell_scaling(api, key, pods, leaving, version, make)
    _delete(api, key, leaving)
    _create(api, key, workload, [None] * make)


def _roll_statefulset(api: ApiServer, key: Key, workload: Json) -> None:
    """Ordinals in order: the next pod is made, or the last outdated one replaced, once all are ready."""
    want, version = workload["spec"]["replicas"], version_of(api.txn, workload)
    by_ordinal = {int(p["metadata"]["name"].rpartition("-")[2]): p for p in pods_of(api.txn, key)}
    _delete(api, key, [p for i, p in by_ordinal.items() if i >= want])
    missing = [i for i in range(want) if i not in by_ordinal]
    waiting = any(not is_ready(p) for i, p in by_ordinal.items() if i < want)
    if workload["spec"].get("podManagementPolicy") == "Parallel":
        _create(api, key, workload, missing)
    elif missing and not waiting:
        _create(api, key, workload, missing[:1])
    outdated = [i for i, p in by_ordinal.items() if i < want and _version(p) != version]
    if outdated and not missing and not waiting:
        _delete(api, key, [by_ordinal[max(outdated)]])
        _create(api, key, workload, [max(outdated)])


def _create(api: ApiServer, key: Key, workload: Json, ordinals: list[Any]) -> None:
    """Make them, and stop at the first that is refused: it is tried again later."""
    about, source = replicaset_of(key, version_of(api.txn, workload)), _SOURCES[key.kind]
    for ordinal in ordinals:
        try:
            made = create_pod(api, key, workload, ordinal)
        except ApiError as error:
            said = refusal(error)
            events.emit(api, about, type="Warning", reason="FailedCreate", message=said, source=source)
            _retry_later(api, key)
            return
        said = f"Created pod: {made.name}"
        if key.kind == "statefulset":
            said = f"Create Pod {made.name} in StatefulSet {key.name} successful"
        events.emit(api, about, type="Normal", reason="SuccessfulCreate", message=said, source=source)
    if ordinals and "sandbox" in workload:
        api.txn.put(key, {name: part for name, part in workload.items() if name != "sandbox"})


def _retry_later(api: ApiServer, key: Key) -> None:
    workload = api.txn.get(key)
    if workload is None:
        return
    refused = min(workload.get("sandbox", {}).get("refused", 0), 30)
    body = workload | {"sandbox": {"refused": refused + 1}}
    api.txn.put(key, body, api.now_ms + min(RETRY_MS * 2**refused, RETRY_MAX_MS))


def _delete(api: ApiServer, key: Key, pods: list[Json]) -> None:
    for pod in pods:
        at = stored_at(pod)
        about, source = replicaset_of(key, _version(pod)), _SOURCES[key.kind]
        said = f"Deleted pod: {at.name}"
        if key.kind == "statefulset":
            said = f"Delete Pod {at.name} in StatefulSet {key.name} successful"
        events.emit(api, about, type="Normal", reason="SuccessfulDelete", message=said, source=source)
        for one in pod["spec"]["containers"] if "nodeName" in pod["spec"] else ():
            said = f"Stopping container {one['name']}"
            events.emit(api, at, type="Normal", reason="Killing", message=said, source="kubelet")
        api.txn.delete(at)


def _tell_scaling(
    api: ApiServer, key: Key, pods: list[Json], leaving: list[Json], version: str, make: int
) -> None:
    """As the deployment controller words it (pkg/controller/deployment/sync.go), the old versions first."""
    counts, less = Counter(map(_version, pods)), Counter(map(_version, leaving))
    steps: list[tuple[str, Literal["up", "down"], int]] = []
    steps += [(one, "down", counts[one] - n) for one, n in sorted(less.items())]
    if make:
        steps.append((version, "up", counts[version] - less[version] + make))
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
        "updatedReplicas": sum(_version(p) == version for p in pods),
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


def _version(pod: Json) -> str:
    labels = pod["metadata"]["labels"]
    return str(labels.get("pod-template-hash") or labels.get("controller-revision-hash", ""))


def _expendable(pods: list[Json]) -> list[Json]:
    """In the order in which pods are given up: not ready first, then the youngest."""
    youngest = sorted(
        pods, key=lambda p: (p["metadata"]["creationTimestamp"], p["metadata"]["name"]), reverse=True
    )
    return sorted(youngest, key=is_ready)


def _bounds(spec: Json, want: int) -> tuple[int, int]:
    """maxSurge rounds up, maxUnavailable down; not both may be zero."""
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    surge = _portion(rolling.get("maxSurge", "25%"), want, up=True)
    unavailable = _portion(rolling.get("maxUnavailable", "25%"), want, up=False)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def _portion(value: Any, of: int, *, up: bool) -> int:
    if not isinstance(value, str):
        return int(value)
    share = int(value.rstrip("%")) * of / 100
    return math.ceil(share) if up else math.floor(share)
