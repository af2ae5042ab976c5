"""Training of the shipped weights, on generated demand only. The same seed and sizes give the same weights.

Rows count for 1 / noise², the square of how much the workload moves from minute to minute. What a decision loses by
an error of its quantile grows with the square of that error over the spread of the outcome, the pinball loss by one
power of the spread less, and rows of noisy workloads would otherwise settle what calm ones get (*measured*: ten
points fewer violations at the same cost).
"""

from collections.abc import Callable, Sequence

import numpy as np

from forecasting.demand import generated
from forecasting.demand.features import NAMES, features, outcome
from forecasting.demand.regression import fit
from forecasting.demand.weights import HORIZONS, LEVELS, Scale, Weights
from forecasting.types import Floats

SEED, TRACES, ROWS, DAYS = 1, 480, 80, 16
RIDGE = 1e-2
CALM = 0.01
"""Noise that is added to a row's own, so that a still workload does not count for everything."""
_FIRST = 1500


def train(
    seed: int = SEED,
    traces: int = TRACES,
    rows: int = ROWS,
    horizons: tuple[int, ...] = HORIZONS,
    told: Callable[[str], object] = lambda _: None,
) -> Weights:
    """Weights from `rows` random minutes of each of `traces` generated traces of 16 days; `told` hears of what
    is done."""
    fans: dict[int, Floats] = {}
    scale: Scale | None = None
    told(f"{traces} traces of {DAYS} days")
    demand = [generated.trace(seed, index, DAYS) for index in range(traces)]
    for horizon in horizons:
        told(f"horizon {horizon} min: {traces} traces, {len(LEVELS)} quantiles")
        x, y = sample(demand, seed, rows, horizon)
        scale = scale or scaled(x)
        fans[horizon] = fan(scale.of(x), y, counts(x))
    assert scale is not None, "at least one horizon is trained"
    return Weights(
        scale,
        fans,
        {
            "generator": generated.VERSION,
            "seed": seed,
            "traces": traces,
            "rows": rows,
            "days": DAYS,
            "ridge": RIDGE,
            "calm": CALM,
        },
    )


def sample(demand: Sequence[Floats], seed: int, rows: int, horizon: int) -> tuple[Floats, Floats]:
    """Features `(len(demand) * rows, k)` and outcomes at random rows of each series in replicas."""
    x, y = [], []
    for index, u in enumerate(demand):
        draw = np.random.default_rng((seed, index, horizon))
        at = np.sort(draw.choice(np.arange(_FIRST, len(u) - horizon), rows, replace=False))
        x.append(features(u, at, horizon).x)
        y.append(outcome(u, at, horizon))
    return np.concatenate(x), np.concatenate(y)


def counts(x: Floats) -> Floats:
    """What each row of features counts for, `(rows,)`: 1 where the noise is a tenth."""
    return np.asarray((0.1 / (x[:, NAMES.index("noise240")] + CALM)) ** 2)


def scaled(x: Floats) -> Scale:
    """How to standardise features like these; the constant stays 1."""
    mean, spread = x.mean(axis=0), x.std(axis=0)
    mean[0], spread[0] = 0.0, 1.0
    spread[spread < 1e-6] = 1.0
    return Scale(mean, spread)


def fan(z: Floats, y: Floats, count: Floats) -> Floats:
    """One fit a level, towards the plain quantile and searched from the level below, raised by as much as that is
    higher. The pinball loss of a row and its outcome times a factor is that of the row times the factor, so `count`
    goes into both."""
    fits, rows, outcomes = [], z * count[:, None], y * count
    found, prior = np.zeros((2, len(NAMES)))
    for level in LEVELS:
        before, prior = prior, np.zeros(len(NAMES))
        prior[0] = weighted_quantile(y, count, level)
        found = fit(rows, outcomes, level, prior, RIDGE, found + prior - before)
        fits.append(found)
    return np.stack(fits)


def weighted_quantile(y: Floats, count: Floats, level: float) -> float:
    """The least `y` that rows of the share `level` of all `count` do not exceed."""
    order = np.argsort(y, kind="stable")
    upto = np.cumsum(count[order])
    return float(y[order][np.searchsorted(upto, level * upto[-1])])
