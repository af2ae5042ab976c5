"""The fan: a ladder of rungs (demands), each with the probability that the demand exceeds it.

The rungs are the quantiles that the weights forecast, one between each two, and some above the highest. What a
model says of a rung's probability is held against what happened: the share of recent forecasts whose rung was
exceeded (split conformal: the rank of a score among those of the recent past, on a window that moves with the
series; Papadopoulos et al. 2002; Gibbs & Candès 2021 on why it has to move), weighed with the nominal
probability as if that had been seen `PRIOR` times before. Thus calibration holds rung by rung, also under drift.
"""

import numpy as np

from forecasting.demand.features import FLOOR
from forecasting.demand.weights import LEVELS
from forecasting.types import Floats

BEYOND = (0.35, 0.8, 1.5)
"""Rungs above the highest quantile, in spreads of the quantiles, each e^-2 times as likely a spread."""
SURGE = 2.0
"""How many times the highest that was seen a rung may be."""
PRIOR, HALF_LIFE, EVERY = 2000.0, 1440, 60
"""Forecasts that the nominal probability counts for; minutes until what happened counts half; between updates."""


def _nominal() -> Floats:
    exceed = np.log(1.0 - np.array(LEVELS))
    between = (exceed[1:] + exceed[:-1]) / 2
    inner = np.column_stack([exceed[:-1], between]).ravel()
    return np.asarray(np.exp(np.concatenate([inner, exceed[-1:], exceed[-1] - 2 * np.array(BEYOND)])))


NOMINAL = _nominal()
"""`(rungs,)`: the probability of exceeding each rung, as the model says."""


def rungs(quantiles: Floats) -> Floats:
    """`(..., rungs)` ascending from forecast logs `(..., levels)`; crossing quantiles are put in order."""
    q = np.maximum.accumulate(quantiles, axis=-1)
    between = (q[..., 1:] + q[..., :-1]) / 2
    inner = np.stack([q[..., :-1], between], axis=-1).reshape(*q.shape[:-1], -1)
    top = q[..., -1:]
    return np.concatenate([inner, top, top + np.array(BEYOND) * (top - q[..., 2:3])], axis=-1)


def ladder(quantiles: Floats, level: Floats, peak: Floats) -> Floats:
    """The rungs `(rows, rungs)` as logs of floored demand, from forecast logs `(rows, levels)` over the level
    `(rows,)`. None is above `SURGE` times the level or the peak (both floored): what lies beyond everything seen is
    not read off a straight line."""
    highest = SURGE * np.maximum(level, peak + FLOOR)
    return np.asarray(np.minimum(rungs(quantiles) + np.log(level)[:, None], np.log(highest)[:, None]))


class Calibration:
    """Probabilities of exceeding each rung, from what was exceeded."""

    def __init__(self) -> None:
        self._exceeded, self._seen = np.zeros(len(NOMINAL)), 0.0

    def update(self, exceeded: Floats) -> None:
        """Takes in what `EVERY` minutes brought: `(m, rungs)` of 1 and 0 for the outcomes that were measured."""
        keep = 0.5 ** (EVERY / HALF_LIFE)
        self._exceeded = self._exceeded * keep + exceeded.sum(axis=0)
        self._seen = self._seen * keep + len(exceeded)

    @property
    def probabilities(self) -> Floats:
        """`(rungs,)`."""
        return np.asarray((self._exceeded + PRIOR * NOMINAL) / (self._seen + PRIOR))
