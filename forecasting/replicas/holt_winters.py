"""Holt-Winters: level, trend and a season of one day, updated with each value.

Formula: Holt (1957), Winters (1960), the additive method in its error-correction form as in Hyndman &
Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), 8.3 and 8.5. With less than a day of history there
is not a season (Holt's linear method).
"""

import math

import numpy as np

from forecasting.replicas.sizing import DAY_S, ahead, carried, not_lowered_blindly
from forecasting.types import Demand, Floats, Ints, Shape

ALPHA, BETA, GAMMA = 0.9, 0.001, 0.1
"""Smoothing of level, trend and season: the least absolute error of a grid on half of the public traces a minute
(docs/backtest.md names it)."""


class HoltWinters:
    """Replicas for the highest forecast of the steps that the decision has to carry, at `percent`."""

    def __init__(
        self, percent: float = 70, alpha: float = ALPHA, beta: float = BETA, gamma: float = GAMMA
    ) -> None:
        self.percent, self._weights = percent, (alpha, beta, gamma)
        self.name = f"holt-winters-{percent:g}"

    def replay(self, demand: Demand, shape: Shape) -> Ints:
        """The replicas at each played step."""
        asked = carried(self.forecast(demand, shape), shape, self.percent / 100)
        return not_lowered_blindly(asked, demand)

    def forecast(self, demand: Demand, shape: Shape) -> Floats:
        """The highest forecast demand in cores of the steps ahead of each played step; NaN before anything is
        known."""
        late = -(-shape.lag_s // demand.step_s)
        count = ahead(shape, demand.step_s) + late
        found = np.array(self._forecasts(demand, count))
        start = demand.played - late
        line = np.concatenate([np.full(max(0, -start), np.nan), found[max(0, start) :]])
        return line[: len(demand.values) - demand.played]

    def _forecasts(self, demand: Demand, count: int) -> list[float]:
        """For each step, from what lies before it, the highest of it and the `count` - 1 steps after it."""
        alpha, beta, gamma = self._weights
        season, level = _begin(demand)
        trend, length, found = 0.0, len(season), []
        for t, value in enumerate(demand.values.tolist()):
            found.append(max(level + h * trend + season[(t + h - 1) % length] for h in range(1, count + 1)))
            place = t % length
            if value == value:
                level = value - season[place] if level != level else level
                error = value - (level + trend + season[place])
                level += trend + alpha * error
                trend += beta * error
                season[place] += gamma * error if length > 1 else 0.0
            else:
                level += trend
        return found


def _begin(demand: Demand) -> tuple[list[float], float]:
    """The season of the history's first day around its mean, and that mean; no season without a day."""
    length = DAY_S // demand.step_s
    first = demand.values[:length]
    if demand.played < length or not np.isfinite(first).any():
        return [0.0], math.nan
    mean = float(np.nanmean(first))
    return np.where(np.isnan(first), 0.0, first - mean).tolist(), mean
