"""From a forecast demand to replicas, the same for every recommender that forecasts; pure."""

import numpy as np

from forecasting.types import Demand, Floats, Ints, Shape

DAY_S = 86_400
_ROUNDING = 1e-9


def carried(load: Floats, shape: Shape, aim: float) -> Ints:
    """The fewest replicas that carry `load` cores at the utilisation `aim` (0..1), within the shape's bounds.

    Where the load is not known it is what the step before had; at the beginning the minimum.
    """
    known = np.isfinite(load)
    needed = np.ceil(np.where(known, load, 0) / (shape.per_replica * aim) * (1 - _ROUNDING))
    needed = np.clip(needed, max(1, shape.minimum), shape.maximum).astype(np.int64)
    place = np.maximum.accumulate(np.where(known, np.arange(len(load)), -1))
    held: Ints = np.where(place < 0, max(1, shape.minimum), needed[np.maximum(place, 0)])
    return held


def not_lowered_blindly(asked: Ints, demand: Demand) -> Ints:
    """As asked, but never lower than before while the step before was not measured."""
    blind = (
        ~np.isfinite(demand.values[demand.played - 1 : -1]) if demand.played else np.zeros(len(asked), bool)
    )
    kept = asked.copy()
    for t in np.flatnonzero(blind[: len(asked)]).tolist():
        if t:
            kept[t] = max(kept[t], kept[t - 1])
    return kept


def ahead(shape: Shape, step_s: int) -> int:
    """Steps, from the one decided for, that a decision has to carry: until the pods of the next are ready."""
    return max(1, -(-(shape.startup_s + shape.interval_s) // step_s))


def highest_ahead(values: Floats, count: int) -> Floats:
    """For each step the highest of this and the next `count` - 1 values; NaN where none of them is known."""
    line = np.concatenate([np.where(np.isnan(values), -np.inf, values), np.full(count - 1, -np.inf)])
    found = np.lib.stride_tricks.sliding_window_view(line, count).max(axis=1)
    return np.where(np.isneginf(found), np.nan, found)
