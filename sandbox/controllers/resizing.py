"""A resize in place, as a node's kubelet carries it out.

Kubernetes 1.36: pkg/kubelet/allocation (what has room is allocated, the rest is Deferred and looked at again
when room comes free, after 30 s and then every 3 min; Infeasible for good), kuberuntime_manager.go (a memory
limit below what is used is an Error), kubelet/events/resize.go (the events). It is seen STEP_MS after the write and
carried out as long after that.
"""

import json
from typing import Any

from base.quantities import whole_bytes
from sandbox.api import faults
from sandbox.api.apiserver import ApiServer
from sandbox.api.indices import amounts_of, workload_of
from sandbox.api.kinds import rfc3339, stored_at
from sandbox.api.store import Json, Key
from sandbox.controllers import events
from sandbox.controllers.node_room import CPU_MANAGER, left_to
from sandbox.controllers.pod_status import condition, drop_condition, set_condition, with_ready
from sandbox.load.manifest import load_of

STEP_MS = 1_000
RETRY_FIRST_MS = 30_000
RETRY_MS = 180_000
_SYNC_MS = 60_000
"""How often a resize that failed is tried again: a kubelet's own sync of a pod."""
PENDING, IN_PROGRESS = "PodResizePending", "PodResizeInProgress"
_STATIC = 'Resize is infeasible for Guaranteed Pods alongside CPU Manager policy "static"'


def noticed(api: ApiServer, pod: Json) -> None:
    """The pod was written to: where it asks for other amounts than it has, its node looks at it soon."""
    if "nodeName" not in pod["spec"] or "containerStatuses" not in pod["status"]:
        return
    memory = pod.get("sandbox") or {}
    actual = {s["name"]: s["resources"] for s in pod["status"]["containerStatuses"]}
    allocated = memory.get("allocated") or actual
    under_way = (memory.get("resize") or {}).get("step") == "do"
    if allocated == _asked(pod) and (under_way or "allocated" not in memory):
        return
    pod["sandbox"] = memory | {"allocated": allocated, "resize": {"at": api.now_ms + STEP_MS, "step": "look"}}


def step(api: ApiServer, pod: Json) -> None:
    """The next step of a resize whose time has come."""
    memory = pod["sandbox"]
    if memory["resize"]["step"] == "look":
        look(api, pod)
    else:
        _carry_out(api, pod)


def would_fit(api: ApiServer, pod: Json) -> bool:
    """Whether the node would take now what the pod asks for."""
    return not _refusal(api, pod)[0]


def look(api: ApiServer, pod: Json) -> None:
    """Whether there is room: then it is allocated and begins, else it is pending."""
    generation = pod["metadata"]["generation"]
    pod["status"] = pod["status"] | {"observedGeneration": generation}
    if pod["sandbox"]["allocated"] == _asked(pod):
        _begin(api, pod, tell=False)
        return
    reason, message = _refusal(api, pod)
    if reason:
        _pend(api, pod, reason, message)
        return
    pod["sandbox"] = pod["sandbox"] | {"allocated": _asked(pod)}
    _begin(api, pod, tell=True)


def _begin(api: ApiServer, pod: Json, *, tell: bool) -> None:
    drop_condition(pod, PENDING)
    memory = {k: v for k, v in pod["sandbox"].items() if k != "deferred"}
    pod["sandbox"] = memory | {"resize": {"at": api.now_ms + STEP_MS, "step": "do"}}
    _set_allocated(pod)
    if tell:
        set_condition(pod, IN_PROGRESS, api.now_ms, observedGeneration=pod["metadata"]["generation"])
        _tell(api, pod, "Normal", "ResizeStarted", "Pod resize started")


def _refusal(api: ApiServer, pod: Json) -> tuple[str, str]:
    """Why the resize cannot be allocated (`Deferred` or `Infeasible`), and the kubelet's words for it."""
    workload = workload_of(pod)
    pressure = faults.pressure(api.txn, workload) if workload else ""
    if pressure in ("Deferred", "Infeasible"):
        return pressure, "as the test asked for"
    node = api.txn.get(Key("node", "", pod["spec"]["nodeName"])) or {}
    policy = (node.get("metadata", {}).get("annotations") or {}).get(CPU_MANAGER)
    if policy == "static" and pod["status"].get("qosClass") == "Guaranteed" and _cpu_moves(pod):
        return "Infeasible", _STATIC
    wanted = amounts_of(_asked(pod).values())
    whole, free = left_to(api.txn, pod)
    for name, want, room, total in zip(("cpu", "memory"), wanted, free, whole, strict=False):
        if want > room:
            why = f"requested: {want}, used: {total - room}, capacity: {total}"
            return "Deferred", f"Node didn't have enough resource: {name}, {why}"
    return "", ""


def _cpu_moves(pod: Json) -> bool:
    had = pod["sandbox"]["allocated"]
    return any(
        (had[name].get("requests") or {}).get("cpu") != (asked.get("requests") or {}).get("cpu")
        for name, asked in _asked(pod).items()
    )


def _pend(api: ApiServer, pod: Json, reason: str, message: str) -> None:
    before = condition(pod, PENDING)
    first = before is None or before.get("reason") != reason or before.get("message") != message
    generation = pod["metadata"]["generation"]
    set_condition(pod, PENDING, api.now_ms, reason=reason, message=message, observedGeneration=generation)
    if first:
        _tell(api, pod, "Warning", f"Resize{reason}", f"Pod resize {reason}", message)
    memory = {k: v for k, v in pod["sandbox"].items() if k != "resize"}
    if reason == "Deferred":
        pause = RETRY_MS if "deferred" in memory else RETRY_FIRST_MS
        memory |= {"deferred": True, "resize": {"at": api.now_ms + pause, "step": "look"}}
    pod["sandbox"] = memory


def _carry_out(api: ApiServer, pod: Json) -> None:
    """Actuate what is allocated; a failure stays a condition and is tried again."""
    failure = _failure(api, pod)
    if failure:
        before = condition(pod, IN_PROGRESS) or {}
        generation = before.get("observedGeneration", pod["metadata"]["generation"])
        fields = {"reason": "Error", "message": failure, "observedGeneration": generation}
        if (before.get("reason"), before.get("message")) != ("Error", failure):
            _tell(api, pod, "Warning", "ResizeError", "Pod resize error", failure)
        set_condition(pod, IN_PROGRESS, api.now_ms, **fields)
        pod["sandbox"] = pod["sandbox"] | {"resize": {"at": api.now_ms + _SYNC_MS, "step": "look"}}
        return
    changed = condition(pod, IN_PROGRESS) is not None
    _restart_where_asked(api, pod)
    allocated = pod["sandbox"]["allocated"]
    statuses = [s | {"resources": allocated[s["name"]]} for s in pod["status"]["containerStatuses"]]
    pod["status"] = pod["status"] | {"containerStatuses": statuses}
    drop_condition(pod, IN_PROGRESS)
    memory = {k: v for k, v in pod["sandbox"].items() if k not in ("allocated", "resize", "deferred")}
    if allocated != _asked(pod):
        memory |= {"allocated": allocated, "resize": {"at": api.now_ms + STEP_MS, "step": "look"}}
    pod["sandbox"] = memory
    if changed:
        _tell(api, pod, "Normal", "ResizeCompleted", "Pod resize completed")


def _failure(api: ApiServer, pod: Json) -> str:
    workload = workload_of(pod)
    if workload is None:
        return ""
    if faults.pressure(api.txn, workload) == "Error":
        return "as the test asked for"
    used = _used(api, pod, workload)
    said = []
    for status in pod["status"]["containerStatuses"]:
        name = status["name"]
        has = (status["resources"].get("limits") or {}).get("memory")
        wants = (pod["sandbox"]["allocated"][name].get("limits") or {}).get("memory")
        if wants is None or (has is not None and whole_bytes(wants) >= whole_bytes(has)):
            continue
        if used.get(name, 0) >= whole_bytes(wants):
            limit = f'attempting to set container "{name}" memory limit ({whole_bytes(wants)})'
            said.append(f"{limit} below current usage ({used[name]})")
    return "; ".join(said)


def _used(api: ApiServer, pod: Json, workload: Key) -> dict[str, int]:
    """Bytes that each container uses: the last sample, or what the workload's Load says of a fresh pod."""
    from sandbox.serving.samples import pod_metrics  # brings numpy along

    samples = pod_metrics(api.txn, workload, api.txn.pods_of(workload), api.now_ms)
    for sample in samples:
        if sample["metadata"]["name"] == pod["metadata"]["name"]:
            return {c["name"]: whole_bytes(c["usage"]["memory"]) for c in sample["containers"]}
    return {pod["spec"]["containers"][0]["name"]: load_of(api.txn, workload).memory}


def _restart_where_asked(api: ApiServer, pod: Json) -> None:
    """A resizePolicy of RestartContainer for an amount that changes (k8s.io/api/core/v1, ContainerResizePolicy)."""
    allocated, statuses = pod["sandbox"]["allocated"], []
    for status, one in zip(pod["status"]["containerStatuses"], pod["spec"]["containers"], strict=True):
        policies = {p["resourceName"]: p["restartPolicy"] for p in one.get("resizePolicy") or ()}
        moved = [
            what for what in policies if _of(status["resources"], what) != _of(allocated[one["name"]], what)
        ]
        if "running" in status["state"] and any(policies[what] == "RestartContainer" for what in moved):
            status = status | _restarted(status, rfc3339(api.now_ms))
        statuses.append(status)
    restarted = statuses != pod["status"]["containerStatuses"]
    pod["status"] = pod["status"] | {"containerStatuses": statuses}
    if restarted:
        with_ready(pod, False, api.now_ms, only="")


def _restarted(status: Json, now: str) -> Json:
    """What is another then: the kubelet ends the container and starts it again."""
    began = status["state"]["running"]["startedAt"]
    ended = {"reason": "Completed", "exitCode": 0, "startedAt": began, "finishedAt": now}
    return {
        "restartCount": status["restartCount"] + 1,
        "ready": False,
        "state": {"running": {"startedAt": now}},
        "lastState": {"terminated": ended},
    }


def _of(block: Json, what: str) -> tuple[Any, Any]:
    return (block.get("requests") or {}).get(what), (block.get("limits") or {}).get(what)


def _asked(pod: Json) -> dict[str, Json]:
    return {one["name"]: one.get("resources") or {} for one in pod["spec"]["containers"]}


def _set_allocated(pod: Json) -> None:
    allocated = pod["sandbox"]["allocated"]
    statuses = [
        s | {"allocatedResources": allocated[s["name"]].get("requests") or {}}
        for s in pod["status"]["containerStatuses"]
    ]
    pod["status"] = pod["status"] | {"containerStatuses": statuses}


def _tell(api: ApiServer, pod: Json, type: Any, reason: str, prefix: str, error: str = "") -> None:
    summary: Json = {
        "containers": [
            {"name": one["name"], "resources": one.get("resources") or {}}
            for one in pod["spec"]["containers"]
        ],
        "generation": pod["metadata"]["generation"],
    } | ({"error": error} if error else {})
    message = f"{prefix}: {json.dumps(summary, separators=(',', ':'))}"
    events.emit(api, stored_at(pod), type=type, reason=reason, message=message, source="kubelet")
