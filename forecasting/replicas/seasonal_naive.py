"""Seasonal-naive: the demand of the same time yesterday.

Formula: Hyndman & Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), 5.2: the forecast for t + h is
the last value of the same season, y[t + h - m], with m of one day. Where yesterday is not known: the naive
forecast, y[t - 1].
"""

import numpy as np

from forecasting.replicas.sizing import DAY_S, ahead, carried, highest_ahead, not_lowered_blindly
from forecasting.types import Demand, Floats, Ints, Shape


class SeasonalNaive:
    """Replicas for yesterday's highest demand of the steps that the decision has to carry, at `percent`."""

    def __init__(self, percent: float = 70) -> None:
        self.percent = percent
        self.name = f"seasonal-{percent:g}"

    def replay(self, demand: Demand, shape: Shape) -> Ints:
        """The replicas at each played step."""
        asked = carried(self.forecast(demand, shape), shape, self.percent / 100)
        return not_lowered_blindly(asked, demand)

    def forecast(self, demand: Demand, shape: Shape) -> Floats:
        """The highest demand in cores of the steps ahead of each played step; NaN where nothing is known."""
        season, count = DAY_S // demand.step_s, ahead(shape, demand.step_s)
        back = 1 - (-shape.lag_s // demand.step_s)
        places = np.arange(demand.played, len(demand.values))
        peaks = _at(highest_ahead(demand.values, count), places - season)
        return np.where(np.isnan(peaks), _at(demand.values, places - back), peaks)


def _at(values: Floats, places: Ints) -> Floats:
    return np.where(places < 0, np.nan, values[np.maximum(places, 0)])
