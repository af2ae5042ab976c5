"""A pod's conditions. Every change replaces what it changes: parts of pods are shared."""

from sandbox.api.kinds import rfc3339
from sandbox.api.store import Json


def is_ready(pod: Json) -> bool:
    for one in pod["status"].get("conditions") or ():
        if one["type"] == "Ready":
            return bool(one["status"] == "True")
    return False


def condition(pod: Json, type: str) -> Json | None:
    return next((c for c in pod["status"].get("conditions") or () if c["type"] == type), None)


def set_condition(pod: Json, type: str, now_ms: int, **fields: object) -> None:
    """Put a condition that holds; its transition time stays where it held before."""
    before = condition(pod, type)
    since = before["lastTransitionTime"] if before and before["status"] == "True" else rfc3339(now_ms)
    new = {"type": type, "status": "True", "lastTransitionTime": since, **fields}
    others = [c for c in pod["status"].get("conditions") or () if c["type"] != type]
    pod["status"] = pod["status"] | {"conditions": [*others, new]}


def drop_condition(pod: Json, type: str) -> None:
    kept = [c for c in pod["status"].get("conditions") or () if c["type"] != type]
    pod["status"] = pod["status"] | {"conditions": kept}


def with_ready(pod: Json, ready: bool, now_ms: int, *, only: str | None = None) -> None:
    """The pod's readiness and its containers' (or that of one of them alone)."""
    statuses = [
        s | {"ready": ready} if only in (None, s["name"]) else s
        for s in pod["status"].get("containerStatuses") or ()
    ]
    conditions = [
        c | {"status": str(ready), "lastTransitionTime": rfc3339(now_ms)}
        if c["type"] == "Ready" and c["status"] != str(ready)
        else c
        for c in pod["status"].get("conditions") or ()
    ]
    pod["status"] = pod["status"] | {"containerStatuses": statuses, "conditions": conditions}
