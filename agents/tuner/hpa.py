"""The HorizontalPodAutoscaler's own formula for a resource's utilisation; pure, integers only.

Rules as in Kubernetes 1.36, pkg/controller/podautoscaler/replica_calculator.go (GetResourceReplicas) and
metrics/utilization.go, described in
https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details:

    desired = ceil(pods × utilisation ÷ target),  utilisation = floor(100 × Σ usage ÷ Σ requests)

- within the tolerance of 10 % nothing changes;
- pods that are being deleted or have failed do not count;
- pods not yet ready count as 0 % on a scale-up and not at all on a scale-down;
- pods without a sample count as 0 % on a scale-up and as max(100 %, target) on a scale-down;
- when these assumptions would turn the direction round, nothing changes.

Where Go's floating point rounds a whole result up by one (1.1 × 10 = 11.000…02), we keep the whole result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

TOLERANCE_PERCENT = 10
"""--horizontal-pod-autoscaler-tolerance, default 0.1."""

TARGET_PERCENT = 80
"""The utilisation that autoscaling/v1 and /v2 aim at where an HPA names no metric."""


@dataclass(frozen=True, slots=True)
class PodSample:
    """One pod as the formula sees it: CPU `request` and `usage` in millicores, usage None if not sampled."""

    name: str
    state: Literal["ready", "unready", "ignored"]
    request: int | None
    usage: int | None


@dataclass(frozen=True, slots=True)
class Desired:
    """What the formula says: `utilisation` in percent of the requests of the pods that were sampled,
    `missing` pods without a sample, `unready` pods that have just begun."""

    replicas: int
    utilisation: int
    missing: int
    unready: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """The formula has no answer: nothing may be proposed."""

    reason: Literal["no-pods", "no-cpu-request", "no-metrics"]


def desired(current: int, pods: Sequence[PodSample], target: int = TARGET_PERCENT) -> Desired | Unknown:
    """The number of replicas for `target` percent, never below 1 (to 0 is another action)."""
    counted = [p for p in pods if p.state != "ignored"]
    if not counted:
        return Unknown("no-pods")
    if any(not p.request for p in counted):
        return Unknown("no-cpu-request")
    sampled = [p for p in counted if p.state == "ready" and p.usage is not None]
    if not sampled:
        return Unknown("no-metrics")
    missing = [_request(p) for p in counted if p.state == "ready" and p.usage is None]
    unready = [_request(p) for p in counted if p.state == "unready"]
    seen = _Sum(sum(p.usage or 0 for p in sampled), sum(_request(p) for p in sampled), len(sampled))
    filled = _fill(seen, missing, unready, target)
    replicas = _replicas(current, seen, filled, target)
    return Desired(max(1, replicas), seen.utilisation, len(missing), len(unready))


@dataclass(frozen=True, slots=True)
class _Sum:
    usage: int
    requests: int
    pods: int

    @property
    def utilisation(self) -> int:
        return 100 * self.usage // self.requests


def _request(pod: PodSample) -> int:
    return pod.request or 0


def _fill(seen: _Sum, missing: Sequence[int], unready: Sequence[int], target: int) -> _Sum:
    """The sum with what is assumed for pods by their requests, always against the direction of the change."""
    if seen.utilisation < target:
        busy = sum(request * max(100, target) // 100 for request in missing)
        return _Sum(seen.usage + busy, seen.requests + sum(missing), seen.pods + len(missing))
    if seen.utilisation > target:
        idle = [*missing, *unready]
        return _Sum(seen.usage, seen.requests + sum(idle), seen.pods + len(idle))
    return seen


def _replicas(current: int, seen: _Sum, filled: _Sum, target: int) -> int:
    before, now = seen.utilisation, filled.utilisation
    if tolerated(now, target) or (before - target) * (now - target) < 0:
        return current
    replicas = -(-now * filled.pods // target)
    turned = replicas > current if now < target else replicas < current
    # Without assumptions the HPA takes the figure as it is, also where pods and replicas differ.
    return current if turned and filled.pods != seen.pods else replicas


def tolerated(utilisation: int, target: int) -> bool:
    """Whether `utilisation` is near enough to `target` (both in percent)."""
    return abs(utilisation - target) * 100 <= TOLERANCE_PERCENT * target
