"""The oracle: the fewest replicas without a violation, computed with the future and the start-up time known."""

import numpy as np

from forecasting.replicas.sizing import carried, highest_ahead
from forecasting.types import Demand, Ints, Shape


class Oracle:
    """The lower bound for every recommender: a replica that is ready in a step was asked for in all the steps of its
    start-up, so each step asks for the most that is needed until then. It is not causal, and no policy."""

    name = "oracle"

    def replay(self, demand: Demand, shape: Shape) -> Ints:
        """The replicas at each step; a step that was not measured needs what the one before needed."""
        count = 1 - (-shape.startup_s // demand.step_s)
        played = demand.values[demand.played :]
        needed = carried(played, shape, shape.target_util)
        asked: Ints = highest_ahead(needed.astype(np.float64), count).astype(np.int64)
        return asked
