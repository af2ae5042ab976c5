"""The same policy, live: a measurement goes in each minute, a number of replicas comes out.

It gives what a replay of the same values gives (a test demands it), but calculates the features of the newest row
only. Fitting to the own past is not its business: the scheduled run starts a new one from a longer history, once
a day, as a replay does.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.demand.choice import WARM_UP, Chooser
from forecasting.demand.fan import EVERY, Calibration, ladder
from forecasting.demand.features import DAY, FLOOR, REACH, ahead, features
from forecasting.demand.recommender import QuantilePolicy
from forecasting.demand.stream import (
    LASTING,
    along,
    checked,
    exceeded,
    horizon_of,
    in_replicas,
    peak_of,
    sustained,
)
from forecasting.demand.weights import shipped
from forecasting.demand.windows import lowest
from forecasting.types import Demand, Floats, Shape


@dataclass(slots=True)
class Online:
    """One workload's forecast. `u` is its recent demand in replicas, `top` and
    `lasting` the highest ever (see highest_so_far), `uncounted` the ladders (logs) of its newest
    rows that the calibration has not counted, `age` the rows since the start."""

    policy: QuantilePolicy
    shape: Shape
    fan: Floats
    calibration: Calibration
    chooser: Chooser
    u: Floats
    top: float
    lasting: float
    uncounted: Floats
    age: int = 0

    @property
    def replicas(self) -> int:
        """What to ask for in the minute after the newest."""
        return self.chooser.replicas

    @classmethod
    def start(cls, history: Demand, shape: Shape, policy: QuantilePolicy) -> "Online":
        """From all of `history.values`. Raises ForecastError
        where the grid is not of minutes or nothing was measured."""
        u = checked(history, shape)
        trail, chooser = along(u, len(u), horizon_of(shape), policy.own), Chooser(shape, policy.risk)
        seen = trail.forecast
        for row in range(max(0, len(seen.ladder) - 1 - WARM_UP), len(seen.ladder)):
            chooser.step(*seen.row(row))
        return cls(
            policy,
            shape,
            trail.fan,
            trail.calibration,
            chooser,
            u[-REACH:],
            float(np.fmax.reduce(u)),
            float(np.fmax.reduce(sustained(u))),
            trail.uncounted,
        )

    def observe(self, cores: float) -> int:
        """The replicas to ask for in the next minute, now that this minute's demand is known (NaN: it is not)."""
        self.heard(cores)
        table = features(self.u, np.array([len(self.u) - 1]), horizon_of(self.shape))
        return self.decide(table.x, table.level)

    def heard(self, cores: float) -> None:
        """Takes in this minute's demand; `decide` must follow."""
        newest = in_replicas(np.array([cores]), self.shape)
        self.u = np.concatenate([self.u, newest])[-REACH:]
        self.top = float(np.fmax(self.top, newest[0]))
        self.lasting = float(np.fmax(self.lasting, lowest(self.u[-LASTING:])))
        self.age += 1
        if self.age % EVERY == 0:
            self._count()

    def decide(self, x: Floats, level: Floats) -> int:
        """The replicas to ask for, from the features `(1, features)` and the level `(1,)` of the newest minute."""
        peak = peak_of(np.array([self.top]), np.array([self.lasting]))
        logs = ladder(shipped().scale.of(x) @ self.fan.T, level, peak)
        self.uncounted = np.concatenate([self.uncounted, logs])
        return self.chooser.step(np.exp(logs[0]) - FLOOR, self.calibration.probabilities, float(peak[0]))

    def as_before(self, times: float, days: int) -> int:
        """The replicas for so many `times` the highest demand that was measured from this minute of the day on, so
        many `days` ago, over a decision's horizon; 0 where nothing was."""
        at = len(self.u) - 1 - days * DAY
        seen = self.u[max(0, at) : max(0, at + horizon_of(self.shape) + 1)]
        highest = float(np.fmax.reduce(seen)) if np.isfinite(seen).any() else 0.0
        return int(np.ceil(highest * times / self.shape.target_util - 1e-9))

    def _count(self) -> None:
        """Judges the rows whose horizon is over by the newest measurement."""
        horizon, newest = horizon_of(self.shape), len(self.u) - 1
        rows = np.arange(newest - len(self.uncounted), newest - horizon + 1)
        over = self.uncounted[: len(rows)]
        if len(rows):
            self.calibration.update(exceeded(ahead(self.u, rows, horizon), over))
        self.uncounted = self.uncounted[len(rows) :]
