"""The HorizontalPodAutoscaler as a recommender: its own rules, synced every 15 s, its pods starting up.

Rules and arithmetic are forecasting.hpa's (Kubernetes 1.36, replica_calculator.go and horizontal.go, an HPA without
`behavior`): floored percent of requests, tolerance 0.1, pods that start count as 0 on a scale-up and not at all
on a scale-down, the highest recommendation of 300 s, at most max(2 x current, 4) at once. `loop` is the same in
a tight loop; a test holds it to forecasting.hpa.controller.sync, sync by sync.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from forecasting.hpa.controller import SYNC_S
from forecasting.hpa.formula import TOLERANCES
from forecasting.hpa.rules import DOWNSCALE_WINDOW_S
from forecasting.types import Demand, Floats, Ints, Shape

REQUEST = 1_000_000
"""What a replica requests, in its own millionths: the formula's integers, whatever the size of the replica."""
WARM_UP_S = 7_200
"""The end of the history is played too, so that the played part begins in the middle of things."""
_KEPT = DOWNSCALE_WINDOW_S // SYNC_S


@dataclass(frozen=True, slots=True)
class Tuning:
    """What an operator may set: how far from the target nothing changes (spec.behavior.*.tolerance), and to how many
    pods it may grow at once: `up_factor` times as many, `up_pods` more, or `up_least`, whichever is most. As they are
    here they are Kubernetes' own."""

    tolerance: float = TOLERANCES.up
    up_factor: int = 2
    up_pods: int = 0
    up_least: int = 4

    def most(self, current: int) -> int:
        """Pods that it may go to."""
        return max(self.up_factor * current, current + self.up_pods, self.up_least)


PLAIN = Tuning()
TUNED = Tuning(tolerance=0.05, up_factor=4, up_pods=10)
"""As somebody sets it who cares: half the tolerance, and up as fast as bursts come (scaleUp.policies of 300 % and of
10 pods each 15 s)."""


class Hpa:
    """An HPA that aims at `target` percent of the CPU requests; a replica requests `per_replica` cores.

    Usage is the demand spread over the ready pods, without a limit: an HPA sees what is asked of it, also above
    100 %. A sample covers the 15 s before the sync (and `lag_s` before that).
    """

    def __init__(self, target: int = 70, tuning: Tuning = PLAIN) -> None:
        self.target, self.tuning = target, tuning
        self.name = f"hpa-{target}" if tuning == PLAIN else f"hpa-{target}-tuned"

    def replay(self, demand: Demand, shape: Shape, floors: Ints | None = None) -> Ints:
        """The replicas at the start of each step, whose sync has seen the step before and nothing later."""
        return self.steps(demand, shape, floors)[:: _factor(demand)]

    def steps(self, demand: Demand, shape: Shape, floors: Ints | None = None) -> Ints:
        """The replicas asked for at each sync (15 s) of what is played; `floors` are minReplicas at each step of
        `demand.values[played:]`."""
        factor = _factor(demand)
        warm = min(demand.played, WARM_UP_S // demand.step_s)
        loads = np.repeat(demand.values[demand.played - warm :] / shape.per_replica * REQUEST, factor)
        least = np.full(len(loads), shape.minimum, dtype=np.int64)
        if floors is not None:
            least[warm * factor :] = np.repeat(np.clip(floors, shape.minimum, shape.maximum), factor)
        begun = self.begun(loads, shape)
        return loop(loads, least, begun, self.target, shape, self.tuning)[warm * factor :]

    def begun(self, loads: Floats, shape: Shape) -> int:
        """The replicas that are there at first: enough for the first load that was measured."""
        known = loads[np.isfinite(loads)]
        first = math.ceil(100 * known[0] / REQUEST / self.target) if len(known) else 1
        return max(shape.minimum, 1, min(first, shape.maximum))


def _factor(demand: Demand) -> int:
    if demand.step_s % SYNC_S:
        raise ValueError(f"a step of {demand.step_s} s is not a multiple of the {SYNC_S} s between two syncs")
    return demand.step_s // SYNC_S


@dataclass(slots=True)
class _Pods:
    """The replicas asked for, newest last; a pod is ready `startup` syncs after it was asked for, and the
    youngest go first."""

    asked: list[int]
    startup: int
    changed: int = -1_000_000

    def sampled(self, at: int, back: int) -> tuple[int, int]:
        """Pods that were ready during the sync `back` before `at`, and those of them that are still there."""
        if at - self.changed > self.startup + back + 1:
            return self.asked[-1], self.asked[-1]
        end = len(self.asked) - back
        then = min(self.asked[end - self.startup - 1 : end])
        return then, min(then, *self.asked[end - 1 :])


def loop(loads: Floats, least: Ints, begun: int, target: int, shape: Shape, tuning: Tuning = PLAIN) -> Ints:
    """The replicas after each sync. `loads` in millionths of a replica during each 15 s (NaN: no sample),
    `least` minReplicas at each sync."""
    back = -(-shape.lag_s // SYNC_S)
    startup = -(-shape.startup_s // SYNC_S)
    pods = _Pods([begun] * (startup + back + 2), startup)
    seen = [math.nan] * (back + 1) + loads.tolist()
    window: deque[tuple[int, int]] = deque()
    for at, minimum in enumerate(least.tolist()):
        current = pods.asked[-1]
        if at == 0:
            window.append((0, current))
        after = current
        if current > shape.maximum or current < minimum:
            after = shape.maximum if current > shape.maximum else minimum
        elif (load := seen[at]) == load:
            wanted = _wanted(load, current, target, tuning.tolerance, *pods.sampled(at, back))
            most = min(shape.maximum, tuning.most(current))
            after = max(minimum, min(_stable(window, at, wanted), most))
        if after != current:
            pods.changed = at
        pods.asked.append(after)
    return np.array(pods.asked[startup + back + 2 :], dtype=np.int64)


def _wanted(load: float, current: int, target: int, tolerance: float, ready: int, sampled: int) -> int:
    """replica_calculator.go: what `sampled` pods say, each with its share of the load; the others have begun."""
    each = int(load / ready)
    percent = 100 * each * sampled // (REQUEST * sampled)
    if percent <= target:
        ratio = percent / target
        return current if ratio >= 1.0 - tolerance else math.ceil(ratio * sampled)
    ratio = 100 * each * sampled // (REQUEST * current) / target
    return current if ratio <= 1.0 + tolerance else math.ceil(ratio * current)


def _stable(window: deque[tuple[int, int]], at: int, wanted: int) -> int:
    """horizontal.go, stabilizeRecommendation: the highest of the last 300 s (the window descends)."""
    while window and window[0][0] < at - _KEPT:
        window.popleft()
    while window and window[-1][1] <= wanted:
        window.pop()
    window.append((at, wanted))
    return window[0][1]
