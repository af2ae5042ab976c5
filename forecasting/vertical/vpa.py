"""The Vertical Pod Autoscaler's CPU as a peer (kubernetes/autoscaler vertical-pod-autoscaler 1.8.1).

- pkg/recommender/logic/recommender.go and estimator.go: percentiles .5 / .9 / .95 for lower bound, target and
  upper bound; 15 % margin; the lower bound times (1 + 0.001 / c)^-2, the upper times (1 + 1 / c), c being the
  confidence: the lesser of days of life and samples / 1440; floors of 25 millicores and 250 MiB ("250 MB").
- pkg/recommender/model/types.go: each step of the sum is cut to whole millicores or bytes.
- pkg/updater/priority/{priority_processor,update_priority_calculator}.go: a pod is updated when its request lies
  outside the bounds, or when it lives for 12 hours and the target differs by a tenth of the request.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from forecasting.types import Demand, Floats
from forecasting.vertical.histogram import running
from forecasting.vertical.types import DAY_S

SHARES = (0.5, 0.9, 0.95)
MARGIN = 0.15
LEAST_MILLICORES = 25
LEAST_BYTES = 250 * 1024 * 1024
LIFETIME_S = 12 * 3600
THRESHOLD = 0.1
_AMOUNT_MAX = 1e14


@dataclass(frozen=True, slots=True)
class Vpa:
    """`applied="at once"`: each recommendation is in force the minute it is made (what a resize in place could do
    at best). `"updater"`: as VPA's updater carries them out, whole pods or in place."""

    applied: Literal["at once", "updater"] = "at once"
    floor: bool = True

    @property
    def name(self) -> str:
        return "vpa" if self.applied == "at once" else "vpa-updater"

    def replay(self, demand: Demand) -> Floats:
        """Cores at each played step. `floor=False` leaves VPA's 25 millicores out (for measurements only)."""
        lower, target, upper = bounds(demand, floor=self.floor)
        if self.applied == "updater":
            target = updated(lower, target, upper, demand.step_s)
        return target[demand.played :] / 1000


def bounds(demand: Demand, *, floor: bool = True) -> tuple[Floats, Floats, Floats]:
    """Lower bound, target and upper bound in millicores at each step, NaN before the first sample."""
    # VPA takes its samples in whole millicores.
    values = np.floor(np.maximum(demand.values, 0.0) * 1000 + 1e-9) / 1000
    found = running(values, demand.step_s, SHARES)
    known, confidence = confidences(demand)
    least = float(LEAST_MILLICORES) if floor else 0.0
    low, aim, high = (_estimates(found * 1000, confidence, least)[:, i] for i in range(3))
    return _known(low, known), _known(aim, known), _known(high, known)


def _known(values: Floats, known: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> Floats:
    return np.where(known, values, np.nan)


def confidences(demand: Demand) -> "tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]], Floats]":
    """Before each step: is there a sample at all, and the confidence in days."""
    measured = np.isfinite(demand.values)
    at = np.arange(len(measured)) * demand.step_s
    count = np.concatenate([[0], np.cumsum(measured)[:-1]])
    last = np.concatenate([[0], np.maximum.accumulate(np.where(measured, at, 0))[:-1]])
    first = at[int(np.argmax(measured))] if measured.any() else 0
    return count > 0, np.minimum(np.maximum(0, last - first) / DAY_S, count / 1440)


def _estimates(percentile: Floats, confidence: Floats, least: float) -> Floats:
    """Lower bound, target, upper bound from their percentiles (rows, 3), as amounts."""
    base = amount(percentile)
    with_margin = base + amount(base * MARGIN)
    # No confidence: the lower bound is 0 and the upper without end, so that nothing is evicted.
    days = np.maximum(confidence, 1e-300)
    factors = np.stack(
        [(1 + 0.001 / days) ** -2.0, np.ones_like(days), np.minimum(1 + 1 / days, 1e300)], axis=1
    )
    return np.maximum(amount(with_margin * factors), least)


def amount(values: Floats) -> Floats:
    """Cut to a whole amount between 0 and 1e14 (resourceAmountFromFloat)."""
    return np.clip(np.floor(values), 0.0, _AMOUNT_MAX)


def updated(lower: Floats, target: Floats, upper: Floats, step_s: int) -> Floats:
    """The request in force at each step, when the updater decides. NaN before the first recommendation."""
    found = np.full(len(target), np.nan)
    now, since = np.nan, 0
    for t in range(len(target)):
        if np.isnan(target[t]):
            continue
        apart = abs(now - target[t]) / max(now, 1.0) if now == now else np.inf
        outside = not lower[t] <= now <= upper[t]
        old = (t - since) * step_s >= LIFETIME_S
        if (outside and apart > 0) or (old and apart >= THRESHOLD):
            now, since = target[t], t
        found[t] = now
    return found
