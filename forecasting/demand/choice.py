"""From a fan to a number of replicas: what each number loses now, and when a better one is worth a change.

A number of replicas loses its price and the probability that the demand exceeds it (the newsvendor's trade; Arrow,
Harris & Marschak, Econometrica 19, 1951). One price for all decisions buys safety where it is cheap and spares it
where it is dear; asking for one probability in all of them costs more for the same violations (*measured*). The
price grows with the accepted `risk`. What is exceeded with more than `CAP` risks shall be carried at any price: a
replica that is missing to it loses `MISSING` times its price.

A change is worth it once staying has lost enough more (regret): up by what this minute alone tells, down by the
last minutes together, the newest most. So noise does not move it, and a deep fall moves it sooner than a shallow
one. That is lazy capacity provisioning (Lin, Wierman, Andrew & Thereska, IEEE/ACM Trans. Networking 21, 2013) with
forecast losses; a fixed hold of ten minutes cost 4 % more at equal violations and as many changes (*measured*).
"""

import math

import numpy as np

from forecasting.types import Floats, Ints, Shape

PRICE, POWER = 1000.0, 1.67
"""The price of as many replicas as the workload's peak is PRICE * risk ** POWER: with it the mean probability
accepted is the risk (*measured* on the traces that it was fixed on)."""
CAP, HIGHEST, MISSING = 2.5, 0.3, 10.0
"""The cap in risks, and the highest that it can be; what a missing replica loses, in prices."""
FADE = 0.5
"""What a minute's losses count for a minute later."""
RAISE, LOWER = 0.03, 0.09
"""Regret that a change up and one down have to be worth, for a price of 1; it grows as the price's root."""
WARM_UP = 60
"""Minutes after which nothing is left of where the chooser began."""
_SINGLE, _STEP = 64, 1.015


def price(risk: float) -> float:
    """What as many replicas as the workload's peak lose."""
    return float(PRICE * risk**POWER)


def cap(risk: float) -> float:
    """The highest probability of being exceeded that is accepted for a price."""
    return min(CAP * risk, HIGHEST)


def worth(ladder: Floats, probabilities: Floats, peak: Floats, risk: float) -> Floats:
    """The replicas (not rounded) that lose least, `(rows,)`, from rungs in replicas `(rows, rungs)`, the
    probability of exceeding each `(rows, rungs)` and the highest need so far `(rows,)`; what was asked for before
    does not count."""
    total = price(risk) * ladder / np.maximum(peak, 1.0)[:, None] + probabilities
    total[:, :-1][probabilities[:, :-1] > cap(risk)] = np.inf
    return np.asarray(np.take_along_axis(ladder, total.argmin(axis=1)[:, None], axis=1)[:, 0])


def candidates(shape: Shape) -> Ints:
    """The numbers of replicas to choose among: each one up to 64, then in steps of 1.5 %."""
    few = np.arange(shape.minimum, min(shape.maximum, _SINGLE) + 1)
    start = max(shape.minimum, _SINGLE)
    count = max(0, int(np.log(max(1.0, shape.maximum / start)) / np.log(_STEP)) + 1)
    many = np.ceil(start * _STEP ** np.arange(count + 1)).astype(np.int64)
    return np.unique(np.concatenate([few, np.minimum(many, shape.maximum)]))


class Chooser:
    """The number of replicas that is asked for, minute by minute."""

    def __init__(self, shape: Shape, risk: float) -> None:
        self._price, self._cap = price(risk), cap(risk)
        self._numbers = candidates(shape)
        self._carried: Floats = np.multiply(self._numbers, shape.target_util, dtype=np.float64)
        self._lost, self._at = np.zeros(len(self._numbers)), 0

    @property
    def replicas(self) -> int:
        """What is asked for."""
        return int(self._numbers[self._at])

    def step(self, ladder: Floats, probabilities: Floats, peak: float) -> int:
        """The number from this minute on, from rungs in replicas `(rungs,)`, the probability of exceeding each, and
        the peak in replicas. Rungs of NaN (the newest demand is not known) move nothing."""
        if not np.isfinite(ladder[0]):
            return self.replicas
        losses = self._losses(ladder, probabilities, self._price / max(peak, 1.0))
        self._lost = FADE * self._lost + losses
        self._move(losses, int(losses.argmin()), math.sqrt(self._price))
        return self.replicas

    def _losses(self, ladder: Floats, probabilities: Floats, each: float) -> Floats:
        must = np.interp(-math.log(self._cap), -np.log(probabilities), ladder)
        missing: Floats = MISSING * np.maximum(0.0, must - self._carried)
        return each * (self._carried + missing) + exceeding(self._carried, ladder, probabilities)

    def _move(self, losses: Floats, best: int, scale: float) -> None:
        at = self._at
        if best > at and losses[at] - losses[best] > RAISE * scale:
            self._at = best
        elif best < at:
            lower = best + int(self._lost[best : at + 1].argmin())
            if self._lost[at] - self._lost[lower] > LOWER * scale:
                self._at = lower


def exceeding(numbers: Floats, ladder: Floats, probabilities: Floats) -> Floats:
    """The probability that the demand exceeds each of ascending `numbers` of replicas: between rungs, and above the
    highest, its logarithm is straight; below the lowest it is 1."""
    logs = np.log(probabilities)
    inner = np.interp(numbers, ladder, logs, left=0.0)
    slope = (logs[-1] - logs[-2]) / max(ladder[-1] - ladder[-2], 1e-9)
    beyond = numbers > ladder[-1]
    logs_of: Floats = np.where(beyond, logs[-1] + slope * (numbers - ladder[-1]), inner)
    return np.exp(logs_of)
