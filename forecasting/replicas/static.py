"""Static peak: as many replicas as the highest demand of the history needs, always."""

import numpy as np

from forecasting.replicas.sizing import carried
from forecasting.types import Demand, Ints, Shape


class Static:
    """What a team sets by hand: the history's peak at `percent` (default: the shape's target utilisation)."""

    def __init__(self, percent: float | None = None) -> None:
        self.percent = percent
        self.name = "static" if percent is None else f"static-{percent:g}"

    def replay(self, demand: Demand, shape: Shape) -> Ints:
        """The same number at each step; the minimum where nothing of the history was measured."""
        history = demand.values[: demand.played]
        known = history[np.isfinite(history)]
        peak = np.array([known.max() if len(known) else np.nan])
        aim = shape.target_util if self.percent is None else self.percent / 100
        return np.full(len(demand.values) - demand.played, carried(peak, shape, aim)[0], dtype=np.int64)
