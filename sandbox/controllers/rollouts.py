"""What a workload controller does next about a workload's pods: pure functions of its spec and the pods it has.

Kubernetes 1.36: pkg/controller/deployment (rolling.go, recreate.go, sync.go), pkg/controller/statefulset
(stateful_set_control.go, stateful_set_utils.go). Simpler: scaling during a rollout is not proportional.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.api.store import Json
from sandbox.controllers.pod_status import is_ready


@dataclass(frozen=True, slots=True)
class Templates:
    """Both templates of a workload: the one in its spec with its hash, and the one that all of its pods had last,
    where that is known and the pods may go on with it."""

    newest: Json
    version: str
    before: Json | None


@dataclass(frozen=True, slots=True)
class Step:
    """The pods that leave, and those that are made then: each with its ordinal (None in a Deployment) and the
    template that it is made from."""

    leaving: list[Json]
    made: list[tuple[int | None, Json]]


def holds_back(spec: Json) -> bool:
    """Whether pods may keep, or be made again with, another template than the newest."""
    return bool(spec.get("paused")) or _partition(spec) > 0


def of_deployment(spec: Json, pods: Sequence[Json], templates: Templates) -> Step:
    """Paused, it is scaled and not rolled out. Recreate ends every older pod before a new one is made."""
    if spec.get("paused"):
        return _paused(spec["replicas"], pods, templates.before)
    want, version = spec["replicas"], templates.version
    current = [p for p in pods if version_in(p) == version]
    old = [p for p in pods if version_in(p) != version]
    surge, unavailable = _bounds(spec, want)
    leaving = expendable(current)[: max(0, len(current) - want)]
    if old:
        ready = sum(map(is_ready, pods)) - sum(map(is_ready, leaving))
        spare = max(0, ready - (want - unavailable))
        leaving += [p for p in old if not is_ready(p)] + [p for p in expendable(old) if is_ready(p)][:spare]
    have = len(current) - max(0, len(current) - want)
    make = max(0, min(want - have, want + surge - (len(pods) - len(leaving))))
    return Step(leaving, [(None, templates.newest)] * make)


def _paused(want: int, pods: Sequence[Json], before: Json | None) -> Step:
    """Nothing is made of a template that nothing was rolled out of."""
    missing = max(0, want - len(pods)) if before is not None else 0
    return Step(expendable(pods)[: max(0, len(pods) - want)], [(None, before or {})] * missing)


def of_statefulset(spec: Json, pods: Sequence[Json], templates: Templates) -> Step:
    """Ordinals in order: the next pod is made, or the last outdated one replaced, once all are ready. Below the
    partition pods keep their template, and are made again with it; with OnDelete each keeps its own."""
    want, partition = spec["replicas"], _partition(spec)
    by_ordinal = {int(p["metadata"]["name"].rpartition("-")[2]): p for p in pods}
    leaving = [p for i, p in by_ordinal.items() if i >= want]
    missing = [i for i in range(want) if i not in by_ordinal]
    waiting = any(not is_ready(p) for i, p in by_ordinal.items() if i < want)
    made = missing if spec.get("podManagementPolicy") == "Parallel" else [] if waiting else missing[:1]
    if not missing and not waiting and _rolls(spec):
        outdated = [i for i in by_ordinal if partition <= i < want and _outdated(by_ordinal[i], templates)]
        made = sorted(outdated)[-1:]
        leaving += [by_ordinal[i] for i in made]
    older = templates.before or templates.newest
    return Step(leaving, [(i, older if i < partition else templates.newest) for i in made])


def _outdated(pod: Json, templates: Templates) -> bool:
    return version_in(pod) != templates.version


def _rolls(spec: Json) -> bool:
    kind: str = (spec.get("updateStrategy") or {}).get("type", "RollingUpdate")
    return kind == "RollingUpdate"


def _partition(spec: Json) -> int:
    """Zero where nothing is rolled by ordinals."""
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
    return int(rolling.get("partition") or 0) if _rolls(spec) else 0


def version_in(pod: Json) -> str:
    """The hash of the template that a pod was made from."""
    labels = pod["metadata"]["labels"]
    return str(labels.get("pod-template-hash") or labels.get("controller-revision-hash", ""))


def expendable(pods: Sequence[Json]) -> list[Json]:
    """In the order in which pods are given up: not ready first, then the youngest."""
    youngest = sorted(
        pods, key=lambda p: (p["metadata"]["creationTimestamp"], p["metadata"]["name"]), reverse=True
    )
    return sorted(youngest, key=is_ready)


def _bounds(spec: Json, want: int) -> tuple[int, int]:
    """maxSurge rounds up, maxUnavailable down; not both may be zero. Recreate spares no older pod."""
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, want
    rolling = strategy.get("rollingUpdate") or {}
    surge = _portion(rolling.get("maxSurge", "25%"), want, up=True)
    unavailable = _portion(rolling.get("maxUnavailable", "25%"), want, up=False)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def _portion(value: Any, of: int, *, up: bool) -> int:
    if not isinstance(value, str):
        return int(value)
    share = int(value.rstrip("%")) * of / 100
    return math.ceil(share) if up else math.floor(share)
