"""Cost and violations of a choice of CPU.

A container with a limit of L cores gets no more than L x 100 ms of CPU in each period of 100 ms (CFS bandwidth
control, `forecasting.throttling`). Where the mean usage of a step exceeds the limit, the container was
throttled through all of it; that is `throttled`. Within the other steps requests come in bursts: `periods` is the
share of CFS periods that are throttled when they come at random (Poisson, exponential with a mean of 10 ms).
"""

from dataclasses import dataclass

import numpy as np

from forecasting import throttling
from forecasting.types import Demand, Floats
from forecasting.vertical.types import WEEK_S

REQUEST_US = 10_000
_ROUND = 1e-9


@dataclass(frozen=True, slots=True)
class CpuScore:
    """Over the measured steps: core-seconds asked for and of them used, seconds, seconds throttled, periods
    throttled in seconds' worth, and how often the request was changed."""

    asked: float
    used: float
    seconds: float
    throttled_s: float
    periods_s: float
    changes: int

    @property
    def slack(self) -> float:
        """The share of what was asked for that was not used; 0 where nothing was asked for."""
        return 1 - self.used / self.asked if self.asked > 0 else 0.0

    @property
    def throttled(self) -> float:
        """The share of time in which usage exceeded the limit."""
        return self.throttled_s / self.seconds if self.seconds else 0.0

    @property
    def periods(self) -> float:
        """The share of CFS periods that was throttled, by the model."""
        return self.periods_s / self.seconds if self.seconds else 0.0

    @property
    def changes_a_week(self) -> float:
        """Changes of one workload in a week."""
        return self.changes / (self.seconds / WEEK_S) if self.seconds else 0.0


def score(demand: Demand, asked: Floats) -> CpuScore:
    """Judge cores asked for at each played step. Steps that were not measured, or without a request, count
    nowhere."""
    values = demand.values[demand.played :]
    known = np.isfinite(values) & np.isfinite(asked)
    use, limit = values[known], asked[known]
    given = asked[np.isfinite(asked)]
    load = np.divide(use, limit, out=np.where(use > 0, np.inf, 0.0), where=limit > 0)
    return CpuScore(
        asked=float(limit.sum()) * demand.step_s,
        used=float(np.minimum(use, limit).sum()) * demand.step_s,
        seconds=float(len(use)) * demand.step_s,
        throttled_s=float((load > 1 + _ROUND).sum()) * demand.step_s,
        periods_s=float(_periods(load, limit).sum()) * demand.step_s,
        changes=int((np.diff(given) != 0).sum()),
    )


def _periods(load: Floats, limit: Floats) -> Floats:
    """The share of throttled periods of each step."""
    found = np.zeros(len(load))
    quotas = np.maximum(1, np.round(limit * throttling.PERIOD_US)).astype(np.int64)
    for quota in np.unique(quotas):
        here = quotas == quota
        found[here] = throttling.throttled(np.minimum(load[here], 1.0), int(quota), REQUEST_US)
    return found


def together(scores: list[CpuScore]) -> CpuScore:
    """The fleet: slack weighs cores, throttled time weighs workloads alike."""
    return CpuScore(*(sum(getattr(s, name) for s in scores) for name in CpuScore.__slots__))
