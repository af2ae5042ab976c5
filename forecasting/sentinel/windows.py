"""Blocks of the past, row by row: the values up to each block, their trend, restarts among them."""

import numpy as np

from forecasting.sentinel.series import row_medians
from forecasting.sentinel.trend import Trend, trends
from forecasting.types import Bools, Floats, Ints

_CHUNK = 1024
"""Rows at once: all pairs of a row's values are held in memory."""


def windows(values: Floats, columns: int, cut: Ints) -> Floats:
    """Row i: the `columns` values up to i, NaN before the restart `cut[i]`."""
    padded = np.concatenate([np.full(columns - 1, np.nan), values])
    rows = np.lib.stride_tricks.sliding_window_view(padded, columns)
    at = np.arange(len(values))[:, None] - np.arange(columns - 1, -1, -1)
    return np.where(at >= cut[:, None], rows, np.nan)


def thinned(values: Floats, columns: int, every: int, cut: Ints) -> Floats:
    """Row i: `columns` medians of `every` values each, up to i."""
    wide = windows(values, columns * every, cut).reshape(-1, every)
    return row_medians(wide).reshape(-1, columns)


def row_trends(rows: Floats) -> Trend:
    """The trend of each row."""
    parts = [trends(rows[i : i + _CHUNK]) for i in range(0, len(rows), _CHUNK)]
    names = Trend.__slots__
    return Trend(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def shifted(values: Floats, by: int) -> Floats:
    """What was known `by` blocks earlier."""
    return np.concatenate([np.full(min(by, len(values)), np.nan), values[: max(0, len(values) - by)]])


def last_fall(values: Floats, columns: int) -> Ints:
    """For each block the index of the newest restart up to it (-1: none): a fall far beyond the usual step."""
    filled = _carried(values)
    step = np.diff(filled, prepend=filled[:1])
    usual = row_medians(windows(np.abs(step), columns, np.full(len(values), -1)))
    usual = shifted(usual, 1)
    fell = (-step > 8 * np.nan_to_num(usual, nan=np.inf)) & (-step > 0.1 * np.abs(shifted(filled, 1)))
    return np.maximum.accumulate(np.where(fell, np.arange(len(values)), -1))


def ran_full(values: Floats, cut: Ints, limit: float, day: int) -> Bools:
    """Where a restart of the last day (and an hour) came at nine tenths of the limit or more."""
    before = shifted(_carried(values), 1)
    at = np.arange(len(values))
    with np.errstate(invalid="ignore"):
        full = (cut == at) & (before >= 0.9 * limit)
    newest = np.maximum.accumulate(np.where(full, at, -2 * day))
    return np.asarray(at - newest <= day + day // 24)


def _carried(values: Floats) -> Floats:
    """The newest known value at each place; NaN before the first."""
    newest = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), -1))
    return np.where(newest >= 0, values[np.maximum(newest, 0)], np.nan)
