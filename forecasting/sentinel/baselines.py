"""Baselines for comparison: PromQL's `predict_linear`, and a raw Mann-Whitney test of before and after.

No command calls this: tests hold the sentinel against it.
"""

from math import erfc, sqrt

import numpy as np

from forecasting.sentinel.series import Series
from forecasting.types import Floats


def predict_linear(
    series: Series, limit: float, horizon_s: int, range_s: int = 3600
) -> tuple[Floats, Floats]:
    """Least squares over `range_s` as Prometheus has it (promql/functions.go, linearRegression): for each step
    the seconds until the limit (NaN: falls), and 1.0 where `predict_linear(v[1h], horizon) > limit`."""
    n = max(2, range_s // series.step_s)
    padded = np.concatenate([np.full(n - 1, np.nan), series.values])
    rows = np.lib.stride_tricks.sliding_window_view(padded, n)
    t = (np.arange(n) - (n - 1)) * float(series.step_s)
    known = np.isfinite(rows)
    count = np.maximum(known.sum(axis=1), 1)
    x, y = np.where(known, t, 0.0), np.where(known, rows, 0.0)
    sx, sy, sxy, sxx = x.sum(axis=1), y.sum(axis=1), (x * y).sum(axis=1), (x * x).sum(axis=1)
    spread = sxx - sx * sx / count
    slope = (sxy - sx * sy / count) / np.where(spread > 0, spread, np.inf)
    level = sy / count - slope * sx / count
    eta = np.where(slope > 0, (limit - level) / np.where(slope > 0, slope, 1.0), np.nan)
    return eta, ((level + slope * horizon_s > limit) & (known.sum(axis=1) >= 2)).astype(np.float64)


def mann_whitney(before: Floats, after: Floats) -> float:
    """The one-sided p of `after` being larger (normal approximation with ties; H. B. Mann, D. R. Whitney, On a
    test of whether one of two random variables is stochastically larger, Ann. Math. Stat. 18 (1947))."""
    b, a = before[np.isfinite(before)], after[np.isfinite(after)]
    if not len(a) or not len(b):
        return 1.0
    below = np.searchsorted(np.sort(b), a, "left").sum()
    u = (below + np.searchsorted(np.sort(b), a, "right").sum()) / 2
    n = len(a) + len(b)
    _, ties = np.unique(np.concatenate([a, b]), return_counts=True)
    spread = len(a) * len(b) / 12 * (n + 1 - float((ties**3 - ties).sum()) / (n * (n - 1)))
    if spread <= 0:
        return 1.0
    return erfc((float(u) - len(a) * len(b) / 2 - 0.5) / sqrt(2 * spread)) / 2
