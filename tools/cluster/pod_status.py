"""What a pod's status says of its containers and of a resize in place. Pure.

Conditions and reasons: k8s.io/api/core/v1/types.go (PodResizePending, PodResizeInProgress; 1.33 and later).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from base.text import harmless
from tools.cluster_types import ResizeState

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_PENDING: Mapping[str, ResizeState] = {"Deferred": "deferred", "Infeasible": "infeasible"}
MESSAGE = 512
"""Characters of a message that are kept."""


def word(reason: object) -> str:
    """A machine-readable reason (`OOMKilled`), or `Unknown`: a reason is shown to models and on terminals, so
    that a sentence in its place is not passed on."""
    return reason if isinstance(reason, str) and _WORD.fullmatch(reason) else "Unknown"


def resize_state(generation: int, status: Mapping[str, Any]) -> tuple[ResizeState, str]:
    """Where a resize stands, and the kubelet's message. What is pending comes first: it is about the newest
    spec, while an earlier resize may still be in progress. A condition from before the present generation is
    about an earlier spec: the kubelet has not looked at this one."""
    conditions = {one["type"]: one for one in status.get("conditions") or () if one["status"] == "True"}
    pending, under_way = conditions.get("PodResizePending"), conditions.get("PodResizeInProgress")
    one = pending or under_way
    if one is None:
        return "", ""
    message = harmless(str(one.get("message", "")), MESSAGE)
    if one.get("observedGeneration", generation) < generation:
        return "pending", ""
    if pending is not None:
        return _PENDING.get(pending.get("reason", ""), "pending"), message
    return ("error" if one.get("reason") == "Error" else "in_progress"), message


class LastExit(NamedTuple):
    """Why a container ended last (empty where none ended, `Unknown` where nobody says why), `finishedAt` as it
    stands there (empty where nobody says when), and which container."""

    reason: str
    at: str
    container: str


def last_exit(statuses: Iterable[Mapping[str, Any]]) -> LastExit:
    """The newest end among these containers."""
    ends = [
        LastExit(word(end.get("reason")), end.get("finishedAt") or "", str(one.get("name", "")))
        for one in statuses
        for state in (one.get("state") or {}, one.get("lastState") or {})
        if (end := state.get("terminated")) is not None
    ]
    return max(ends, key=lambda one: one.at, default=LastExit("", "", ""))


def waiting(statuses: Iterable[Mapping[str, Any]]) -> str:
    """Why a container does not run, the first that says so; init containers come first."""
    states = [(one.get("state") or {}).get("waiting") for one in statuses]
    return next((word(one.get("reason")) for one in states if one is not None), "")
