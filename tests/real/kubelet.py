"""What a kubelet would say of a pod: pure functions from the pod, and from its annotations that ask for trouble.

    kubelet.flyball.invalid/by-hand: "true"         the test writes this pod's status itself
    kubelet.flyball.invalid/ready: "false"          runs, and is not ready
    kubelet.flyball.invalid/oom-kills: main=2       that container was killed for memory that often
    kubelet.flyball.invalid/waiting: main=Reason    that container does not run (CrashLoopBackOff, …)
    kubelet.flyball.invalid/resize: deferred        or infeasible, error, never: how a resize in place ends
    kubelet.flyball.invalid/metrics: none           nobody measures it

Set on a pod they count from then on; set on a template, for every pod of it. A resize that is not told about
is deferred where the node has no room for it, and applied otherwise (kubelet/allocation_manager.go).
"""

from typing import Literal

from base.quantities import millicores, whole_bytes
from tests.real.rest import Json

PREFIX = "kubelet.flyball.invalid/"
Outcome = Literal["applied", "started", "deferred", "infeasible", "error", "never"]
_READY = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")
_RESIZING = ("PodResizePending", "PodResizeInProgress")


def told(pod: Json, name: str) -> str:
    """What the pod's annotation of that name says; empty where there is none."""
    return str((pod["metadata"].get("annotations") or {}).get(PREFIX + name, ""))


def status_of(pod: Json, now: str, has_room: bool) -> Json | None:
    """The status that a kubelet would report next, None where it has nothing new to say.

    `has_room`: whether the pod's node could give what its containers ask for now.
    """
    if told(pod, "by-hand") or pod["status"].get("phase") in ("Succeeded", "Failed"):
        return None
    before = pod["status"]
    old = _old(pod)
    outcome = "applied" if is_given(pod) else _outcome(pod, has_room)
    if outcome == "never":
        return None
    containers = [_container(pod, one, old.get(one["name"]), outcome, now) for one in _containers(pod)]
    after: Json = {
        "phase": "Running",
        "startTime": before.get("startTime", now),
        "podIP": "10.1.0.1",
        "observedGeneration": pod["metadata"].get("generation", 1),
        "containerStatuses": containers,
        "conditions": _conditions(pod, containers, outcome, now),
    }
    if sidecars := [one for one in pod["spec"].get("initContainers", ()) if one.get("restartPolicy")]:
        known = {one["name"]: one for one in before.get("initContainerStatuses", ())}
        after["initContainerStatuses"] = [
            _container(pod, one, known.get(one["name"]), "applied", now) for one in sidecars
        ]
    return after if any(before.get(name) != value for name, value in after.items()) else None


def is_given(pod: Json) -> bool:
    """Whether every container runs with what its spec says, or none runs yet."""
    old = _old(pod)
    wanted = {one["name"]: one.get("resources", {}) for one in _containers(pod)}
    return not old or {name: one.get("resources", {}) for name, one in old.items()} == wanted


def is_deferred(pod: Json) -> bool:
    """Whether a resize of it waits for room."""
    conditions = pod["status"].get("conditions", ())
    return any(one["type"] == "PodResizePending" and one["reason"] == "Deferred" for one in conditions)


def asked(pod: Json) -> tuple[int, int]:
    """What its spec requests: millicores and bytes."""
    return _sum(one.get("resources", {}) for one in _containers(pod))


def allocated(pod: Json) -> tuple[int, int]:
    """What its node has set aside for it: what was last granted, or what it was bound with."""
    statuses = pod["status"].get("containerStatuses")
    return _sum({"requests": one.get("allocatedResources")} for one in statuses) if statuses else asked(pod)


def _outcome(pod: Json, has_room: bool) -> Outcome:
    wanted = told(pod, "resize")
    for known in ("deferred", "infeasible", "error", "never"):
        if wanted == known:
            return known  # type: ignore[return-value]
    if not has_room:
        return "deferred"
    under_way = any(one["type"] == "PodResizeInProgress" for one in pod["status"].get("conditions", ()))
    return "applied" if under_way else "started"


def _container(pod: Json, spec: Json, old: Json | None, outcome: Outcome, now: str) -> Json:
    """`resources` are what runs, `allocatedResources` what was granted: an error leaves them apart."""
    kills = int(_told_of(pod, spec, "oom-kills") or 0)
    waiting = _told_of(pod, spec, "waiting")
    wanted = spec.get("resources", {})
    kept = old if old and outcome != "applied" else {"resources": wanted}
    granted = (
        old
        if old and outcome in ("deferred", "infeasible")
        else {"allocatedResources": wanted.get("requests", {})}
    )
    before = old or {}
    began = before.get("state", {}).get("running", {}).get("startedAt", now)
    killed = kills > before.get("restartCount", 0)
    status: Json = {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": "fake://" + spec["image"],
        "ready": not waiting and told(pod, "ready") != "false",
        "started": not waiting,
        "restartCount": max(kills, before.get("restartCount", 0)),
        "state": {"waiting": {"reason": waiting}}
        if waiting
        else {"running": {"startedAt": now if killed else began}},
        "lastState": _killed(began, now) if killed else before.get("lastState", {}),
        "resources": kept.get("resources", {}),
    }
    if granted.get("allocatedResources"):
        status["allocatedResources"] = granted["allocatedResources"]
    return status


def _told_of(pod: Json, container: Json, name: str) -> str:
    which, _, value = told(pod, name).partition("=")
    return value if which == container["name"] else ""


def _killed(began: str, now: str) -> Json:
    return {"terminated": {"reason": "OOMKilled", "exitCode": 137, "startedAt": began, "finishedAt": now}}


def _conditions(pod: Json, containers: list[Json], outcome: Outcome, now: str) -> list[Json]:
    """Every condition; one that did not change keeps its time, a resize that has ended leaves none."""
    ready = all(one["ready"] for one in containers)
    wanted: list[Json] = [{"type": kind, "status": "True"} for kind in _READY[:2]]
    for kind in _READY[2:]:
        reason = {} if ready else {"reason": "ContainersNotReady"}
        wanted.append({"type": kind, "status": "True" if ready else "False", **reason})
    wanted += _resizing(outcome)
    old = {one["type"]: one for one in pod["status"].get("conditions", ())}
    others = [one for kind, one in old.items() if kind not in (*_READY, *_RESIZING)]
    return others + [_since(one, old.get(one["type"]), now) for one in wanted]


def _resizing(outcome: Outcome) -> list[Json]:
    """KEP-1287: the two conditions of a resize that has not ended well."""
    if outcome == "deferred":
        said = "Node didn't have enough resource: cpu"
        return [{"type": "PodResizePending", "status": "True", "reason": "Deferred", "message": said}]
    if outcome == "infeasible":
        said = "In-place resize of containers with Guaranteed CPU is infeasible on this node"
        return [{"type": "PodResizePending", "status": "True", "reason": "Infeasible", "message": said}]
    if outcome == "started":
        return [{"type": "PodResizeInProgress", "status": "True"}]
    if outcome == "error":
        said = "the runtime refused to update the container"
        return [{"type": "PodResizeInProgress", "status": "True", "reason": "Error", "message": said}]
    return []


def _since(wanted: Json, old: Json | None, now: str) -> Json:
    same = old is not None and old["status"] == wanted["status"] and old.get("reason") == wanted.get("reason")
    return {**wanted, "lastTransitionTime": old["lastTransitionTime"] if same and old else now}


def _old(pod: Json) -> dict[str, Json]:
    return {one["name"]: one for one in pod["status"].get("containerStatuses", ())}


def _containers(pod: Json) -> list[Json]:
    found: list[Json] = pod["spec"]["containers"]
    return found


def _sum(resources) -> tuple[int, int]:  # type: ignore[no-untyped-def]
    requests = [one.get("requests") or {} for one in resources]
    cpu = sum(millicores(one.get("cpu", "0")) for one in requests)
    return cpu, sum(whole_bytes(one.get("memory", "0")) for one in requests)
