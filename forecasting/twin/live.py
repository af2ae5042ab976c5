"""What to ask for now, of many workloads at once: the decision that a replay of the same values makes at this minute.

One workload after the other has its own fit, calibration and patience, exactly as `QuantilePolicy.replay` has them (a
test compares them byte for byte). Above `SINGLY` workloads that would take minutes; then the shipped weights serve
all and the newest row alone is forecast (forecasting.twin.fleet).
"""

import math
from collections.abc import Sequence

import numpy as np

from forecasting.demand.online import Online
from forecasting.demand.recommender import QuantilePolicy
from forecasting.demand.stream import horizon_of
from forecasting.twin.fleet import outlook
from forecasting.types import Demand, Floats, Millicores, Shape, in_cores

SINGLY = 250
"""So many workloads are forecast one by one: about 0.4 s of CPU each."""


def wanted(demands: Sequence[Millicores], shapes: Sequence[Shape], risk: float) -> list[int | None]:
    """Replicas to ask for in the next minute, at the accepted `risk`; None where the newest value is missing, and
    nothing may be decided. Raises ForecastError."""
    usable = [i for i, values in enumerate(demands) if values and values[-1] is not None]
    found: list[int | None] = [None] * len(demands)
    ask = _singly if len(usable) <= SINGLY else _together
    for i, replicas in zip(
        usable, ask([in_cores(demands[i]) for i in usable], [shapes[i] for i in usable], risk), strict=True
    ):
        found[i] = min(max(replicas, shapes[i].minimum), shapes[i].maximum)
    return found


def _singly(demands: Sequence[Floats], shapes: Sequence[Shape], risk: float) -> list[int]:
    policy = QuantilePolicy(risk)
    return [
        Online.start(Demand(values, len(values)), shape, policy).replicas
        for values, shape in zip(demands, shapes, strict=True)
    ]


def _together(demands: Sequence[Floats], shapes: Sequence[Shape], risk: float) -> list[int]:
    longest = max(map(len, demands))
    history = np.full((len(demands), longest), np.nan, dtype=np.float64)
    for row, values in zip(history, demands, strict=True):
        row[longest - len(values) :] = values
    each = np.array([shape.per_replica for shape in shapes])
    seen = outlook(history, each, np.array([horizon_of(shape) for shape in shapes]), 1)
    aims = [shape.target_util for shape in shapes]
    return [math.ceil(need / aim) for need, aim in zip(seen.need(risk).tolist(), aims, strict=True)]
