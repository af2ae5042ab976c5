"""What can be said of a growing resource at the end of each block, from blocks up to it, and what confirms it."""

from dataclasses import dataclass

import numpy as np

from forecasting.sentinel.rule import DAY_S, Rule
from forecasting.sentinel.series import Blocks, row_medians
from forecasting.sentinel.windows import last_fall, ran_full, row_trends, shifted, thinned, windows
from forecasting.types import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Estimates:
    """One entry a block, each from blocks up to it: seconds until the limit with its 95 % interval (NaN: does
    not grow), slope a second, z, tau, points; `fires` before confirmation, `window_s` of the slope."""

    at_s: Ints
    eta_s: Floats
    soonest_s: Floats
    latest_s: Floats
    slope: Floats
    level: Floats
    z: Floats
    tau: Floats
    points: Floats
    window_s: Ints
    fires: Bools


def estimate(found: Blocks, limit: float, rule: Rule) -> Estimates:
    """What can be said at the end of each block."""
    size, values = found.size_s, found.medians
    columns = rule.window_s // size
    cut = last_fall(values, columns)
    bases = [_base(values, columns, every, cut, size) for every in rule.spans]
    near, used = bases[0], bases[0]
    for other in bases[1:]:
        used = _longer(used, other, near, columns)
    net, young = _net(values, near.slope, size, columns)
    # What ran full a day ago is not a cycle to be excused: it leaks, and restarts.
    again = ran_full(values, cut, limit, DAY_S // size)
    net, young = np.where(again, near.slope, net), young & ~again
    left = np.maximum(limit - near.level, 0)
    reach = np.where(young, rule.reach_young, rule.reach)
    with np.errstate(invalid="ignore", divide="ignore"):
        eta = np.where(used.slope > 0, left / used.slope, np.nan)
        latest = np.where(used.low > 0, left / used.low, np.inf)
        soonest = left / used.high
        fires = (
            (near.points >= rule.least_points) & np.isfinite(values) & (used.z >= rule.z) & (used.tau >= rule.tau)
            & (near.slope > 0) & (eta <= rule.horizon_s) & (eta <= reach * used.window_s)
            & (used.to_come >= left) & (net >= rule.net * near.slope)
        )  # fmt: skip
    return Estimates(
        found.ends_s, eta, soonest, latest, used.slope, near.level, used.z, used.tau, used.points,
        used.window_s, fires
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Base:
    """The trend over one length of window, a second; `to_come` is how much more it will rise if it goes on
    slowing down as it did from the older half to the newer one (infinite: it does not slow down)."""

    slope: Floats
    low: Floats
    high: Floats
    level: Floats
    z: Floats
    tau: Floats
    points: Floats
    to_come: Floats
    window_s: Ints


def _base(values: Floats, columns: int, every: int, cut: Ints, size: int) -> _Base:
    rows = thinned(values, columns, every, cut)
    whole, step = row_trends(rows), every * size
    older, newer = row_trends(rows[:, : columns // 2]).slope, row_trends(rows[:, columns // 2 :]).slope
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.clip(newer / older, 0, None)
        slowing = newer * (columns / 2) * ratio / (1 - ratio)
    to_come = np.where((ratio < 1) & (older > 0), slowing, np.where(newer > 0, np.inf, 0.0))
    window = np.full(len(values), columns * step, dtype=np.int64)
    return _Base(
        whole.slope / step, whole.low / step, whole.high / step, whole.level, whole.z, whole.tau, whole.known,
        to_come, window
    )  # fmt: skip


def _longer(used: _Base, other: _Base, near: _Base, columns: int) -> _Base:
    """The longer base where it is known and tells the same slope as the shortest."""
    with np.errstate(invalid="ignore", divide="ignore"):
        same = np.abs(other.slope / near.slope - 1) < 0.5
        same |= (near.low <= other.slope) & (other.slope <= near.high)
    better = same & (other.points >= columns * 3 // 4) & (other.slope > 0)
    names = _Base.__slots__
    return _Base(*(np.where(better, getattr(other, n), getattr(used, n)) for n in names))


def _net(values: Floats, slope: Floats, size: int, columns: int) -> tuple[Floats, Bools]:
    """How much of the slope the same hours of the day before leave unexplained, and where there are none."""
    day = DAY_S // size
    smooth = row_medians(windows(values, 6, np.full(len(values), -1)))
    season = np.maximum.reduce([shifted(slope, day + s * columns // 4) for s in (-1, 0, 1)])
    stayed = (smooth - shifted(smooth, day)) / DAY_S
    unexplained = np.fmax(slope - np.maximum(season, 0), np.minimum(stayed, slope))
    young = ~np.isfinite(season)
    return np.where(young, slope, unexplained), young


def confirm(found: Estimates, rule: Rule, size_s: int) -> Bools:
    """Where the last confirmations fired and agree on the time."""
    soon, late = (_confirmed(found, rule, size_s, apart) for apart in (rule.apart_s, rule.noisy_apart_s))
    return np.where(found.tau >= rule.clean, soon, late)


def _confirmed(found: Estimates, rule: Rule, size_s: int, apart_s: int) -> Bools:
    apart = max(1, apart_s // size_s)
    moments = found.at_s + found.eta_s
    confirmed = found.fires.copy()
    for k in range(1, rule.confirmations):
        before = shifted(moments, k * apart)
        fired = shifted(found.fires.astype(np.float64), k * apart) == 1
        with np.errstate(invalid="ignore"):
            same = moments - before <= rule.agree * np.maximum(found.eta_s, size_s)
        confirmed &= fired & same
    return confirmed
