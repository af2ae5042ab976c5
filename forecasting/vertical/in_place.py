"""CPU by resize in place: a quantile of what is used lately and at this hour of earlier days, with hysteresis.

Each arm is a window and quantile, or the hourly-seasonal quantile alone or with one of them, times a margin. An
arm raises at once when usage comes near its limit, and lowers at most every half hour, by a tenth or more; every day
the arm with the least cost on the last fourteen days is taken (`scoring_arms`). While the last hour is not
measured in full, nothing is lowered.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.types import Bools, Demand, Floats
from forecasting.vertical.scoring_arms import chosen, costs
from forecasting.vertical.types import DAY_S
from forecasting.vertical.windows import HOUR_S, block_steps, blocks, same_time, seasonal, trailing

WINDOWS: tuple[tuple[int, tuple[float, ...]], ...] = (
    (3600, (1.0, 0.8)),
    (900, (1.0,)),
    (1800, (1.0,)),
    (7200, (1.0, 0.9)),
    (21_600, (1.0, 0.95, 0.85)),
    (86_400, (1.0, 0.99, 0.95)),
)
"""Seconds and quantiles; the first is what a workload without history begins with."""
MARGINS = (0.12, 0.05, 0.25, 0.5)
SEASONAL_SHARE = 0.95
CLOCK_SHARES = (0.5, 0.8)
WITH_SEASON = (1, 2, 4)
"""The rows of WINDOWS that are raised to the seasonal quantiles."""
BAND = 0.1
HOLD_S = 1800
PERIODS = 14


@dataclass(frozen=True, slots=True)
class InPlace:
    """`weight`: what a share of time above the limit costs, in multiples of the mean usage. `small` cores: see
    `scoring_arms.costs`. `floor` cores are always asked for."""

    weight: float = 25.0
    small: float = 0.1
    floor: float = 0.025
    name: str = "in-place"

    def replay(self, demand: Demand) -> Floats:
        """Cores at each played step; NaN before the first measured one."""
        if not np.isfinite(demand.values).any():
            return np.full(len(demand.values) - demand.played, np.nan)
        may = lowerable(demand)
        hold = max(1, HOLD_S // demand.step_s)
        limits = np.maximum(held(*targets(demand), may, hold), self.floor)
        day = max(1, DAY_S // demand.step_s)
        cost = costs(limits, demand.values, day, periods=PERIODS, weight=self.weight, small=self.small)
        arm = np.repeat(chosen(cost), day)[: len(demand.values)]
        joined = limits[arm, np.arange(len(arm))]
        return _settled(joined, may)[demand.played :]


def lowerable(demand: Demand) -> Bools:
    """At which steps something may be lowered: the whole hour before was measured."""
    need = max(1, HOUR_S // demand.step_s)
    run = np.concatenate([[0], np.cumsum(np.isfinite(demand.values))])
    at = np.arange(len(demand.values))
    found: Bools = (at >= need) & (run[at] - run[np.maximum(0, at - need)] == need)
    return found


def levels(demand: Demand) -> Floats:
    """What each arm sees at each step (arms without margins, steps), from the steps before."""
    size = block_steps(demand.step_s)
    series = blocks(demand.values, size)
    rows: list[Floats] = []
    for window_s, shares in WINDOWS:
        seen = trailing(series, max(1, window_s // (size * demand.step_s)), shares)
        for column, share in enumerate(shares):
            wide = np.repeat(seen[:, column], size)[: len(demand.values)]
            rows.append(np.fmax(wide, _within_block(demand.values, size)) if share == 1.0 else wide)
    season = seasonal(series, demand, SEASONAL_SHARE)
    clock = same_time(series, size * demand.step_s, CLOCK_SHARES)
    often = [np.repeat(row, size)[: len(demand.values)] for row in (season, *clock.T)]
    return np.array([*rows, often[0], *(np.fmax(rows[i], row) for row in often for i in WITH_SEASON)])


def _within_block(values: Floats, size: int) -> Floats:
    """The greatest of the values of the same block before each step, NaN for the first."""
    padded = np.full(-(-len(values) // size) * size, np.nan)
    padded[: len(values)] = values
    table = padded.reshape(-1, size)
    before = np.concatenate([np.full((len(table), 1), np.nan), table[:, :-1]], axis=1)
    found: Floats = np.fmax.accumulate(before, axis=1).ravel()[: len(values)]
    return found


def targets(demand: Demand) -> tuple[Floats, Floats]:
    """What each arm would set (arms, steps), and the level at which it must be raised."""
    seen = levels(demand)
    wanted = np.concatenate([seen * (1 + margin) for margin in MARGINS])
    needed = np.concatenate([seen * (1 + margin / 2) for margin in MARGINS])
    return wanted, needed


def held(wanted: Floats, needed: Floats, may_lower: Bools, hold: int) -> Floats:
    """The limit of each arm at each step: raised at once when `needed` exceeds it, lowered by a tenth or more and
    no earlier than `hold` steps after its last change."""
    found = np.empty_like(wanted)
    now = np.full(len(wanted), np.nan)
    since = np.zeros(len(wanted), np.int64)
    for t in range(wanted.shape[1]):
        want = wanted[:, t]
        change = (needed[:, t] > now) | np.isnan(now)
        if may_lower[t]:
            change |= (want < now * (1 - BAND)) & (since >= hold)
        change &= ~np.isnan(want)
        now = np.where(change, want, now)
        since = np.where(change, 0, since + 1)
        found[:, t] = now
    return found


def _settled(limits: Floats, may_lower: Bools) -> Floats:
    """The same, but a change of arms does not lower either while figures are missing."""
    found = limits.copy()
    for t in range(1, len(found)):
        if not may_lower[t] and found[t - 1] > found[t]:
            found[t] = found[t - 1]
    return found
