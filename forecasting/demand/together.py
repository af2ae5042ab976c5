"""Many live forecasts, a minute at a time: millicores go in, pods come out, each decided as it would be alone.

The features of all are calculated together, since a minute of one workload costs hardly less than one of a hundred.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from forecasting.demand.features import REACH, features
from forecasting.demand.online import Online
from forecasting.demand.recommender import QuantilePolicy
from forecasting.demand.stream import STEP_S, horizon_of
from forecasting.errors import ForecastError
from forecasting.types import Demand, Floats, Ints, Millicores, Shape, in_cores

CHUNK = 256


def begun(history: Millicores, start_s: int, shape: Shape, risk: float) -> Online | None:
    """A live forecast from a past of a point a minute; None where nothing in it was measured."""
    values = in_cores(history)
    try:
        return Online.start(Demand(values, len(values), start_s, STEP_S), shape, QuantilePolicy(risk))
    except ForecastError:
        return None


def observed(each: Sequence[Online], millicores: Millicores) -> list[int]:
    """The pods that each asks for in the next minute, now that this one's demand is known (None: it is not)."""
    found = [0] * len(each)
    for one, cores in zip(each, in_cores(millicores).tolist(), strict=True):
        one.heard(cores)
    for horizon, rows in _groups(np.array([horizon_of(one.shape) for one in each], dtype=np.int64)):
        table = features(_stacked([each[i] for i in rows]), np.array([REACH - 1]), horizon)
        for at, i in enumerate(rows):
            found[i] = each[i].decide(table.x[at], table.level[at])
    return found


def missed(each: Sequence[Online], minutes: int) -> None:
    """Minutes passed in which nobody looked."""
    for _ in range(minutes):
        observed(each, [None] * len(each))


def _groups(horizons: Ints) -> Iterator[tuple[int, list[int]]]:
    """Those of one horizon, some at a time."""
    for horizon in np.unique(horizons).tolist():
        rows = np.flatnonzero(horizons == horizon).tolist()
        yield from ((horizon, rows[i : i + CHUNK]) for i in range(0, len(rows), CHUNK))


def _stacked(each: Sequence[Online]) -> Floats:
    """Their recent demand, `(workloads, REACH)`; what lies before a shorter one is not known."""
    table = np.full((len(each), REACH), np.nan)
    for row, one in zip(table, each, strict=True):
        row[REACH - len(one.u) :] = one.u
    return table
