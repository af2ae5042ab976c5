"""Demand played against candidates, for many workloads at once: rows are workloads, then candidates, then steps.

A candidate is replicas (constant, or one a step) and what one of its pods carries. Pods asked for are ready after
the start-up; pods let go are gone at once. What is not carried waits in line, up to `patience_s` of work.
"""

from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import cast

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import ForecastError
from forecasting.twin.latency import p95
from forecasting.types import Floats, Ints

Singles = NDArray[np.float32]
_EDGES = (0.0, 0.3, 0.5, 0.65, 0.75, 0.82, 0.87, 0.91, 0.94, 0.96, 0.975, 0.985, 0.992, 0.996, 0.999, 1.0)
"""Shares of the forecast's spread that are played at their middle: finer where demand is high and risk is."""
_CELLS = 1 << 20


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is played, W workloads: `demand` W x T in cores (the median path; NaN: not known), each W long:
    replicas `now`, seconds of `startup_s`, `noise` of a step (deviation of its logarithm), `spread` of the
    whole path (the same of the forecast), `service_s` (NaN: no requests)."""

    demand: Floats
    now: Ints
    startup_s: Floats
    noise: Floats
    spread: Floats
    service_s: Floats
    step_s: int = 60
    target_util: float = 0.85
    patience_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Each W x C. `utilisation` the mean of demand over what ready pods carry; `violations` expected minutes
    above the target; `probability` of at least one; `latency_s` the 95th percentile in the worst step (NaN: no
    requests); `cost` in core-hours; `known` the share of steps whose demand is known (the others count as
    violated: what is not measured is not safe)."""

    utilisation: Floats
    violations: Floats
    probability: Floats
    latency_s: Floats
    cost: Floats
    known: Floats


def rehearse(fleet: Fleet, replicas: Ints, per_pod: Floats) -> Rehearsal:
    """Play every candidate: `replicas` W x C (constant) or W x C x T, `per_pod` W or W x C cores. Raises
    ForecastError: shapes that do not fit, replicas below 0, pods that carry nothing."""
    _checked(fleet, replicas, per_pod)
    count, steps = fleet.demand.shape
    each = per_pod[:, None] * np.ones(replicas.shape[1]) if per_pod.ndim == 1 else per_pod
    size = max(1, _CELLS // max(1, replicas.shape[1] * steps))
    parts = [_chunk(fleet, replicas, each, slice(i, i + size)) for i in range(0, count, size)]
    return Rehearsal(*(np.concatenate([p[k] for p in parts]) for k in range(6)))


def _checked(fleet: Fleet, replicas: Ints, per_pod: Floats) -> None:
    w, t = fleet.demand.shape
    wrong = replicas.ndim not in (2, 3) or len(replicas) != w or len(per_pod) != w
    if wrong or (replicas.ndim == 3 and replicas.shape[2] != t):
        raise ForecastError(f"replicas of shape {replicas.shape} for demand of {w} x {t}")
    if replicas.size and (int(replicas.min()) < 0 or float(per_pod.min()) <= 0):
        raise ForecastError("a candidate has replicas below 0, or pods that carry nothing")


def ready_of(replicas: Ints, now: Ints, steps: Ints, count: int) -> Singles:
    """Ready pods, W x C x `count`, in float32: of what was asked for within the last `steps` steps the least,
    since a pod asked for later is not there yet."""
    asked = replicas if replicas.ndim == 3 else np.repeat(replicas[:, :, None], count, axis=2)
    ready = asked.astype(np.float32)
    first = np.minimum(ready, now[:, None, None].astype(np.float32))
    late = int(steps.max(initial=0))
    for k in range(1, min(late, count) + 1):
        begun = (steps >= k)[:, None, None]
        earlier = np.concatenate([first[:, :, :k], asked[:, :, : count - k].astype(np.float32)], axis=2)
        ready = np.where(begun, np.minimum(ready, earlier), ready)
    return ready


def _chunk(fleet: Fleet, replicas: Ints, per_pod: Floats, at: slice) -> tuple[Floats, ...]:
    demand = fleet.demand[at].astype(np.float32)
    known = np.isfinite(demand)
    steps = np.ceil(fleet.startup_s[at] / fleet.step_s).astype(np.int64)
    ready = ready_of(replicas[at], fleet.now[at], steps, demand.shape[1])
    capacity = ready * per_pod[at][:, :, None].astype(np.float32)
    asked = np.where(known, demand, 0)[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = np.where(capacity > 0, asked / capacity, np.where(asked > 0, np.inf, 0)).astype(np.float32)
    minutes, chance = _violations(rho, known[:, None, :], fleet, at)
    share = np.broadcast_to(known.mean(axis=1)[:, None], minutes.shape)
    with np.errstate(invalid="ignore"):
        mean = np.where(share > 0, np.minimum(rho, 10).sum(axis=2) / known.sum(axis=1)[:, None], np.nan)
    billed = replicas[at].mean(axis=2) if replicas.ndim == 3 else replicas[at]
    cost = billed * per_pod[at] * (demand.shape[1] * fleet.step_s / 3600)
    return mean, minutes, chance, _latency(rho, per_pod, asked, ready, fleet, at), cost, share


def _violations(rho: Singles, known: NDArray[np.bool_], fleet: Fleet, at: slice) -> tuple[Floats, Floats]:
    """Expected minutes above the target, from spread and noise together, and the probability of any: the spread
    moves the whole path, the noise each step by itself."""
    with np.errstate(divide="ignore"):
        room = (np.log(np.float32(fleet.target_util)) - np.log(rho)).astype(np.float32)
    noise, spread = (
        np.maximum(x[at], 1e-4).astype(np.float32)[:, None, None] for x in (fleet.noise, fleet.spread)
    )
    either = np.where(known, _normal_above(room / np.hypot(noise, spread)), 1.0)
    minutes = either.sum(axis=2, dtype=np.float64) * (fleet.step_s / 60)
    none = np.zeros(rho.shape[:2])
    for low, high in pairwise(_EDGES):
        moved = spread * np.float32(NormalDist().inv_cdf((low + high) / 2))
        above = np.where(known, _normal_above((room - moved) / noise), 1.0)
        none += (high - low) * np.exp(np.log1p(-np.minimum(above, 1 - 1e-6)).sum(axis=2))
    return minutes, 1 - none


def _normal_above(z: Singles) -> Singles:
    """P(N > z), to 1.4e-4 (S. R. Bowling et al., A logistic approximation to the cumulative normal distribution,
    J. Industrial Engineering and Management 2 (2009))."""
    z = np.clip(z, -8, 8)
    return cast(Singles, 1 / (1 + np.exp(z * (1.5976 + 0.07056 * z * z))))


def _latency(
    rho: Singles, per_pod: Floats, asked: Singles, ready: Singles, fleet: Fleet, at: slice
) -> Floats:
    """The worst step's 95th percentile: M/M/c at its utilisation, and what waits from the steps before."""
    service = fleet.service_s[at][:, None]
    if not np.isfinite(service).any():
        return np.full(rho.shape[:2], np.nan)
    capacity = ready * per_pod[at][:, :, None].astype(np.float32)
    backlog, worst_wait = np.zeros(rho.shape[:2], dtype=np.float32), np.zeros(rho.shape[:2])
    for t in range(rho.shape[2]):
        room = capacity[:, :, t] * fleet.step_s
        work = backlog + asked[:, :, t] * fleet.step_s
        backlog = np.clip(work - room, 0, capacity[:, :, t] * fleet.patience_s)
        with np.errstate(divide="ignore", invalid="ignore"):
            wait = np.where(capacity[:, :, t] > 0, backlog / capacity[:, :, t], fleet.patience_s)
        worst_wait = np.maximum(worst_wait, wait)
    worst = np.argmax(rho, axis=2)[:, :, None]
    pods = np.maximum(np.take_along_axis(ready, worst, axis=2)[:, :, 0], 1).astype(np.float64)
    busiest = np.take_along_axis(rho, worst, axis=2)[:, :, 0].astype(np.float64)
    # A pod serves on each of its cores, begun ones too, which are slower then (as the engine has it).
    cores = np.maximum(np.ceil(per_pod[at]), 1)
    return p95(pods * cores, busiest) * service * cores / per_pod[at] + worst_wait
