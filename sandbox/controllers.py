"""The workload controllers: pods follow the spec, a changed template rolls out, status follows the pods.

Simpler than the real ones where nothing depends on it: a pod that is deleted is gone at once, scaling during
a rollout is not proportional, and a paused Deployment stands still.
"""

import math
from typing import Any

from sandbox.apiserver import ApiServer
from sandbox.kinds import WORKLOADS, key_of, rfc3339
from sandbox.ownership import Owner, parse, render, updated
from sandbox.pods import bind_pending, come_due, create_pod, is_ready, pods_of, template_hash, workload_of
from sandbox.store import Json, Key

_HASHES = ("pod-template-hash", "controller-revision-hash")


def settle(api: ApiServer, key: Key) -> None:
    """Bring pods and status in line after a change of one object (or its deletion)."""
    if key.kind in WORKLOADS:
        workload = api.txn.get(key)
        if workload is None:
            _delete(api, pods_of(api.txn, key))
        else:
            _reconcile(api, key, workload)
    # Room that came free here may be what a pod of another workload waited for.
    bind_pending(api)


def advance_to(api: ApiServer, pods: list[Json]) -> None:
    """Let these pods, whose time has come, move on; then settle the workloads that they belong to."""
    for pod in pods:
        come_due(api, pod)
    for key in sorted({workload_of(pod) for pod in pods}):
        settle(api, key)


def _reconcile(api: ApiServer, key: Key, workload: Json) -> None:
    if not workload["spec"].get("paused"):
        roll = _roll_deployment if key.kind == "deployment" else _roll_statefulset
        roll(api, key, workload)
    _report(api, key, workload)


def _roll_deployment(api: ApiServer, key: Key, workload: Json) -> None:
    want, pods = workload["spec"]["replicas"], pods_of(api.txn, key)
    surge, unavailable = _bounds(workload["spec"], want)
    current = [p for p in pods if _is_current(p, workload)]
    old = [p for p in pods if not _is_current(p, workload)]
    leaving = _expendable(current)[: max(0, len(current) - want)]
    ready = sum(map(is_ready, pods)) - sum(map(is_ready, leaving))
    spare = max(0, ready - (want - unavailable))
    leaving += [p for p in old if not is_ready(p)] + [p for p in _expendable(old) if is_ready(p)][:spare]
    _delete(api, leaving)
    have = len(current) - max(0, len(current) - want)
    for _ in range(min(want - have, want + surge - (len(pods) - len(leaving)))):
        create_pod(api, key, workload)


def _roll_statefulset(api: ApiServer, key: Key, workload: Json) -> None:
    """Ordinals in order: the next pod is made, or the last outdated one replaced, once all are ready."""
    want = workload["spec"]["replicas"]
    by_ordinal = {int(p["metadata"]["name"].rpartition("-")[2]): p for p in pods_of(api.txn, key)}
    _delete(api, [p for i, p in by_ordinal.items() if i >= want])
    missing = [i for i in range(want) if i not in by_ordinal]
    waiting = any(not is_ready(p) for i, p in by_ordinal.items() if i < want)
    if workload["spec"].get("podManagementPolicy") == "Parallel":
        for i in missing:
            create_pod(api, key, workload, i)
    elif missing and not waiting:
        create_pod(api, key, workload, missing[0])
    outdated = [i for i, p in by_ordinal.items() if i < want and not _is_current(p, workload)]
    if outdated and not missing and not waiting:
        _delete(api, [by_ordinal[max(outdated)]])
        create_pod(api, key, workload, max(outdated))


def _report(api: ApiServer, key: Key, workload: Json) -> None:
    """Status as the API writes it: a count of zero is left out."""
    bind_pending(api)
    pods = pods_of(api.txn, key)
    ready = sum(map(is_ready, pods))
    counts = {
        "replicas": len(pods),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "updatedReplicas": sum(_is_current(p, workload) for p in pods),
        "unavailableReplicas": max(0, workload["spec"]["replicas"] - ready)
        if key.kind == "deployment"
        else 0,
    }
    status = {"observedGeneration": workload["metadata"]["generation"]} | {
        k: n for k, n in counts.items() if n
    }
    if status == workload["status"]:
        return
    new = workload | {"status": status, "metadata": dict(workload["metadata"])}
    by = Owner("kube-controller-manager", "Update", "status", rfc3339(api.now_ms), workload["apiVersion"])
    new["metadata"]["managedFields"] = render(
        updated(parse(new["metadata"]["managedFields"]), by, workload, new)
    )
    api.store(key, new)


def _is_current(pod: Json, workload: Json) -> bool:
    labels = pod["metadata"]["labels"]
    return template_hash(workload["spec"]["template"]) in [labels.get(name) for name in _HASHES]


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


def _delete(api: ApiServer, pods: list[Json]) -> None:
    for pod in pods:
        api.txn.delete(key_of(pod))
