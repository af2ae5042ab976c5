"""What each candidate would have done to a workload's own last 24 hours and 7 days: how often the demand would have
been above the target, and what it would have cost. Many workloads at once; integers out, rounded to the dearer side.

The demand is what was, so nothing is drawn: a minute is violated where it needed more than the target of what ready
pods carry. Pods that an HPA adds are ready after the start-up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.demand.recommender import QuantilePolicy
from forecasting.twin.hpa_path import hpa_path
from forecasting.twin.live import SINGLY
from forecasting.twin.rehearse import ready_of
from forecasting.types import Demand, Floats, Ints, Millicores, Shape, in_cores

Flags = NDArray[np.bool_]
LASTING, DAY, WEEK = 10, 1440, 10_080
"""Minutes; what has lasted so long is there to stay, however little of a day it is."""
PPM = 1_000_000
_ROWS = 512


@dataclass(frozen=True, slots=True)
class Play:
    """A candidate as it is played: at least `low` pods, at most `high`; `hpa_percent` is the target of the HPA that
    moves them in between (None: nothing does, there are `low`). With a `risk` the fast loop moves the least of them
    each minute, by the forecast that is exceeded so often. Millicores of a pod: what it `carries` at 100 %, what it
    `requests`."""

    low: int
    high: int
    hpa_percent: int | None
    carries: int
    requests: int
    risk: float | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What it is played on: the demand a minute up to now, the start-up in seconds. `percent` multiplies the demand
    (a live event's 300: three times), `target_percent` is what of a pod may be used."""

    cpu: Millicores
    startup_s: int
    percent: int = 100
    target_percent: int = 85


@dataclass(frozen=True, slots=True)
class Played:
    """`risk_ppm` is the share of the measured minutes above the target, of the last 24 hours or of the last 7 days,
    whichever is more, and all of them where each of the last ten minutes was; `short_ppm` the part of the last 24
    hours' demand that lay above it. `cost_mch` are thousandths of core-hours that would have been requested a day,
    `known_ppm` is the share of the last 24 hours that was measured."""

    risk_ppm: int
    short_ppm: int
    cost_mch: int
    known_ppm: int


def play(pasts: Sequence[Past], plays: Sequence[Sequence[Play]]) -> list[list[Played]]:
    """Each workload's past under each of its candidates. A past without a single measurement is all risk."""
    demands = [_week(past) for past in pasts]
    pairs = [(i, one) for i, candidates in enumerate(plays) for one in candidates]
    moved = [k for k, (_, one) in enumerate(pairs) if one.hpa_percent is not None]
    forecast = {i for i, one in pairs if one.risk is not None}
    floors = {} if len(forecast) > SINGLY else _floors(pairs, pasts)
    paths: dict[int, Ints] = {}
    for start in range(0, len(moved), _ROWS):
        some = moved[start : start + _ROWS]
        least = [floors.get(k) for k in some]
        paths |= dict(zip(some, _hpa_paths([pairs[k] for k in some], least, demands, pasts), strict=True))
    flat = iter(
        _played(demands[i], paths.get(k, np.full(1, one.low)), one, pasts[i])
        for k, (i, one) in enumerate(pairs)
    )
    return [[next(flat) for _ in candidates] for candidates in plays]


def _week(past: Past) -> Floats:
    """The last 7 days, as many as there are, in cores."""
    return in_cores(past.cpu[-WEEK:]) * (past.percent / 100)


def _floors(pairs: Sequence[tuple[int, Play]], pasts: Sequence[Past]) -> dict[int, Ints]:
    """The floors that the fast loop would have set, minute by minute, of those pairs that it moves."""
    played: dict[tuple[int, float, int], Ints] = {}
    found: dict[int, Ints] = {}
    for k, (i, one) in enumerate(pairs):
        values = in_cores(pasts[i].cpu) * (pasts[i].percent / 100)
        if one.risk is None or not np.isfinite(values).any():
            continue
        at = i, one.risk, one.requests
        if at not in played:
            shape = Shape(one.requests / 1000, pasts[i].startup_s, target_util=pasts[i].target_percent / 100)
            played[at] = QuantilePolicy(one.risk).replay(Demand(values, max(0, len(values) - WEEK)), shape)
        found[k] = played[at]
    return found


def _hpa_paths(
    pairs: Sequence[tuple[int, Play]],
    floors: Sequence[Ints | None],
    demands: Sequence[Floats],
    pasts: Sequence[Past],
) -> list[Ints]:
    """Ready pods a minute, of each pair; `floors` are those of the fast loop where it moves them."""
    longest = max(len(demands[i]) for i, _ in pairs)
    demand = np.full((len(pairs), longest), np.nan, dtype=np.float64)
    for row, (i, _) in zip(demand, pairs, strict=True):
        row[longest - len(demands[i]) :] = demands[i]
    low, high = (np.array([getattr(one, name) for _, one in pairs]) for name in ("low", "high"))
    least = np.repeat(low[:, None], longest, axis=1)
    for row, floor in zip(least, floors, strict=True):
        if floor is not None:
            row[longest - len(floor) :] = np.maximum(row[longest - len(floor) :], floor)
    least = np.minimum(least, high[:, None])
    each = np.array([one.requests * (one.hpa_percent or 0) / 100_000 for _, one in pairs])
    first = np.nan_to_num([_first(row) for row in demand]) / each
    path = hpa_path(demand, each, least, high, np.ceil(first).astype(np.int64))
    steps = np.array([-(-pasts[i].startup_s // 60) for i, _ in pairs])
    ready = ready_of(path[:, None, :], path[:, :1].max(axis=1), steps, longest)[:, 0]
    return [row[longest - len(demands[i]) :] for row, (i, _) in zip(ready, pairs, strict=True)]


def _first(row: Floats) -> float:
    known = row[np.isfinite(row)]
    return float(known[0]) if len(known) else 0.0


def _played(demand: Floats, ready: Ints, one: Play, past: Past) -> Played:
    known = np.isfinite(demand)
    usable: Floats = np.multiply(ready, one.carries * past.target_percent / 100_000, dtype=np.float64)
    over = known & (demand > usable)
    risks = [_share(over[-span:], known[-span:]) for span in (DAY, WEEK)]
    risks += [PPM] if len(over) >= LASTING and over[-LASTING:].all() else []
    pods = float(ready.mean()) if len(demand) else float(one.low)
    cost = int(np.ceil(pods * one.requests * 24 - 1e-6))
    return Played(max(risks), _short(demand, usable, over), cost, int(known[-DAY:].sum()) * PPM // DAY)


def _short(demand: Floats, usable: Floats, over: Flags) -> int:
    last = np.where(over, demand - usable, 0)[-DAY:]
    return int(np.ceil(last.sum() * PPM / max(float(np.nansum(demand[-DAY:])), 1e-9)))


def _share(over: Flags, known: Flags) -> int:
    count = int(known.sum())
    return int(-(-int(over.sum()) * PPM // count)) if count else PPM
