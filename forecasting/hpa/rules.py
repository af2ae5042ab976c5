"""From a recommendation to a number of replicas: stabilisation windows, rate limits, bounds; pure.

Rules as in Kubernetes 1.36, pkg/controller/podautoscaler/horizontal.go (stabilizeRecommendation,
normalizeDesiredReplicas, and the same WithBehaviors) and pkg/apis/autoscaling/v2/defaults.go. Times are ms.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

DOWNSCALE_WINDOW_S = 300
"""--horizontal-pod-autoscaler-downscale-stabilization, default 5 min."""
_FACTOR, _AT_LEAST = 2, 4
"""Without a behavior replicas at most double at once, or go to four (scaleUpLimitFactor, scaleUpLimitMinimum)."""

Select = Literal["Max", "Min", "Disabled"]


class Change(NamedTuple):
    """At a time: a recommendation, or by how many replicas it was scaled."""

    at_ms: int
    replicas: int


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `value` pods (or percent of the pods) within `period_s` seconds."""

    type: Literal["Pods", "Percent"]
    value: int
    period_s: int


@dataclass(frozen=True, slots=True)
class ScalingRules:
    """One direction of spec.behavior, with its defaults filled in."""

    window_s: int
    select: Select
    policies: tuple[Policy, ...]

    @property
    def longest_s(self) -> int:
        return max((p.period_s for p in self.policies), default=0)


SCALE_UP = ScalingRules(0, "Max", (Policy("Pods", 4, 15), Policy("Percent", 100, 15)))
SCALE_DOWN = ScalingRules(DOWNSCALE_WINDOW_S, "Max", (Policy("Percent", 100, 15),))


@dataclass(frozen=True, slots=True)
class Behavior:
    up: ScalingRules = SCALE_UP
    down: ScalingRules = SCALE_DOWN


@dataclass(frozen=True, slots=True)
class Bounds:
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What the controller remembers of one HPA between syncs."""

    recommended: tuple[Change, ...] = ()
    up: tuple[Change, ...] = field(default=())
    down: tuple[Change, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Normal:
    """The replicas that come out, and why: reasons of the conditions AbleToScale and ScalingLimited."""

    replicas: int
    able: str
    limited: bool
    limit: str
    memory: Memory


def normalised(
    behavior: Behavior | None, bounds: Bounds, memory: Memory, current: int, wanted: int, now_ms: int
) -> Normal:
    """What becomes of the recommendation `wanted` where there are `current` replicas."""
    if behavior is None:
        stable = stabilised(memory, wanted, now_ms)
        able = "ReadyForNewScale" if stable == wanted else "ScaleDownStabilized"
        replicas, limit = bounded(current, stable, bounds)
    else:
        stable = stabilised_both_ways(behavior, memory, current, wanted, now_ms)
        held = "ScaleUpStabilized" if wanted >= current else "ScaleDownStabilized"
        able = "ReadyForNewScale" if stable == wanted else held
        replicas, limit = rate_limited(behavior, bounds, memory, current, stable, now_ms)
    kept = remembered(behavior, memory, Change(now_ms, wanted))
    return Normal(replicas, able, replicas != stable, limit, kept)


def stabilised(memory: Memory, wanted: int, now_ms: int) -> int:
    """The highest recommendation of the last five minutes."""
    since = now_ms - DOWNSCALE_WINDOW_S * 1000
    return max([wanted, *(r.replicas for r in memory.recommended if r.at_ms >= since)])


def stabilised_both_ways(behavior: Behavior, memory: Memory, current: int, wanted: int, now_ms: int) -> int:
    """The current replicas, moved into what was recommended within the two windows."""
    up_since, down_since = now_ms - behavior.up.window_s * 1000, now_ms - behavior.down.window_s * 1000
    low = min([wanted, *(r.replicas for r in memory.recommended if r.at_ms > up_since)])
    high = max([wanted, *(r.replicas for r in memory.recommended if r.at_ms > down_since)])
    return min(max(current, low), high)


def bounded(current: int, wanted: int, bounds: Bounds) -> tuple[int, str]:
    """Within minimum and maximum, and not above what may be added at once."""
    rate = max(_FACTOR * current, _AT_LEAST)
    if wanted < bounds.minimum:
        return bounds.minimum, "TooFewReplicas"
    if bounds.maximum > rate and wanted > rate:
        return rate, "ScaleUpLimit"
    if wanted > bounds.maximum:
        return bounds.maximum, "TooManyReplicas"
    return wanted, "DesiredWithinRange"


def rate_limited(
    behavior: Behavior, bounds: Bounds, memory: Memory, current: int, wanted: int, now_ms: int
) -> tuple[int, str]:
    """Within bounds, and within what the policies let be added or taken in their periods."""
    if wanted > current:
        rate = max(current, scale_up_limit(behavior.up, memory, current, now_ms))
        limit, why = min((bounds.maximum, "TooManyReplicas"), (rate, "ScaleUpLimit"), key=lambda x: x[0])
        return (limit, why) if wanted > limit else (wanted, "DesiredWithinRange")
    if wanted < current:
        rate = min(current, scale_down_limit(behavior.down, memory, current, now_ms))
        limit, why = max((bounds.minimum, "TooFewReplicas"), (rate, "ScaleDownLimit"), key=lambda x: x[0])
        return (limit, why) if wanted < limit else (wanted, "DesiredWithinRange")
    return wanted, "DesiredWithinRange"


def scale_up_limit(rules: ScalingRules, memory: Memory, current: int, now_ms: int) -> int:
    """The most replicas that the policies allow now."""
    if rules.select == "Disabled":
        return current
    proposals = []
    for policy in rules.policies:
        start = _at_start(policy, memory, current, now_ms)
        more = policy.value if policy.type == "Pods" else None
        # Rounded up, or a small percentage would never add a pod.
        proposals.append(start + more if more is not None else math.ceil(start * (1 + policy.value / 100)))
    return (min if rules.select == "Min" else max)(proposals)


def scale_down_limit(rules: ScalingRules, memory: Memory, current: int, now_ms: int) -> int:
    """The fewest replicas that the policies allow now."""
    if rules.select == "Disabled":
        return current
    proposals = []
    for policy in rules.policies:
        start = _at_start(policy, memory, current, now_ms)
        less = policy.value if policy.type == "Pods" else None
        proposals.append(start - less if less is not None else int(start * (1 - policy.value / 100)))
    return (max if rules.select == "Min" else min)(proposals)


def _at_start(policy: Policy, memory: Memory, current: int, now_ms: int) -> int:
    """How many replicas there were when the policy's period began."""
    since = now_ms - policy.period_s * 1000
    return current - _sum_after(memory.up, since) + _sum_after(memory.down, since)


def _sum_after(changes: Sequence[Change], since_ms: int) -> int:
    return sum(c.replicas for c in changes if c.at_ms > since_ms)


def remembered(behavior: Behavior | None, memory: Memory, recommended: Change) -> Memory:
    """With one more recommendation, without those that no window reaches any more."""
    windows = [DOWNSCALE_WINDOW_S] if behavior is None else [behavior.up.window_s, behavior.down.window_s]
    since = recommended.at_ms - max(windows) * 1000
    return replace(memory, recommended=(*(r for r in memory.recommended if r.at_ms >= since), recommended))


def scaled(behavior: Behavior | None, memory: Memory, before: int, after: int, now_ms: int) -> Memory:
    """With a change of replicas that was carried out. Without a behavior nothing of it is needed."""
    if behavior is None or before == after:
        return memory
    rules, changes = (behavior.up, memory.up) if after > before else (behavior.down, memory.down)
    # Either direction's policies look at both kinds of change.
    since = now_ms - max(behavior.up.longest_s, behavior.down.longest_s, rules.longest_s) * 1000
    kept = (*(c for c in changes if c.at_ms >= since), Change(now_ms, abs(after - before)))
    return replace(memory, up=kept) if after > before else replace(memory, down=kept)
