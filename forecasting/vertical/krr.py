"""Kubernetes Resource Recommender as a peer (robusta-dev/krr, robusta_krr/strategies/simple.py and
robusta_krr/core/models/config.py): the CPU request is the 95th percentile of 14 days, memory the maximum of 14
days and 15 % (with `use_oomkill_data` at least the limit that was too little and 25 %); nothing with fewer than 100
points; not less than 10 millicores and 100 MB. The percentile is Prometheus' `quantile_over_time`: linear between
ranks (core/integrations/prometheus/metrics/cpu.py).

KRR is run from time to time by a person; here once a day, each from the 14 days before it.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.types import Demand, Floats
from forecasting.vertical.types import DAY_S

WINDOW_S = 14 * DAY_S
POINTS = 100
CPU_SHARE = 0.95
CPU_LEAST_MILLICORES = 10
MEMORY_BUFFER = 0.15
OOM_BUFFER = 0.25
MEMORY_LEAST_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class Krr:
    """`floor=False` leaves KRR's 10 millicores out (for measurements only)."""

    floor: bool = True
    name: str = "krr"

    def replay(self, demand: Demand) -> Floats:
        """Cores at each played step; NaN until there are 100 points."""
        found = np.full(len(demand.values), np.nan)
        day, window = max(1, DAY_S // demand.step_s), max(1, WINDOW_S // demand.step_s)
        for t in range(demand.played % day, len(found), day):
            found[t : t + day] = cpu(demand.values[max(0, t - window) : t], floor=self.floor)
        return found[demand.played :]


def cpu(values: Floats, *, floor: bool = True) -> float:
    """Cores for the values of the window, NaN when there are fewer than 100."""
    measured = values[np.isfinite(values)]
    if len(measured) < POINTS:
        return float("nan")
    least = CPU_LEAST_MILLICORES / 1000 if floor else 0.0
    return max(least, float(np.quantile(measured, CPU_SHARE)))


def memory(values: Floats, oom_limit: int = 0) -> int | None:
    """Bytes for the values of the window, None when there are fewer than 100. `oom_limit`: the highest limit under
    which a container was killed, 0 for none or when KRR is not told (its default)."""
    measured = values[np.isfinite(values)]
    if len(measured) < POINTS:
        return None
    asked = max(float(measured.max()) * (1 + MEMORY_BUFFER), oom_limit * (1 + OOM_BUFFER))
    return max(MEMORY_LEAST_BYTES, int(np.ceil(asked)))
