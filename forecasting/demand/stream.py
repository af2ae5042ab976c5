"""The calibrated fan along a series: of every decision of a replay at once, block by block of an hour."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from forecasting.demand.fan import EVERY, NOMINAL, Calibration, ladder
from forecasting.demand.features import FLOOR, ahead, features, outcome
from forecasting.demand.fitting import fitted
from forecasting.demand.weights import shipped
from forecasting.demand.windows import Windows, lowest
from forecasting.errors import ForecastError
from forecasting.types import Demand, Floats, Shape

STEP_S = 60
REFIT = 1440
"""Minutes between two fits to the own past; a multiple of EVERY."""
BEFORE = 7 * 1440
"""Minutes of the past that calibration starts from; a multiple of EVERY."""
LASTING, SPIKE = 3, 2.0
"""Minutes that a demand lasts to count as the workload's size, and how many times that a shorter one may count."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """For each decision from a little before `played` on: rungs in replicas `(rows, rungs)`, NaN where the newest
    demand is not known, the probability of exceeding each, the peak so far `(rows,)`, and what came: the highest
    demand of the horizon `(rows,)`, NaN where it was not measured."""

    ladder: Floats
    probabilities: Floats
    peak: Floats
    came: Floats

    def row(self, at: int) -> tuple[Floats, Floats, float]:
        """What a decision is made from: rungs, their probabilities, the peak."""
        return self.ladder[at], self.probabilities[at], float(self.peak[at])

    def coverage(self, last: int) -> list[tuple[float, float]]:
        """(said, observed) share not exceeded for each rung over the `last` rows: the report of calibration."""
        known = np.isfinite(self.came) & np.isfinite(self.ladder[:, 0])
        known[: max(0, len(known) - last)] = False
        held = (self.came[known, None] <= self.ladder[known]).mean(axis=0)
        said = 1.0 - self.probabilities[known].mean(axis=0)
        return list(zip(said.tolist(), held.tolist(), strict=True))


def forecast(demand: Demand, shape: Shape, own: bool) -> Forecast:
    """The forecast of each decision, causally. The last few are remembered, since a curve over risks asks for the
    same again. Raises ForecastError where the grid is not of minutes or nothing was measured."""
    u = checked(demand, shape)
    return _remembered(u.tobytes(), demand.played, horizon_of(shape), own)


def checked(demand: Demand, shape: Shape) -> Floats:
    """The demand in replicas. Raises ForecastError where it cannot be forecast."""
    if demand.step_s != STEP_S:
        hint = "put the demand on a grid of 60 s: the mean of each minute"
        raise ForecastError(f"a grid of {demand.step_s} s", where="demand", hint=hint)
    u = in_replicas(demand.values, shape)
    if not np.isfinite(u).any():
        raise ForecastError("no demand was measured", where="demand", hint="give a series with numbers in it")
    return u


def in_replicas(values: Floats, shape: Shape) -> Floats:
    """Demand in replicas; what is not a measurement (infinite, negative) is NaN."""
    usable = np.isfinite(values) & (values >= 0)
    return np.where(usable, values, np.nan) / shape.per_replica


def horizon_of(shape: Shape, step_s: int = STEP_S) -> int:
    """Steps that a decision has to carry: start-up, until the next decision, until a measurement is seen; one more
    since a step is over when it is measured."""
    return -(-(shape.startup_s + shape.interval_s + shape.lag_s) // step_s) + 1


@lru_cache(maxsize=4)
def _remembered(u: bytes, played: int, horizon: int, own: bool) -> Forecast:
    return along(np.frombuffer(u), played, horizon, own).forecast


@dataclass(frozen=True, slots=True)
class Trail:
    """What was forecast along a series, and what a live forecast goes on from: the fan in force, the calibration,
    and the ladders (logs) of the rows that it has not counted yet."""

    forecast: Forecast
    fan: Floats
    calibration: Calibration
    uncounted: Floats


def along(u: Floats, played: int, horizon: int, own: bool) -> Trail:
    """The forecasts from the demand `u` in replicas. Row r is what minute r + 1 is decided on; it knows `u[: r + 1]`
    only, and is fitted to and calibrated by outcomes that were over by then."""
    start, weights, rows = max(0, played - 1), shipped(), np.arange(len(u))
    first = max(start - BEFORE, start % EVERY)
    table, y, came = features(u, rows, horizon), outcome(u, rows, horizon), ahead(u, rows, horizon)
    z, prior = weights.scale.of(table.x), weights.fan(horizon)
    peak, logs, said = highest_so_far(u), *np.empty((2, len(u), len(NOMINAL)))
    calibration, fan, counted = Calibration(), prior, first
    for t in range(first, len(u), EVERY):
        known, block = max(counted, t - horizon + 1), slice(t, t + EVERY)
        if own and (t == first or (t > start and (t - start) % REFIT == 0)):
            past = slice(0, max(0, max(t, start) - horizon + 1))
            fan = fitted(z[past], y[past], prior, fan)
        logs[block] = ladder(z[block] @ fan.T, table.level[block], peak[block])
        if t > first:
            calibration.update(exceeded(came[counted:known], logs[counted:known]))
            counted = known
        said[block] = calibration.probabilities
    demand = np.exp(logs[first:]) - FLOOR
    seen = Forecast(demand, said[first:], peak[first:], np.exp(came[first:]) - FLOOR)
    return Trail(seen, fan, calibration, logs[counted:])


def exceeded(came: Floats, ladder: Floats) -> Floats:
    """`(m, rungs)` of 1 and 0 for those rows whose outcome and forecast are known; logs."""
    known = np.isfinite(came) & np.isfinite(ladder[:, 0])
    return np.asarray(came[known, None] > ladder[known], dtype=np.float64)


def highest_so_far(u: Floats) -> Floats:
    """The peak in replicas up to each row, 0 before the first: the highest demand, but no more than `SPIKE` times
    the highest that lasted `LASTING` minutes, so that one wrong sample does not make a workload larger."""
    top, lasting = np.fmax.accumulate(u), np.fmax.accumulate(sustained(u))
    return peak_of(top, lasting)


def peak_of(top: Floats, lasting: Floats) -> Floats:
    """The peak from the highest demand and the highest that lasted; 0 where neither is known."""
    return np.nan_to_num(np.minimum(top, SPIKE * lasting))


def sustained(u: Floats) -> Floats:
    """The demand in replicas that the last `LASTING` minutes did not fall short of, as far as they are known."""
    return lowest(Windows(u, np.arange(u.shape[-1])).of(LASTING))
