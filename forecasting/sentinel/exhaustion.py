"""When will it be full? A growing resource against its limit: memory, disk, saturation.

Theil-Sen's slope and Mann-Kendall's trend over two hours of 5-minute medians; three confirmations that agree
on the moment, ten minutes apart where the trend is clean and half an hour where it is not.
What only looks like a leak is held back:
- a restart begins a new window, which needs an hour of its own;
- growth that slows down (a cache that warms up) is no leak unless it reaches the limit slowing down as it does:
  halves that rise by r < 1 of one another have r / (1 - r) of the newer one's rise to come;
- growth that the same hours of the day before showed as well is the day's cycle. What counts is what comes on
  top of it, or what stayed from yesterday to today.
- a moment further away than the window allows is not told: nothing is extrapolated over more than twice what was
  seen, or once without a day of history.
An ETA is the level on the line, extrapolated to the limit; where four hours tell the same slope, theirs is used.
"""

from dataclasses import dataclass, replace
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import ForecastError
from forecasting.sentinel.series import Blocks, Series, blocks, row_medians
from forecasting.sentinel.trend import Trend, trends
from forecasting.types import Floats, Ints

Bools = NDArray[np.bool_]
DAY_S, STEP_MAX_S = 86_400, 7200
_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class Rule:
    """What must be so for a finding: in a window of `window_s`, or a longer one of `spans` times it that tells
    the same slope, `z` and `tau` of Mann-Kendall at least; an ETA within `horizon_s` and within `reach` times
    the window (`reach_young` without a day before); of the slope at least the share `net` not explained by the
    day before; `confirmations` each `apart_s` (`noisy_apart_s` where tau is below `clean`), whose moment recedes
    by at most `agree` of the time left; `least_points` blocks known."""

    window_s: int = 7200
    horizon_s: int = 8 * 3600
    z: float = 3.0
    tau: float = 0.45
    confirmations: int = 3
    apart_s: int = 600
    noisy_apart_s: int = 1800
    clean: float = 0.9
    reach: float = 2.0
    reach_young: float = 1.0
    spans: tuple[int, ...] = (1, 2)
    net: float = 0.1
    agree: float = 0.5
    least_points: int = 12


RULE = Rule()


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


@dataclass(frozen=True, slots=True)
class Finding:
    """Exhaustion foreseen: first confirmed at `found_s` (Unix), when it would be full at `full_s`, within
    `soonest_s`..`latest_s`; `slope` of the unit a second, `confidence` 1 - p of Mann-Kendall."""

    found_s: int
    full_s: int
    soonest_s: int
    latest_s: int
    slope: float
    level: float
    limit: float
    confidence: float
    tau: float
    points: int
    window_s: int
    until_s: int
    """The last moment at which it was still so."""


def scan(series: Series, limit: float, rule: Rule = RULE) -> tuple[Finding, ...]:
    """The findings of a series played back in time, each known at its `found_s` from samples up to then. Raises
    ForecastError where the step is longer than STEP_MAX_S."""
    if series.step_s > STEP_MAX_S:
        what = f"a sample each {series.step_s} s: of so few nothing can be told"
        raise ForecastError(what, hint=f"give one each {STEP_MAX_S} s or oftener")
    size = max(300, series.step_s)
    known = blocks(series, size)
    if not len(known.medians):
        return ()
    found = estimate(known, limit, fitted(rule, size))
    confirmed = confirm(found, fitted(rule, size), size)
    return _episodes(found, confirmed, limit)


def fitted(rule: Rule, size_s: int) -> Rule:
    """The rule for blocks of `size_s`: where they are coarse, the window is as many as are needed."""
    window = max(rule.window_s, rule.least_points * size_s)
    return replace(rule, window_s=window, horizon_s=rule.horizon_s * window // rule.window_s)


def estimate(found: Blocks, limit: float, rule: Rule) -> Estimates:
    """What can be said at the end of each block."""
    size, values = found.size_s, found.medians
    columns = rule.window_s // size
    cut = _last_fall(values, columns)
    bases = [_base(values, columns, every, cut, size) for every in rule.spans]
    near, used = bases[0], bases[0]
    for other in bases[1:]:
        used = _longer(used, other, near, columns)
    net, young = _net(values, near.slope, size, columns)
    # What ran full a day ago is no cycle to be excused: it leaks, and restarts.
    again = _ran_full(values, cut, limit, DAY_S // size)
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
    rows = _thinned(values, columns, every, cut)
    whole, step = _trends(rows), every * size
    older, newer = _trends(rows[:, : columns // 2]).slope, _trends(rows[:, columns // 2 :]).slope
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


def confirm(found: Estimates, rule: Rule, size_s: int) -> Bools:
    """Where the last confirmations fired and agree on the moment."""
    soon, late = (_confirmed(found, rule, size_s, apart) for apart in (rule.apart_s, rule.noisy_apart_s))
    return np.where(found.tau >= rule.clean, soon, late)


def _confirmed(found: Estimates, rule: Rule, size_s: int, apart_s: int) -> Bools:
    apart = max(1, apart_s // size_s)
    moments = found.at_s + found.eta_s
    confirmed = found.fires.copy()
    for k in range(1, rule.confirmations):
        before = _shifted(moments, k * apart)
        fired = _shifted(found.fires.astype(np.float64), k * apart) == 1
        with np.errstate(invalid="ignore"):
            same = moments - before <= rule.agree * np.maximum(found.eta_s, size_s)
        confirmed &= fired & same
    return confirmed


def _net(values: Floats, slope: Floats, size: int, columns: int) -> tuple[Floats, Bools]:
    """How much of the slope the same hours of the day before leave unexplained, and where there are none."""
    day = DAY_S // size
    smooth = row_medians(_windows(values, 6, np.full(len(values), -1)))
    season = np.maximum.reduce([_shifted(slope, day + s * columns // 4) for s in (-1, 0, 1)])
    stayed = (smooth - _shifted(smooth, day)) / DAY_S
    unexplained = np.fmax(slope - np.maximum(season, 0), np.minimum(stayed, slope))
    young = ~np.isfinite(season)
    return np.where(young, slope, unexplained), young


def _last_fall(values: Floats, columns: int) -> Ints:
    """For each block the index of the newest restart up to it (-1: none): a fall far beyond the usual step."""
    filled = _carried(values)
    step = np.diff(filled, prepend=filled[:1])
    usual = row_medians(_windows(np.abs(step), columns, np.full(len(values), -1)))
    usual = _shifted(usual, 1)
    fell = (-step > 8 * np.nan_to_num(usual, nan=np.inf)) & (-step > 0.1 * np.abs(_shifted(filled, 1)))
    return np.maximum.accumulate(np.where(fell, np.arange(len(values)), -1))


def _ran_full(values: Floats, cut: Ints, limit: float, day: int) -> Bools:
    """Where a restart of the last day (and an hour) came at nine tenths of the limit or more."""
    before = _shifted(_carried(values), 1)
    at = np.arange(len(values))
    with np.errstate(invalid="ignore"):
        full = (cut == at) & (before >= 0.9 * limit)
    newest = np.maximum.accumulate(np.where(full, at, -2 * day))
    return np.asarray(at - newest <= day + day // 24)


def _carried(values: Floats) -> Floats:
    """The newest known value at each place; NaN before the first."""
    newest = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), -1))
    return np.where(newest >= 0, values[np.maximum(newest, 0)], np.nan)


def _windows(values: Floats, columns: int, cut: Ints) -> Floats:
    """Row i: the `columns` values up to i, NaN before the restart `cut[i]`."""
    padded = np.concatenate([np.full(columns - 1, np.nan), values])
    rows = np.lib.stride_tricks.sliding_window_view(padded, columns)
    at = np.arange(len(values))[:, None] - np.arange(columns - 1, -1, -1)
    return np.where(at >= cut[:, None], rows, np.nan)


def _thinned(values: Floats, columns: int, every: int, cut: Ints) -> Floats:
    """Row i: `columns` medians of `every` values each, up to i."""
    wide = _windows(values, columns * every, cut).reshape(-1, every)
    return row_medians(wide).reshape(-1, columns)


def _trends(rows: Floats) -> Trend:
    parts = [trends(rows[i : i + _CHUNK]) for i in range(0, len(rows), _CHUNK)]
    names = Trend.__slots__
    return Trend(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def _shifted(values: Floats, by: int) -> Floats:
    """What was known `by` blocks earlier."""
    return np.concatenate([np.full(min(by, len(values)), np.nan), values[: max(0, len(values) - by)]])


def _episodes(found: Estimates, confirmed: Bools, limit: float) -> tuple[Finding, ...]:
    """Confirmed blocks in a row, with at most two hours between, are one finding."""
    at = np.flatnonzero(confirmed)
    if not len(at):
        return ()
    breaks = np.flatnonzero(np.diff(found.at_s[at]) > 7200) + 1
    return tuple(_finding(found, run, limit) for run in np.split(at, breaks))


def _finding(found: Estimates, run: Ints, limit: float) -> Finding:
    i = int(run[0])
    at = int(found.at_s[i])
    far = 366 * DAY_S
    return Finding(
        at, at + int(found.eta_s[i]), at + int(found.soonest_s[i]), at + int(min(found.latest_s[i], far)),
        float(found.slope[i]), float(found.level[i]), limit, 1 - erfc(float(found.z[i]) / sqrt(2)) / 2,
        float(found.tau[i]), int(found.points[i]), int(found.window_s[i]), int(found.at_s[run[-1]]),
    )  # fmt: skip
