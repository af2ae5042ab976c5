"""What happens to a bound pod on its node: it starts, becomes ready, is killed and started again.

Kubernetes 1.36, pkg/kubelet. Times are the world's. What it must remember beside the API's fields is in the
pod's `sandbox`. Simpler than the real one: containers start together, and there are no probes, no pulls.
"""

from sandbox.api.apiserver import ApiServer
from sandbox.api.containers import is_sidecar
from sandbox.api.indices import workload_of
from sandbox.api.kinds import rfc3339, stored_at
from sandbox.api.store import Json, Key
from sandbox.controllers import events, resizing
from sandbox.controllers.node_room import is_up
from sandbox.controllers.pod_status import is_ready, with_ready
from sandbox.load.manifest import load_of
from tools.cluster.objects import unix_ms

BACKOFF_MS = 10_000
BACKOFF_MAX_MS = 300_000
"""The first wait before a container is started again, and the longest (pkg/kubelet/kubelet.go); each is twice
the one before, and the first one comes again after a run of twice the longest (client-go, util/flowcontrol)."""


def start(api: ApiServer, pod: Json) -> None:
    """A pod came to this node: it is given what it asks for, and its containers start."""
    now = rfc3339(api.now_ms)
    pod["status"] = {k: v for k, v in pod["status"].items() if k != "conditions"} | {
        "phase": "Running",
        "startTime": now,
        "observedGeneration": pod["metadata"]["generation"],
        "conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": now},
            {"type": "Ready", "status": "False", "lastTransitionTime": now},
        ],
        "containerStatuses": [_started(one, now) for one in pod["spec"]["containers"]],
    }
    if inits := pod["spec"].get("initContainers"):
        pod["status"]["initContainerStatuses"] = [_initialised(one, now) for one in inits]
    keep(api, pod)


def _started(container: Json, now: str) -> Json:
    block = container.get("resources") or {}
    status = {
        "name": container["name"],
        "image": container["image"],
        "ready": False,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": now}},
        "resources": block,
    }
    return status | ({"allocatedResources": block["requests"]} if block.get("requests") else {})


def _initialised(container: Json, now: str) -> Json:
    """A native sidecar runs beside the others, any other init container has ended."""
    if is_sidecar(container):
        return _started(container, now) | {"ready": True}
    ended = {"reason": "Completed", "exitCode": 0, "startedAt": now, "finishedAt": now}
    return _started(container, now) | {"ready": True, "started": False, "state": {"terminated": ended}}


def keep(api: ApiServer, pod: Json) -> None:
    """Store a pod with the time at which it changes next by itself."""
    api.store(stored_at(pod), pod, due_ms=_wakes(api, pod))


def _wakes(api: ApiServer, pod: Json) -> int | None:
    if "nodeName" not in pod["spec"]:
        return None
    memory = pod.get("sandbox") or {}
    times = list((memory.get("restarts") or {}).values())
    if "resize" in memory:
        times.append(memory["resize"]["at"])
    if not times and not is_ready(pod) and _node_is_up(api, pod):
        times.append(_ready_at(api, pod))
    return min(times, default=None)


def _ready_at(api: ApiServer, pod: Json) -> int:
    started = [s["state"]["running"]["startedAt"] for s in pod["status"]["containerStatuses"]]
    return unix_ms(max(started)) + _startup_ms(api, pod)


def _startup_ms(api: ApiServer, pod: Json) -> int:
    """As the workload's Load says; read once for as long as no Load changes."""
    workload = workload_of(pod)
    if workload is None:
        return 0
    at = ("startup", workload, api.txn.changes("load"))
    found: int | None = api.txn.memo.get(at)
    if found is None:
        found = api.txn.memo[at] = load_of(api.txn, workload).startup_s * 1000
    return found


def _node_is_up(api: ApiServer, pod: Json) -> bool:
    node = api.txn.get(Key("node", "", pod["spec"]["nodeName"]))
    return node is not None and is_up(node)


def come_due(api: ApiServer, pod: Json) -> None:
    """Whatever of a pod's own changes has its time now."""
    memory = pod.get("sandbox") or {}
    for name, at_ms in sorted((memory.get("restarts") or {}).items()):
        if at_ms <= api.now_ms:
            _restart(api, pod, name)
    if "resize" in memory and memory["resize"]["at"] <= api.now_ms:
        resizing.step(api, pod)
    running = not (pod.get("sandbox") or {}).get("restarts")
    if running and not is_ready(pod) and _node_is_up(api, pod) and _ready_at(api, pod) <= api.now_ms:
        with_ready(pod, True, api.now_ms)
    keep(api, pod)


def noticed(api: ApiServer, pod: Json) -> None:
    """The pod was changed: a resize will be looked at. The API shows nothing of it yet."""
    resizing.noticed(api, pod)
    api.txn.put(stored_at(pod), pod, _wakes(api, pod))


def oom_kill(api: ApiServer, pod: Json, container: str) -> bool:
    """The kernel ended a container for memory. False where it does not run. The caller settles the workload.

    As a kubelet does (kuberuntime_manager.go, doBackOff): the first time it is started again at once, then it
    waits in CrashLoopBackOff.
    """
    status = next((s for s in pod["status"].get("containerStatuses") or () if s["name"] == container), None)
    if status is None or "running" not in status["state"]:
        return False
    now = rfc3339(api.now_ms)
    ended = {"reason": "OOMKilled", "exitCode": 137, "startedAt": status["state"]["running"]["startedAt"]}
    ended["finishedAt"] = now
    wait_ms = _backoff(api, pod, container)
    message = (
        f"back-off {_duration(wait_ms)} restarting failed container={container} pod={pod['metadata']['name']}"
        f"_{pod['metadata']['namespace']}({pod['metadata']['uid']})"
    )
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
    _set_status(pod, container, ready=False, started=False, state=waiting, lastState={"terminated": ended})
    with_ready(pod, False, api.now_ms, only=container)
    _remember(pod, "restarts", container, api.now_ms + wait_ms)
    if wait_ms:
        _tell_backoff(api, pod, container)
    else:
        _restart(api, pod, container)
    keep(api, pod)
    return True


def _backoff(api: ApiServer, pod: Json, container: str) -> int:
    """How long it waits now; nothing the first time, and after a long run."""
    entry = ((pod.get("sandbox") or {}).get("backoff") or {}).get(container)
    if entry is None or api.now_ms - entry["last"] > 2 * BACKOFF_MAX_MS:
        return 0
    return int(entry["ms"])


def _restart(api: ApiServer, pod: Json, container: str) -> None:
    waited = _backoff(api, pod, container)
    next_ms = min(2 * waited, BACKOFF_MAX_MS) if waited else BACKOFF_MS
    _remember(pod, "backoff", container, {"ms": next_ms, "last": api.now_ms})
    _remember(pod, "restarts", container, None)
    restart_container(api, pod, container)


def restart_container(api: ApiServer, pod: Json, container: str) -> None:
    """A new container in the place of one that has ended."""
    status = next(s for s in pod["status"]["containerStatuses"] if s["name"] == container)
    running = {"running": {"startedAt": rfc3339(api.now_ms)}}
    count = status["restartCount"] + 1
    _set_status(pod, container, ready=False, started=True, restartCount=count, state=running)
    with_ready(pod, False, api.now_ms, only=container)


def _tell_backoff(api: ApiServer, pod: Json, container: str) -> None:
    meta = pod["metadata"]
    where = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
    message = f"Back-off restarting failed container {container} in pod {where}"
    events.emit(api, stored_at(pod), type="Warning", reason="BackOff", message=message, source="kubelet")


def _set_status(pod: Json, container: str, **changed: object) -> None:
    statuses = [s | changed if s["name"] == container else s for s in pod["status"]["containerStatuses"]]
    pod["status"] = pod["status"] | {"containerStatuses": statuses}


def _remember(pod: Json, what: str, container: str, value: object) -> None:
    memory = dict(pod.get("sandbox") or {})
    kept = {name: had for name, had in (memory.get(what) or {}).items() if name != container}
    if value is not None:
        kept[container] = value
    memory[what] = kept
    pod["sandbox"] = {name: had for name, had in memory.items() if had}


def _duration(ms: int) -> str:
    """As Go prints it: `10s`, `2m40s`."""
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
