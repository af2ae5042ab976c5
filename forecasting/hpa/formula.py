"""The HorizontalPodAutoscaler's own formulas for a resource; pure, without I/O and without other imports.

Rules and arithmetic as in Kubernetes 1.36, pkg/controller/podautoscaler/replica_calculator.go
(GetResourceReplicas, calcPlainMetricReplicas) and metrics/utilization.go, described in
https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details:

    utilisation:  desired = ceil(pods x u / target),  u = floor(100 x sum of usage / sum of requests)
    average:      desired = ceil(pods x a / target),  a = floor(sum of usage / pods)

- within the tolerance of 10 % nothing changes;
- pods that are being deleted or have failed do not count;
- pods not yet ready count as 0 on a scale-up and not at all on a scale-down;
- pods without a sample count as 0 on a scale-up; on a scale-down as max(100 %, target) of their request, or as
  the target average;
- when these assumptions would turn the direction round, nothing changes.

Ratios are floating point as in Go, so that the same pods lead to the same number: 1.1 x 10 is 11.000...02, which
is 12 pods there and here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

TARGET_PERCENT = 80
"""The utilisation that autoscaling/v1 and /v2 aim at where an HPA names no metric."""

_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far the ratio of usage to target may be from 1 without a change
    (--horizontal-pod-autoscaler-tolerance, default 0.1; spec.behavior.*.tolerance)."""

    down: float = 0.1
    up: float = 0.1

    def within(self, ratio: float) -> bool:
        return (1.0 - self.down) <= ratio <= (1.0 + self.up)


TOLERANCES = Tolerances()


@dataclass(frozen=True, slots=True)
class PodSample:
    """One pod as the formula sees it: `request` and `usage` in the resource's unit (millicores, bytes), usage
    None if not sampled."""

    name: str
    state: Literal["ready", "unready", "ignored"]
    request: int | None
    usage: int | None


@dataclass(frozen=True, slots=True)
class Desired:
    """What the formula says: `utilisation` in percent of the requests of the pods that were sampled, `missing`
    pods without a sample, `unready` pods that have just begun, `average` usage of a sampled pod."""

    replicas: int
    utilisation: int
    missing: int
    unready: int
    average: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The formula has no answer: nothing may be proposed."""

    reason: Literal["no-pods", "no-cpu-request", "no-metrics"]


def desired(current: int, pods: Sequence[PodSample], target: int = TARGET_PERCENT) -> Desired | Unknown:
    """The number of replicas for `target` percent of the requests, never below 1 (to 0 is another action)."""
    found = by_utilisation(current, pods, target)
    if isinstance(found, Unknown):
        return found
    return Desired(max(1, found.replicas), found.utilisation, found.missing, found.unready, found.average)


def by_utilisation(
    current: int, pods: Sequence[PodSample], target: int, tolerances: Tolerances = TOLERANCES
) -> Desired | Unknown:
    """The number of replicas for `target` percent of the requests, as the controller computes it."""
    found = _grouped(pods, by_request=True)
    if isinstance(found, Unknown):
        return found
    seen = filled = found.sampled
    missing, unready = found.missing, found.unready
    if not seen.requests:
        return Unknown("no-cpu-request")
    if seen.percent < target:
        assumed = sum((p.request or 0) * max(_PERCENT, target) // _PERCENT for p in missing)
        filled = seen.plus(assumed, missing)
    elif seen.percent > target:
        filled = seen.plus(0, [*missing, *unready])
    first, second = seen.percent / target, filled.percent / target
    replicas = settled(current, first, second, filled.pods, filled.pods != seen.pods, tolerances)
    return Desired(replicas, seen.percent, len(missing), len(unready), seen.average)


def by_average(
    current: int, pods: Sequence[PodSample], target: int, tolerances: Tolerances = TOLERANCES
) -> Desired | Unknown:
    """The number of replicas for an average usage of `target` a pod (in the resource's unit)."""
    found = _grouped(pods, by_request=False)
    if isinstance(found, Unknown):
        return found
    seen = filled = found.sampled
    missing, unready = found.missing, found.unready
    if seen.average < target:
        filled = seen.plus(target * len(missing), missing)
    elif seen.average > target:
        filled = seen.plus(0, [*missing, *unready])
    first, second = seen.average / target, filled.average / target
    replicas = settled(current, first, second, filled.pods, filled.pods != seen.pods, tolerances)
    return Desired(replicas, 0, len(missing), len(unready), seen.average)


def settled(
    current: int, first: float, second: float, pods: int, assumed: bool, tolerances: Tolerances
) -> int:
    """From the ratio of usage to target, as seen (`first`) and with what was assumed (`second`)."""
    if tolerances.within(second) or (first < 1.0 < second) or (second < 1.0 < first):
        return current
    replicas = math.ceil(second * pods)
    turned = (second < 1.0 and replicas > current) or (second > 1.0 and replicas < current)
    # Without assumptions the HPA takes the figure as it is, also where pods and replicas differ.
    return current if turned and assumed else replicas


def tolerated(utilisation: int, target: int) -> bool:
    """Whether `utilisation` is near enough to `target` (both in percent)."""
    return TOLERANCES.within(utilisation / target)


@dataclass(frozen=True, slots=True)
class _Sum:
    usage: int
    requests: int
    pods: int

    @property
    def percent(self) -> int:
        return _PERCENT * self.usage // self.requests if self.requests else 0

    @property
    def average(self) -> int:
        return self.usage // self.pods

    def plus(self, usage: int, pods: Sequence[PodSample]) -> "_Sum":
        more = sum(p.request or 0 for p in pods)
        return _Sum(self.usage + usage, self.requests + more, self.pods + len(pods))


@dataclass(frozen=True, slots=True)
class _Groups:
    """The pods that count: those sampled as one sum, the ready ones without a sample, those not yet ready."""

    sampled: _Sum
    missing: list[PodSample]
    unready: list[PodSample]


def _grouped(pods: Sequence[PodSample], *, by_request: bool) -> _Groups | Unknown:
    """Who is counted, who is sampled. `by_request`: the controller fails on any pod without a request, also one
    that it does not count, before it looks whether there are samples."""
    counted = [p for p in pods if p.state != "ignored"]
    if not counted:
        return Unknown("no-pods")
    ready = [p for p in counted if p.state == "ready"]
    sampled = [p for p in ready if p.usage is not None]
    if by_request and any(p.request is None for p in pods):
        return Unknown("no-cpu-request")
    if not sampled:
        return Unknown("no-metrics")
    seen = _Sum(sum(p.usage or 0 for p in sampled), sum(p.request or 0 for p in sampled), len(sampled))
    missing = [p for p in ready if p.usage is None]
    return _Groups(seen, missing, [p for p in counted if p.state == "unready"])
