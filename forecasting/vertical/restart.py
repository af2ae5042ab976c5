"""CPU of a workload whose pods restart for a change: self-scoring arms and a budget of four changes in eight days.

After Autopilot (Rzadca et al., EuroSys 2020, section 3.2.2): each arm is a window, a quantile and a margin; the one
with the least cost on the last fourteen days is followed. Once an hour the request is raised to it when it says a
tenth more (or more at all, after a day with throttling), lowered when it says three tenths less; the last change of
the budget is kept for raising. A pod that was throttled for most of three hours is raised without waiting for the
arm, to at most twice what it had. While figures are missing nothing is lowered.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.types import Bools, Demand, Floats
from forecasting.vertical.in_place import lowerable
from forecasting.vertical.scoring_arms import chosen, costs
from forecasting.vertical.types import DAY_S
from forecasting.vertical.windows import HOUR_S, block_steps, blocks, trailing

DAYS = (7, 1, 3, 14)
SHARES = (0.98, 0.9, 0.95, 0.99, 0.995, 1.0)
MARGINS = (0.15, 0.05, 0.3)
PERIODS = 14 * 24
RAISE, LOWER = 0.1, 0.3
HURT_SHARE = 0.02
REST_S = DAY_S
SPAN_S = 8 * DAY_S
HOT_S, HOT_SHARE, HOT_FACTOR = 3 * HOUR_S, 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Restart:
    """`weight`, `small`, `floor` as in `in_place.InPlace`; at most `changes` in any eight days."""

    weight: float = 45.0
    small: float = 0.1
    floor: float = 0.025
    changes: int = 4
    name: str = "restart"

    def replay(self, demand: Demand) -> Floats:
        """Cores at each played step; NaN before the first measured one."""
        if not np.isfinite(demand.values).any():
            return np.full(len(demand.values) - demand.played, np.nan)
        hour = max(1, HOUR_S // demand.step_s)
        aims = np.maximum(_aims(demand, hour), self.floor)
        wide = np.repeat(aims, hour, axis=1)[:, : len(demand.values)]
        cost = costs(wide, demand.values, hour, periods=PERIODS, weight=self.weight, small=self.small)
        aim = aims[chosen(cost), np.arange(aims.shape[1])]
        return _Walk(demand, hour, self.changes).over(aim)[demand.played :]


def _aims(demand: Demand, hour: int) -> Floats:
    """What each arm would set at the begin of each hour (arms, hours)."""
    size = block_steps(demand.step_s)
    series = blocks(demand.values, size)
    every = max(1, hour // size)
    a_day = max(1, DAY_S // (size * demand.step_s))
    seen = np.concatenate([trailing(series, d * a_day, SHARES, every) for d in DAYS], axis=1).T
    return np.concatenate([seen * (1 + margin) for margin in MARGINS])


class _Walk:
    """The request hour by hour, within the budget."""

    def __init__(self, demand: Demand, hour: int, changes: int) -> None:
        self._demand, self._hour, self._changes = demand, hour, changes
        self._may: Bools = lowerable(demand)
        self._made: list[int] = []
        self._now = float("nan")
        self._found = np.full(len(demand.values), np.nan)

    def over(self, aims: Floats) -> Floats:
        """The request in force at each step."""
        found = self._found
        for number, aim in enumerate(aims):
            begin = number * self._hour
            wanted = max(aim, self._hot(begin)) if aim == aim else aim
            if self._moves(wanted, begin):
                if self._now == self._now:
                    self._made.append(begin)
                self._now = wanted
            found[begin : begin + self._hour] = self._now
        return found

    def _hurt(self, at: int) -> bool:
        """Was it throttled for a noticeable part of the last day?"""
        begin = max(0, at - DAY_S // self._demand.step_s)
        used = self._demand.values[begin:at]
        return bool((used > self._found[begin:at]).sum() >= HURT_SHARE * max(1, np.isfinite(used).sum()))

    def _moves(self, wanted: float, at: int) -> bool:
        if wanted != wanted:
            return False
        if self._now != self._now:
            return True
        left = self._changes - sum((at - made) * self._demand.step_s < SPAN_S for made in self._made)
        if wanted > self._now * (1 if self._hurt(at) else 1 + RAISE):
            return left >= 1
        rested = not self._made or (at - self._made[-1]) * self._demand.step_s >= REST_S
        return bool(wanted < self._now * (1 - LOWER) and left >= 2 and rested and self._may[at])

    def _hot(self, at: int) -> float:
        """What a pod needs that was throttled for most of the last hours; 0 for others."""
        begin = max(0, at - max(1, HOT_S // self._demand.step_s))
        used, limit = self._demand.values[begin:at], self._found[begin:at]
        above = used > limit
        if at == 0 or above.sum() < HOT_SHARE * HOT_S / self._demand.step_s:
            return 0.0
        return float(min(used[above].max() * (1 + MARGINS[1]), HOT_FACTOR * self._now))
