"""Which pods count for the HPA, and how: Kubernetes 1.36, replica_calculator.go (groupPods); pure."""

from dataclasses import dataclass
from typing import Literal

from forecasting.hpa.formula import PodSample
from forecasting.hpa.spec import Resource

INITIALIZATION_MS = 300_000
"""--horizontal-pod-autoscaler-cpu-initialization-period, default 5 min."""
READINESS_DELAY_MS = 30_000
"""--horizontal-pod-autoscaler-initial-readiness-delay, default 30 s."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a pod was measured to use: in thousandths of the resource's unit (None: this resource has no figure),
    at `at_ms`, over `window_ms`."""

    cpu: int | None
    memory: int | None
    at_ms: int
    window_ms: int


@dataclass(frozen=True, slots=True)
class PodView:
    """A pod as the controller sees it. `ready` is None without the condition; requests are in thousandths of
    the unit, None where a container has none; `usage` is None where metrics.k8s.io has no sample."""

    name: str
    phase: str
    deleting: bool
    start_ms: int | None
    ready: bool | None
    changed_ms: int
    cpu_request: int | None
    memory_request: int | None
    usage: Usage | None


def sample(pod: PodView, resource: Resource, now_ms: int) -> PodSample:
    """The pod as the formula takes it."""
    request = pod.cpu_request if resource == "cpu" else pod.memory_request
    used = None if pod.usage is None else (pod.usage.cpu if resource == "cpu" else pod.usage.memory)
    return PodSample(pod.name, _state(pod, used, resource, now_ms), request, used)


def _state(
    pod: PodView, used: int | None, resource: Resource, now_ms: int
) -> Literal["ready", "unready", "ignored"]:
    if pod.deleting or pod.phase == "Failed":
        return "ignored"
    if pod.phase == "Pending":
        return "unready"
    if used is None or pod.usage is None or resource != "cpu":
        return "ready"
    if pod.ready is None or pod.start_ms is None:
        return "unready"
    if pod.start_ms + INITIALIZATION_MS > now_ms:
        early = pod.usage.at_ms < pod.changed_ms + pod.usage.window_ms
        return "unready" if not pod.ready or early else "ready"
    never = pod.start_ms + READINESS_DELAY_MS > pod.changed_ms
    return "unready" if not pod.ready and never else "ready"
