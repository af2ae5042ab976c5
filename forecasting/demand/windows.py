"""Windows that end at given rows of a series, and reductions that skip what was not measured.

A series is `(..., n)`: one workload, or many in front. Rows are the same ascending indices for all of them. Every
feature of every form (a whole replay, the last row of one workload or of ten thousand) goes through here, so
that a replay and a live decision cannot differ.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from forecasting.types import Floats

Rows = NDArray[np.int64]


class Windows:
    """Cuts windows of one series at `rows`; what lies outside of the series is NaN."""

    def __init__(self, series: Floats, rows: Rows) -> None:
        self._series, self._rows = series, rows

    def of(self, width: int, back: int = 0, every: int = 1) -> Floats:
        """`(..., rows, ceil(width / every))`: the `width` values that end `back` steps before each row, each
        `every`-th of them counted from the newest, oldest first. A negative `back` looks ahead."""
        first, last = int(self._rows[0]) - back - width + 1, int(self._rows[-1]) - back
        held = between(self._series, first, last + 1)
        start = (width - 1) % every
        if len(self._rows) == 1:
            return held[..., None, start::every]
        views = sliding_window_view(held, width, axis=-1)
        if len(self._rows) == last - first - width + 2:
            return views[..., start::every]
        return views[..., self._rows - self._rows[0], start::every]

    def at(self, back: int = 0) -> Floats:
        """`(..., rows)`: the value `back` steps before each row."""
        return self.of(1, back)[..., 0]


def between(series: Floats, first: int, end: int) -> Floats:
    """`series[..., first:end]`, with NaN for what lies outside of it."""
    n = series.shape[-1]
    inside = series[..., min(n, max(0, first)) : max(0, min(n, end))]
    before, after = min(end - first, max(0, -first)), min(end - first, max(0, end - n))
    if not before and not after:
        return inside
    lead = series.shape[:-1]
    return np.concatenate(
        [np.full((*lead, before), np.nan), inside, np.full((*lead, after), np.nan)], axis=-1
    )


def highest(windows: Floats) -> Floats:
    """The maximum of each window; NaN where nothing in it was measured."""
    return np.asarray(np.fmax.reduce(windows, axis=-1))


def lowest(windows: Floats) -> Floats:
    """The minimum of each window; NaN where nothing in it was measured."""
    return np.asarray(np.fmin.reduce(windows, axis=-1))


def average(windows: Floats) -> Floats:
    """The mean of each window's measured values; NaN where there are none."""
    known = np.isfinite(windows)
    count = known.sum(axis=-1)
    total = np.where(known, windows, 0.0).sum(axis=-1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def upper(windows: Floats, levels: tuple[float, ...]) -> list[Floats]:
    """Quantiles of each window by sorting: the measured values' order statistic at `level`, rounded up; NaN
    where nothing was measured."""
    ordered = np.sort(windows, axis=-1)
    count = np.isfinite(ordered).sum(axis=-1)
    place = [np.clip(np.ceil(level * count).astype(np.int64) - 1, 0, None) for level in levels]
    return [np.take_along_axis(ordered, p[..., None], axis=-1)[..., 0] for p in place]
