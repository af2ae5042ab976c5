"""The Vertical Pod Autoscaler's memory as a peer (kubernetes/autoscaler vertical-pod-autoscaler 1.8.1,
pkg/recommender/model/{container,aggregate_container_state,aggregations_config}.go).

One peak per day and container goes into the histogram, dated at the end of its day; a higher one within the same
day replaces it. An OOM kill is a sample of max(used + 100 MiB, used x 1.2), used being the greater of the request
and the day's measured peak (never an earlier OOM sample, so that kills do not multiply).

No command calls this yet: tests hold `forecasting.vertical.memory` against it.
"""

import numpy as np

from forecasting.types import Floats
from forecasting.vertical.histogram import HALF_LIFE_S, MEMORY, percentiles
from forecasting.vertical.types import DAY_S
from forecasting.vertical.vpa import LEAST_BYTES, MARGIN, SHARES, amount

BUMP_RATIO = 1.2
BUMP_BYTES = 100 * 1024 * 1024
_EMPTY = 1e-4
"""Below it a bucket counts as empty (epsilon = 0.001 x minSampleWeight)."""


class VpaMemory:
    """The state of one container; samples in the order of their times."""

    def __init__(self) -> None:
        self._weights: Floats = np.zeros(MEMORY.count)
        self._reference_s: float | None = None
        self._window_end_s: float | None = None
        self._last_s = float("-inf")
        self._peak = 0.0
        self._oom_peak = 0.0

    def sample(self, at_s: int, used: float) -> None:
        """A measured working set in bytes. NaN, negative and outdated samples are discarded."""
        if used >= 0 and at_s >= self._last_s:
            self._add(at_s, float(np.floor(used)), oom=False)

    def oom(self, at_s: int, requested: int) -> None:
        """A kill at `at_s` while `requested` bytes were asked for; one that is a day older than the newest
        sample is discarded."""
        if at_s < self._last_s - DAY_S:
            return
        used = max(float(requested), self._peak)
        self._add(at_s, max(used + BUMP_BYTES, float(np.floor(used * BUMP_RATIO))), oom=True)

    def _add(self, at_s: int, used: float, *, oom: bool) -> None:
        self._last_s = at_s
        if self._window_end_s is None:
            self._window_end_s = at_s
        if at_s < self._window_end_s:
            before = max(self._peak, self._oom_peak)
            if not (before and used > before):
                return
            self._weigh(before, -1.0)
        else:
            self._window_end_s += (at_s - self._window_end_s) // DAY_S * DAY_S + DAY_S
            self._peak = self._oom_peak = 0.0
        self._weigh(used, 1.0)
        if oom:
            self._oom_peak = used
        else:
            self._peak = used

    def _weigh(self, used: float, weight: float) -> None:
        assert self._window_end_s is not None
        if self._reference_s is None:
            self._reference_s = self._window_end_s
        shift = (self._window_end_s - self._reference_s) / HALF_LIFE_S
        self._weights *= 2.0**-shift
        self._reference_s = self._window_end_s
        bucket = int(MEMORY.of(np.array([used]))[0])
        left = self._weights[bucket] + weight
        self._weights[bucket] = left if left >= _EMPTY else 0.0

    def bytes(self, confidence_days: float) -> tuple[int, int, int]:
        """Lower bound, target and upper bound; the floor alone where nothing was measured.

        `confidence_days` comes from the CPU samples (`vpa.confidences`), as in VPA.
        """
        base = amount(percentiles(self._weights[None, :], SHARES, MEMORY)[0])
        with_margin = base + amount(base * MARGIN)
        days = max(confidence_days, 1e-300)
        factors = np.array([(1 + 0.001 / days) ** -2.0, 1.0, min(1 + 1 / days, 1e300)])
        low, aim, high = np.maximum(amount(with_margin * factors), float(LEAST_BYTES))
        return int(low), int(aim), int(high)
