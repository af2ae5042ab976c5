"""One pod's life: created, bound to a node that has room, started, ready after its start-up time, killed
when a leak reaches its memory limit. Times are the world's."""

import copy
import hashlib
import json

from policies.types import Target
from sandbox.apiserver import ApiServer
from sandbox.kinds import KINDS, key_of, rfc3339
from sandbox.load import load_of
from sandbox.ownership import Owner, leaves, render
from sandbox.store import Json, Key, Transaction
from tools.cluster.objects import belongs, containers, controller_of, unix_ms
from tools.cluster.quantity import millicores, whole_bytes

Room = tuple[int, int]
"""CPU in millicores and memory in bytes."""

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Json) -> str:
    """What tells one version of a pod template from another."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return _letters(digest, 10)


def pods_of(txn: Transaction, key: Key) -> list[Json]:
    """A workload's own pods, in name order."""
    target = Target(cluster="sandbox", namespace=key.namespace, kind=key.kind, name=key.name)
    return [p for p in txn.all("pod", key.namespace) if belongs(target, p)]


def workload_of(pod: Json) -> Key:
    """The workload that a pod belongs to (a ReplicaSet is named after its Deployment and the hash)."""
    owner = controller_of(pod["metadata"]) or {}
    kind, name = str(owner["kind"]), str(owner["name"])
    if kind == "ReplicaSet":
        kind, name = "Deployment", name.rpartition("-")[0]
    return Key(kind.lower(), pod["metadata"]["namespace"], name)


def is_ready(pod: Json) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())


def create_pod(api: ApiServer, key: Key, workload: Json, ordinal: int | None = None) -> None:
    """Make one pod from the workload's template and bind it if there is room."""
    template = workload["spec"]["template"]
    version, uid = template_hash(template), api.new_uid()
    deployment = ordinal is None
    suffix = f"{version}-{_letters(hashlib.sha256(uid.encode()).digest(), 5)}" if deployment else str(ordinal)
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet" if deployment else KINDS[key.kind].name,
        "name": f"{key.name}-{version}" if deployment else key.name,
        "uid": workload["metadata"]["uid"],
        "controller": True,
    }
    labels = dict((template.get("metadata") or {}).get("labels") or {})
    labels["pod-template-hash" if deployment else "controller-revision-hash"] = version
    metadata = {
        "name": f"{key.name}-{suffix}",
        "namespace": key.namespace,
        "uid": uid,
        "creationTimestamp": rfc3339(api.now_ms),
        "labels": labels,
        "ownerReferences": [owner],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": _pod_spec(template["spec"])}
    by = Owner("kube-controller-manager", "Update", "", rfc3339(api.now_ms), "v1", frozenset(leaves(pod)))
    metadata["managedFields"] = render([by])
    api.store(key_of(pod), pod | {"status": {"phase": "Pending"}})


def _pod_spec(template: Json) -> Json:
    """A container's requests default to its limits, as the API does when a pod is made."""
    spec = copy.deepcopy(template)
    for one in spec["containers"]:
        block = one.get("resources") or {}
        if block.get("limits"):
            one["resources"] = block | {"requests": block["limits"] | (block.get("requests") or {})}
    return spec


def bind_pending(api: ApiServer) -> None:
    """Bind each waiting pod to the node with most CPU left that can hold it; the others go on waiting."""
    waiting = [p for p in api.txn.all("pod") if "nodeName" not in p["spec"]]
    if not waiting:
        return
    room = _room_of_nodes(api.txn)
    for pod in sorted(waiting, key=lambda p: (p["metadata"]["creationTimestamp"], p["metadata"]["name"])):
        cpu, memory = _asked(pod)
        fitting = [(-free[0], name) for name, free in room.items() if free[0] >= cpu and free[1] >= memory]
        if fitting:
            node = min(fitting)[1]
            room[node] = (room[node][0] - cpu, room[node][1] - memory)
            pod["spec"]["nodeName"] = node
            pod["status"]["startTime"] = rfc3339(api.now_ms)
            _start(api, pod, restarts=0)


def _room_of_nodes(txn: Transaction) -> dict[str, Room]:
    room = {n["metadata"]["name"]: allocatable(n.get("status") or {}) for n in txn.all("node")}
    for pod in txn.all("pod"):
        node = pod["spec"].get("nodeName")
        if node in room:
            cpu, memory = _asked(pod)
            room[node] = (room[node][0] - cpu, room[node][1] - memory)
    return room


def allocatable(status: Json) -> Room:
    """What a node's status says pods may ask of it. Raises QuantityInvalid."""
    amounts = status.get("allocatable") or {}
    return millicores(amounts.get("cpu", 0)), whole_bytes(amounts.get("memory", 0))


def _asked(pod: Json) -> Room:
    wanted = [c.resources for c in containers(pod["spec"])]
    return sum(r.cpu_request or 0 for r in wanted), sum(r.memory_request or 0 for r in wanted)


def _start(api: ApiServer, pod: Json, *, restarts: int) -> None:
    load = load_of(api.txn, workload_of(pod))
    _set_status(pod, api.now_ms, ready=False, restarts=restarts, started=rfc3339(api.now_ms))
    api.store(key_of(pod), pod, due_ms=api.now_ms + load.startup_s * 1000)


def come_due(api: ApiServer, pod: Json) -> None:
    """What happens to a pod by itself: it becomes ready, or a leak has filled its memory and it restarts."""
    status = pod["status"]["containerStatuses"][0]
    if is_ready(pod):
        _start(api, pod, restarts=status["restartCount"] + 1)
        return
    started = status["state"]["running"]["startedAt"]
    _set_status(pod, api.now_ms, ready=True, restarts=status["restartCount"], started=started)
    load = load_of(api.txn, workload_of(pod))
    limit = containers(pod["spec"])[0].resources.memory_limit
    api.store(key_of(pod), pod, due_ms=load.full_at(unix_ms(started), limit))


def _set_status(pod: Json, now_ms: int, *, ready: bool, restarts: int, started: str) -> None:
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": rfc3339(now_ms)}
    killed = {"lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}} if restarts else {}
    statuses = [
        {
            "name": c["name"],
            "ready": ready,
            "restartCount": restarts,
            "state": {"running": {"startedAt": started}},
        }
        | killed
        for c in pod["spec"]["containers"]
    ]
    pod["status"] |= {"phase": "Running", "conditions": [condition], "containerStatuses": statuses}


def _letters(digest: bytes, length: int) -> str:
    return "".join(_ALPHABET[b % len(_ALPHABET)] for b in digest[:length])
