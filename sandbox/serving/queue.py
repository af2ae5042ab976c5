"""What a set of ready pods makes of a demand: CPU used, what waits, what fails, how long it takes.

Demand is shared equally by the pods that are ready. A container uses no more CPU than its limit. Requests that
find all busy wait in one line; one that would wait longer than the client's patience fails. Work that is no
requests (a Load without `service`) does not wait: what a limit cuts off is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.queueing import quantiles
from forecasting.seeded_random import Floats, Ints
from forecasting.throttling import PERIOD_US, throttled
from sandbox.load.manifest import HOUR_MS, IDLE, Load
from sandbox.serving.pods import PodState

TICK_S = 15
TICK_MS = TICK_S * 1000
"""The engine's step: as long as the HPA's sync period and the scrape interval."""

_SERVICE_US = 20_000
"""What a piece of work takes where a Load does not say: for throttling only."""


@dataclass(frozen=True, slots=True)
class Group:
    """Serving pods that are alike: `cap` millicores each."""

    cap: int
    limited: bool
    pods: tuple[PodState, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """For each tick: `used` millicores by the work alone, `left` millicore-seconds that wait at its end,
    `dropped` millicore-seconds that failed in it, and `shares` millicores a pod of each group."""

    offered: Ints
    used: Ints
    left: Ints
    dropped: Ints
    shares: tuple[Ints, ...]


def groups_of(pods: Sequence[PodState], at_ms: int) -> tuple[Group, ...]:
    """The pods that serve at that time, by what they can use."""
    found: dict[tuple[int, bool], list[PodState]] = {}
    for pod in pods:
        if pod.serves(at_ms):
            found.setdefault((pod.cap, pod.cpu_limit is not None), []).append(pod)
    return tuple(Group(cap, limited, tuple(alike)) for (cap, limited), alike in sorted(found.items()))


def serve(load: Load, groups: Sequence[Group], offered: Ints, left: int) -> Served:
    """One tick after the other, from `left` millicore-seconds that wait."""
    count = sum(len(g.pods) for g in groups)
    capacity = sum(g.cap * len(g.pods) for g in groups)
    if not count:
        dropped = offered * TICK_S
        if len(offered):
            dropped[0] += left
        nothing = np.zeros_like(offered)
        return Served(offered, nothing, nothing, dropped, ())
    if load.service_us is None:
        shares = tuple(np.minimum(offered // count, g.cap) for g in groups)
        used = sum((s * len(g.pods) for s, g in zip(shares, groups, strict=True)), np.zeros_like(offered))
        return Served(offered, used, np.zeros_like(offered), (offered - used) * TICK_S, shares)
    done, waits, dropped = line(offered * TICK_S, capacity * TICK_S, capacity * load.timeout_s, left)
    used = done // TICK_S
    return Served(offered, used, waits, dropped, _shares(groups, used, count, capacity))


def line(work: Ints, capacity: int, room: int, left: int) -> tuple[Ints, Ints, Ints]:
    """Lindley's recursion with a line of at most `room`: what is done, what waits afterwards, what is refused.

    Nothing is lost or made: work + left before = done + left after + refused, in each step.
    """
    if left == 0 and not (work > capacity).any():
        return work, np.zeros_like(work), np.zeros_like(work)
    done, waits, refused = [], [], []
    for arriving in work.tolist():
        total = left + arriving
        now = min(total, capacity)
        left = min(total - now, room)
        done.append(now)
        waits.append(left)
        refused.append(total - now - left)
    return tuple(np.array(column, dtype=np.int64) for column in (done, waits, refused))  # type: ignore[return-value]


def _shares(groups: Sequence[Group], used: Ints, count: int, capacity: int) -> tuple[Ints, ...]:
    """Equal parts while every pod can carry one, else in proportion to what each can."""
    if len(groups) == 1:
        return (used // count,)
    equal = used // count
    fits = equal <= min(g.cap for g in groups)
    return tuple(np.where(fits, equal, used * g.cap // max(1, capacity)) for g in groups)


def cpu_of(share: Ints, group: Group) -> Ints:
    """What a pod of the group is seen to use in its first container."""
    seen: Ints = np.minimum(np.maximum(share, IDLE[0]), group.cap)
    return seen


def memory_of(load: Load, pod: PodState, cpu: Ints, times: Ints) -> Ints:
    """The working set of a pod's first container, if nothing ends it: base, what follows the load, the leak."""
    since = np.maximum(0, times - (pod.running_ms if pod.running_ms is not None else 0))
    held: Ints = load.memory + load.per_core * cpu // 1000 + load.leak * since // HOUR_MS
    return held


def latency_us(load: Load, groups: Sequence[Group], served: Served) -> tuple[Floats, Floats, Floats]:
    """p50, p95, p99 in microseconds: M/M/c with a server for each core (or part of one) that the pods may use,
    and on top what the backlog makes a request wait. Meaningless without `service` or without pods."""
    capacity = sum(g.cap * len(g.pods) for g in groups)
    servers = sum(-(-max(1, g.cap) // 1000) * len(g.pods) for g in groups)
    mean_us = (load.service_us or _SERVICE_US) * servers * 1000 / max(1, capacity)
    rho = served.used / max(1, capacity)
    waits_us = served.left * 1_000_000 / max(1, capacity)
    patience = load.timeout_s * 1_000_000 + mean_us
    p50, p95, p99 = (
        np.minimum(part * mean_us + waits_us, np.maximum(patience, part * mean_us))
        for part in quantiles(servers, rho)
    )
    return p50, p95, p99


def throttled_ppm(load: Load, groups: Sequence[Group], served: Served) -> Floats | None:
    """The share of the pods' CFS periods that was throttled; None where no pod has a limit."""
    limited = [(g, s) for g, s in zip(groups, served.shares, strict=True) if g.limited and g.cap]
    if not limited:
        return None
    total, pods = np.zeros(len(served.used)), sum(len(g.pods) for g, _ in limited)
    per_pod = served.offered / sum(len(g.pods) for g in groups)
    for group, _ in limited:
        # A line that stands, or more work than quota: each period ends throttled.
        pressed = np.where(served.left > 0, 1.0, np.minimum(1.0, per_pod / group.cap))
        quota_us = group.cap * PERIOD_US // 1000
        total += throttled(pressed, quota_us, load.service_us or _SERVICE_US) * len(group.pods)
    return total / pods * 1e6
