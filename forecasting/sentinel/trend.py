"""Theil-Sen's slope and Mann-Kendall's trend, for many windows at once.

Sources: P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, J. Am. Stat. Assoc. 63 (1968),
with the interval of its section 6; H. B. Mann, Nonparametric tests against trend, Econometrica 13 (1945);
M. G. Kendall, Rank Correlation Methods (1975): Var S = n (n - 1) (2n + 5) / 18, without ties.
"""

from dataclasses import dataclass

import numpy as np

from forecasting.sentinel.series import row_medians
from forecasting.types import Floats

Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Trend:
    """One entry a window: `slope` a step with its 95 % interval `low`..`high`, `level` on the line at the
    window's last step, `z` and `tau` of Mann-Kendall, `known` points. NaN where fewer than three are known."""

    slope: Floats
    low: Floats
    high: Floats
    level: Floats
    z: Floats
    tau: Floats
    known: Floats


def trends(windows: Floats) -> Trend:
    """The trend of each row; NaN is missing. Rows x columns; about rows x columns^2 / 2 numbers of memory."""
    columns = windows.shape[1]
    first, second = np.triu_indices(columns, 1)
    rise = windows[:, second] - windows[:, first]
    score = np.nansum(np.sign(rise), axis=1)
    slopes = np.sort(rise / (second - first), axis=1)
    known = np.isfinite(windows).sum(axis=1).astype(np.float64)
    pairs = known * (known - 1) / 2
    deviation = np.sqrt(np.maximum(known * (known - 1) * (2 * known + 5) / 18, 1e-9))
    slope = _ranked(slopes, pairs, (pairs - 1) / 2)
    offsets = windows - slope[:, None] * (np.arange(columns) - (columns - 1))
    enough = known >= 3
    z = np.sign(score) * np.maximum(np.abs(score) - 1, 0) / deviation
    reach = Z95 * deviation / 2
    return Trend(
        np.where(enough, slope, np.nan),
        np.where(enough, _ranked(slopes, pairs, pairs / 2 - reach), np.nan),
        np.where(enough, _ranked(slopes, pairs, pairs / 2 + reach), np.nan),
        np.where(enough, row_medians(offsets), np.nan),
        np.where(enough, z, np.nan),
        np.where(enough, score / np.maximum(pairs, 1), np.nan),
        known,
    )


def _ranked(ordered: Floats, count: Floats, rank: Floats) -> Floats:
    """The value at a rank (from 0, between two the mean) among the first `count` of each sorted row."""
    last = np.maximum(count - 1, 0)
    low = np.clip(np.floor(rank), 0, last).astype(np.int64)
    high = np.clip(np.ceil(rank), 0, last).astype(np.int64)
    rows = np.arange(len(ordered))
    found: Floats = (ordered[rows, low] + ordered[rows, high]) / 2
    return found
