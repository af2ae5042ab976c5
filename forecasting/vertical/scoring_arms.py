"""Arms that score themselves (after Autopilot: Rzadca et al., EuroSys 2020, section 3.2.2).

An arm is one way to set a limit. All of them are followed all the time, also those that are not in force; each
collects what it would have cost: the share of time in which usage would have exceeded its limit, and its limit
relative to what was used. The one in force is replaced once another is better by `SWITCH`.
"""

import numpy as np

from forecasting.types import Floats, Ints

SWITCH = 0.03
CHANGE = 0.001
"""A change costs a thousandth of what the workload uses in a period."""


def chosen(costs: Floats) -> Ints:
    """The arm in force in each period, from costs (arms, periods) known at its begin. NaN: nothing is known yet,
    the arm stays; before anything is known it is arm 0."""
    picked = np.zeros(costs.shape[1], np.int64)
    now = 0
    for period, cost in enumerate(costs.T):
        if not np.isnan(cost).all():
            best = int(np.nanargmin(cost))
            if not cost[best] >= cost[now] * (1 - SWITCH):
                now = best
        picked[period] = now
    return picked


def costs(limits: Floats, values: Floats, size: int, *, periods: int, weight: float, small: float) -> Floats:
    """Cost of each arm at the begin of each period of `size` steps, over the `periods` before it.

    mean limit / (mean usage + small) + weight x share of time above the limit + `CHANGE` x changes a period;
    arms (arms, steps). `small`, in cores: far below it every core counts the same, whatever the workload's scale.
    """
    measured = np.isfinite(values) & np.isfinite(limits).all(axis=0)
    edges = np.arange(0, len(values), size)
    count = np.add.reduceat(measured.astype(np.float64), edges)
    used = np.add.reduceat(np.where(measured, values, 0.0), edges)
    asked = np.add.reduceat(np.where(measured, limits, 0.0), edges, axis=1)
    above = np.add.reduceat((measured & (values > limits)).astype(np.float64), edges, axis=1)
    turned = np.concatenate([np.zeros((len(limits), 1)), np.diff(limits) != 0], axis=1)
    moves = np.add.reduceat(turned, edges, axis=1)
    n, u, a, o, m = (_before(part, periods) for part in (count, used, asked, above, moves))
    whole = np.minimum(np.arange(len(edges)), periods)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = a / n / np.maximum(u / n + small, 1e-9) + weight * o / n + CHANGE * m / whole
        found: Floats = np.where(n > 0, each, np.nan)
    return found


def _before(sums: Floats, periods: int) -> Floats:
    """The sum of the `periods` values before each, along the last axis."""
    run = np.cumsum(np.concatenate([np.zeros_like(sums[..., :1]), sums], axis=-1), axis=-1)
    begin = np.maximum(0, np.arange(sums.shape[-1]) - periods)
    found: Floats = run[..., :-1] - run[..., begin]
    return found
