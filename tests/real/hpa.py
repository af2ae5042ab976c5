"""A stage for the real HPA controller: pods that stand still, samples that are all there, one decision at a time.

The controller scales a custom resource whose replicas no controller turns into pods. Its selector names a set of
pods that was made whole beforehand, and moves to another set by one write: no decision ever rests on half a step.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from base.quantities import millicores
from tests.real.cluster import Namespace, eventually
from tests.real.crds import METRICS, SCALABLE
from tests.real.kubelet import PREFIX
from tests.real.node import sample
from tests.real.pace import QUICK
from tests.real.rest import Json, Refused

SYNC_S = QUICK.sync_s
"""--horizontal-pod-autoscaler-sync-period of the control plane; its other flags are as shipped."""


@dataclass(frozen=True)
class PodState:
    """One pod as the controller sees it: `usage` and `request` in millicores (usage None: no sample), seconds
    since it started, since its readiness last changed, and since its sample was taken over `window_s`."""

    usage: int | None
    request: int = 100
    ready: bool = True
    age_s: int = 3600
    changed_s: int = 3500
    sampled_s: int = 0
    window_s: int = 10
    phase: str = "Running"


@dataclass(frozen=True)
class Decision:
    """What one look of the controller came to. `active`, `able` and `limited` are the reasons of those conditions,
    `average` is in millicores."""

    current: int
    desired: int
    active: str
    able: str
    limited: str
    utilisation: int | None
    average: int | None


@dataclass(frozen=True)
class Phase:
    """One load from `began` (monotonic seconds) on, and how many replicas there were, one after the other."""

    load: int
    began: float
    replicas: list[int]


Label = Callable[[int, int], str]


class Stage:
    """One namespace's autoscalers, and everything that the controller writes about them."""

    def __init__(self, kube: Namespace) -> None:
        self._kube, self._api = kube, kube.api
        self._scalables = f"{SCALABLE}/namespaces/{kube.name}/scalables"
        self._autoscalers = f"/apis/autoscaling/v2/namespaces/{kube.name}/horizontalpodautoscalers"
        self._sets: set[str] = set()
        self._seen: dict[str, list[tuple[float, Json]]] = {}
        version = self._api.get(self._autoscalers)["metadata"]["resourceVersion"]
        threading.Thread(target=self._watch, args=(version,), daemon=True).start()

    def pods(self, label: str, pods: Sequence[PodState]) -> None:
        """Make a set of pods with their samples, once."""
        if label in self._sets:
            return
        self._sets.add(label)
        for number, state in enumerate(pods):
            self._pod(f"{label}-{number}", label, state)

    def scalable(self, name: str, replicas: int, label: str) -> None:
        body = {"apiVersion": "flyball.invalid/v1", "kind": "Scalable", "metadata": {"name": name}}
        self._api.post(self._scalables, {**body, **_scaled(replicas, label)})

    def play(self, name: str, label: str) -> None:
        """Another set of pods from now on, by one write."""
        self._api.merge(f"{self._scalables}/{name}", {"status": {"selector": f"set={label}"}})

    def run(self, name: str, replicas: int, steps: Sequence[tuple[int, int]], label: Label) -> list[Phase]:
        """Put a workload under loads one after the other; whenever its replicas move, its pods do at once.

        `label` names the set for a load and a number of replicas. The controller looks again a second after it
        has moved something, and the pods have moved long before.
        """
        phases: list[Phase] = []
        for load, seconds in steps:
            phase = Phase(load, time.monotonic(), [replicas])
            self.play(name, label(load, replicas))
            while time.monotonic() < phase.began + seconds:
                if (now := self.replicas(name)) != replicas:
                    replicas = now
                    self.play(name, label(load, replicas))
                    phase.replicas.append(replicas)
                time.sleep(0.02)
            phases.append(phase)
        return phases

    def replicas(self, name: str) -> int:
        return int(self._api.get(f"{self._scalables}/{name}")["spec"]["replicas"])

    def autoscaler(self, name: str, spec: Json) -> None:
        """Aim an HPA at the scalable of the same name; the controller looks within a second."""
        reference = {"apiVersion": "flyball.invalid/v1", "kind": "Scalable", "name": name}
        self._api.post(
            self._autoscalers, {"metadata": {"name": name}, "spec": {**spec, "scaleTargetRef": reference}}
        )

    def decisions(self, name: str) -> list[tuple[float, Decision]]:
        """Everything that the controller has written of this one, by the monotonic time it came."""
        return [
            (at, _decision(one)) for at, one in self._seen.get(name, ()) if one["status"].get("conditions")
        ]

    def first(self, name: str) -> Decision:
        """What it decided on its first look."""
        found: list[tuple[float, Decision]] = eventually(
            lambda: self.decisions(name), f"a decision on {name}"
        )
        return found[0][1]

    def _watch(self, version: str) -> None:
        """Until the namespace has gone."""
        while True:
            try:
                for event in self._api.watch(self._autoscalers, version):
                    if event["type"] == "ERROR":
                        return
                    found = event["object"]
                    version = found["metadata"]["resourceVersion"]
                    self._seen.setdefault(found["metadata"]["name"], []).append((time.monotonic(), found))
            except (OSError, Refused):
                return

    def _pod(self, name: str, label: str, state: PodState) -> None:
        resources = {"requests": {"cpu": f"{state.request}m"}} if state.request else {}
        container = {"name": "main", "image": "registry.invalid/main:1", "resources": resources}
        meta = {"name": name, "labels": {"set": label}, "annotations": {PREFIX + "by-hand": "true"}}
        spec = {"nodeName": "node-a", "containers": [container]}
        pod = self._api.post(f"{self._kube.core}/pods", {"metadata": meta, "spec": spec})
        self._api.merge(f"{self._kube.core}/pods/{name}/status", {"status": _status(state)})
        if state.usage is not None:
            at = _ago(state.sampled_s)
            path = f"{METRICS}/namespaces/{self._kube.name}/pods/{name}"
            self._api.apply(path, sample(pod, state.usage, 2**20, at, state.window_s))


def _scaled(replicas: int, label: str) -> Json:
    return {"spec": {"replicas": replicas}, "status": {"replicas": replicas, "selector": f"set={label}"}}


def _status(state: PodState) -> Json:
    ready = {"type": "Ready", "status": "True" if state.ready else "False"}
    conditions = [{**ready, "lastTransitionTime": _ago(state.changed_s)}]
    return {"phase": state.phase, "startTime": _ago(state.age_s), "conditions": conditions}


def _ago(seconds: int) -> str:
    at = datetime.now(UTC) - timedelta(seconds=seconds)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _decision(found: Json) -> Decision:
    status = found["status"]
    reasons = {one["type"]: one["reason"] for one in status["conditions"]}
    metrics = status.get("currentMetrics") or [{}]
    current = metrics[0].get("resource", {}).get("current", {})
    return Decision(
        current=status.get("currentReplicas", 0),
        desired=status.get("desiredReplicas") or status.get("currentReplicas", 0),  # 0: it has no wish yet
        active=reasons.get("ScalingActive", ""),
        able=reasons.get("AbleToScale", ""),
        limited=reasons.get("ScalingLimited", ""),
        utilisation=current.get("averageUtilization"),
        average=millicores(current["averageValue"]) if "averageValue" in current else None,
    )


def cpu(target: int, minimum: int = 1, maximum: int = 20, **behavior: Json) -> Json:
    """An HPA's spec that aims at a CPU utilisation in percent."""
    return _aiming({"type": "Utilization", "averageUtilization": target}, minimum, maximum, behavior)


def average(target: str, minimum: int = 1, maximum: int = 20, **behavior: Json) -> Json:
    """An HPA's spec that aims at an average of CPU a pod."""
    return _aiming({"type": "AverageValue", "averageValue": target}, minimum, maximum, behavior)


def _aiming(target: Json, minimum: int, maximum: int, behavior: dict[str, Json]) -> Json:
    metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    named = {"behavior": behavior} if behavior else {}
    return {"minReplicas": minimum, "maxReplicas": maximum, "metrics": metrics, **named}


def alike(count: int, usage: int | None, **more: object) -> list[PodState]:
    """That many pods in the same state."""
    return [replace(PodState(usage), **more)] * count  # type: ignore[arg-type]
