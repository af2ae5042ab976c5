"""Cost and violations of a choice of replicas: a simulation in steps of 15 s with start-up; pure."""

import numpy as np

from forecasting.types import Demand, Floats, Ints, Score, Shape

STEP_S = 15
_ROUNDING = 1e-9


def score(asked: Ints, demand: Demand, shape: Shape) -> Score:
    """The score of `asked`, which has one number for each step of `demand.values[played:]`, or for each 15 s.

    Demand holds during its step. A step without a measured demand costs, and violates nothing. What is asked for
    at first is ready from the beginning. Raises ValueError where the lengths do not fit.
    """
    played = demand.values[demand.played :]
    each = demand.step_s // STEP_S
    if len(asked) not in (len(played), each * len(played)):
        raise ValueError(f"{len(asked)} numbers of replicas for {len(played)} steps")
    fine = asked if len(asked) == each * len(played) else np.repeat(asked, each)
    above = violated(np.repeat(played, each), ready(fine, shape.startup_s), shape)
    return Score(
        cost=float(fine.sum()) * STEP_S / 3600,
        violations=float(above.sum()) * STEP_S / 60,
        actions=int(np.count_nonzero(np.diff(asked))),
    )


def ready(asked: Ints, startup_s: int) -> Ints:
    """The replicas that are ready during each 15 s: asked for since `startup_s`. When replicas are taken away
    the youngest go first (as a ReplicaSet does), so this is the least that was asked for in that time."""
    back = -(-startup_s // STEP_S)
    if not len(asked) or not back:
        return asked
    line = np.concatenate([np.full(back, asked[0]), asked])
    least: Ints = np.lib.stride_tricks.sliding_window_view(line, back + 1).min(axis=1)
    return least


def violated(load: Floats, pods: Ints, shape: Shape) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where the demand exceeds what the ready replicas carry at the target utilisation."""
    carried = pods * (shape.per_replica * shape.target_util) * (1 + _ROUNDING)
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = load > carried
    return found
