"""The recommender: replicas from a calibrated fan of the demand until the next decision has taken effect."""

from dataclasses import dataclass

import numpy as np

from forecasting.demand.choice import WARM_UP, Chooser
from forecasting.demand.stream import forecast
from forecasting.errors import ForecastError
from forecasting.types import Demand, Ints, Shape


@dataclass(frozen=True, slots=True)
class QuantilePolicy:
    """`risk` is the accepted probability that the demand exceeds the target before the next decision has taken
    effect, on average over decisions; lower is safer and dearer. With `own` the weights are fitted to the
    workload's own past where there is enough of it, else the shipped ones serve all."""

    risk: float = 0.02
    own: bool = True
    name: str = "quantile"

    def __post_init__(self) -> None:
        if not 0.0 < self.risk < 1.0:
            raise ForecastError(
                f"a risk of {self.risk:g}",
                where="risk",
                hint="a probability above 0 and below 1, such as 0.02",
            )

    def replay(self, demand: Demand, shape: Shape) -> Ints:
        """See ReplicaRecommender. Before anything was measured the minimum is asked for. Raises ForecastError where
        the grid is not of minutes or nothing at all was measured."""
        seen = forecast(demand, shape, self.own)
        chooser, count = Chooser(shape, self.risk), len(demand.values) - demand.played
        rows = range(max(0, len(seen.ladder) - 1 - count - WARM_UP), len(seen.ladder) - 1)
        asked = [shape.minimum, *(chooser.step(*seen.row(r)) for r in rows)]
        return np.array(asked[len(asked) - count :], dtype=np.int64)
