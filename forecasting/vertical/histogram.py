"""The decaying exponential histogram of the Vertical Pod Autoscaler (kubernetes/autoscaler
vertical-pod-autoscaler 1.8.1: pkg/recommender/util/{histogram,histogram_options,decaying_histogram}.go).

Bucket n begins at first * (growth^n - 1) / (growth - 1). A sample weighs 2^(time / half-life), so that each
half-life halves what lies before. A percentile is the END of the first bucket at which the running sum of weights
reaches its share of all; of no samples it is 0. VPA's epsilon (weights below 1e-4 of a bucket do not move its
first and last bucket) is left out: it cannot move a percentile that lies inside.
"""

import math
from dataclasses import dataclass

import numpy as np

from forecasting.types import Floats
from forecasting.vertical.types import DAY_S

GROWTH = 1.05
HALF_LIFE_S = DAY_S
_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Buckets:
    """Bounds of the buckets: `first` is the size of the first one, `top` lies in the last."""

    first: float
    top: float

    @property
    def count(self) -> int:
        return math.ceil(math.log(self.top * (GROWTH - 1) / self.first + 1) / math.log(GROWTH)) + 1

    def of(self, values: Floats) -> Floats:
        """The index of the bucket in which each value lies, as floats (NaN stays NaN)."""
        inside = np.floor(np.log(np.maximum(values, 0.0) * (GROWTH - 1) / self.first + 1) / math.log(GROWTH))
        return np.where(values < self.first, 0.0, np.minimum(inside, self.count - 1))

    def end(self, index: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> Floats:
        """Where each bucket ends; for the last, which has no end, where it begins."""
        after = np.minimum(index + 1, self.count - 1)
        found: Floats = self.first * (GROWTH**after - 1) / (GROWTH - 1)
        return found


CPU = Buckets(first=0.01, top=1000.0)
"""In cores (pkg/recommender/model/aggregations_config.go, cpuHistogramOptions)."""
MEMORY = Buckets(first=1e7, top=1e12)
"""In bytes (the same file, memoryHistogramOptions)."""


def running(values: Floats, step_s: int, shares: tuple[float, ...], buckets: Buckets = CPU) -> Floats:
    """Percentiles of all values BEFORE each step, (len(values), len(shares)); 0 where there is none.

    In chunks, each with its own reference time, so that weights neither overflow nor need all rows at once.
    """
    found = np.zeros((len(values), len(shares)))
    held = np.zeros(buckets.count)
    for begin in range(0, len(values), _CHUNK):
        part = values[begin : begin + _CHUNK]
        weights = _weights(part, held, step_s, buckets)
        found[begin : begin + len(part)] = percentiles(weights[:-1], shares, buckets)
        held = weights[-1] * 2.0 ** (-len(part) * step_s / HALF_LIFE_S)
    return found


def _weights(part: Floats, held: Floats, step_s: int, buckets: Buckets) -> Floats:
    """Weights before each step of a chunk, and in one more row those after its last."""
    rows = np.zeros((len(part) + 1, buckets.count))
    rows[0] = held
    measured = np.flatnonzero(np.isfinite(part))
    index = buckets.of(part[measured]).astype(np.int64)
    rows[measured + 1, index] = 2.0 ** (measured * step_s / HALF_LIFE_S)
    return np.cumsum(rows, axis=0)


def percentiles(weights: Floats, shares: tuple[float, ...], buckets: Buckets) -> Floats:
    """The percentile of each row of bucket weights (rows, buckets), for each share: (rows, shares)."""
    sums = np.cumsum(weights, axis=1)
    total = sums[:, -1]
    found = np.zeros((len(weights), len(shares)))
    for column, share in enumerate(shares):
        index = np.minimum((sums < share * total[:, None]).sum(axis=1), buckets.count - 1)
        found[:, column] = np.where(total > 0, buckets.end(index), 0.0)
    return found
