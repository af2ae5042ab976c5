"""Trailing quantiles of usage: what each arm of a recommender looks at.

Usage is taken as the greatest value of each block of five minutes (one step where steps are longer), so that a
window costs the same at any resolution. Row b of every result rests on blocks before b alone.
"""

import numpy as np

from forecasting.types import Demand, Floats
from forecasting.vertical.types import DAY_S

BLOCK_S = 300
HOUR_S = 3600
_CELLS = 1 << 20
"""How many cells of a window table are sorted at once."""
_DAYS_BACK = tuple(range(1, 15))
_WEEKS_BACK = (1, 1, 2, 2, 3, 4)
"""The same hour of the same weekday counts more than once, so that weekends are not taken for weekdays."""
_SHRINK_DAYS = 2.0


def block_steps(step_s: int) -> int:
    """How many steps make a block."""
    return max(1, BLOCK_S // step_s)


def blocks(values: Floats, size: int) -> Floats:
    """The greatest measured value of each block of `size` steps, the last one possibly short; NaN: none."""
    padded = np.full(-(-len(values) // size) * size, -np.inf)
    padded[: len(values)] = np.where(np.isfinite(values), values, -np.inf)
    greatest = padded.reshape(-1, size).max(axis=1)
    return np.where(np.isfinite(greatest), greatest, np.nan)


def trailing(series: Floats, window: int, shares: tuple[float, ...], every: int = 1) -> Floats:
    """Quantiles (the upper of two ranks) of the `window` values before every `every`-th, (rows, len(shares)); NaN
    where none of them was measured."""
    padded = np.concatenate([np.full(window, np.nan), series[:-1]])
    rows = np.lib.stride_tricks.sliding_window_view(padded, window)[::every]
    part = max(1, _CELLS // window)
    return np.concatenate([ranked(rows[i : i + part], shares) for i in range(0, len(rows), part)])


def ranked(rows: Floats, shares: tuple[float, ...]) -> Floats:
    """For each row the least value with at least `share` of the row's measured values at or below it."""
    ordered = np.sort(rows, axis=1)  # NaN last
    count = np.isfinite(rows).sum(axis=1)
    found = np.full((len(rows), len(shares)), np.nan)
    for column, share in enumerate(shares):
        rank = np.clip(np.ceil(share * count - 1e-9).astype(np.int64) - 1, 0, rows.shape[1] - 1)
        found[:, column] = ordered[np.arange(len(rows)), rank]
    return found


def seasonal(series: Floats, demand: Demand, share: float) -> Floats:
    """For each block the quantile of its hour on earlier days, shrunk towards that of the last day.

    Fourteen days back, the same weekday counted again; with n of those days measured the weight of the hour's own
    quantile is n / (n + 2). NaN where the hour was never measured before.
    """
    block_s = block_steps(demand.step_s) * demand.step_s
    hour = (demand.start_s + np.arange(len(series)) * block_s) // HOUR_S
    per_hour = -(-HOUR_S // block_s)
    hours = int(hour[-1] - hour[0]) + 1
    table = np.full((hours, per_hour), np.nan)
    at = hour - hour[0]
    table[at, np.arange(len(series)) - np.searchsorted(at, at)] = series
    own, days = _same_hour(table, share)
    pool = ranked(_last_day(table), (share,))[:, 0]
    weight = days / (days + _SHRINK_DAYS)
    shrunk: Floats = np.where(np.isnan(pool), own, weight * own + (1 - weight) * pool)
    found: Floats = shrunk[at]
    return found


def same_time(series: Floats, block_s: int, shares: tuple[float, ...]) -> Floats:
    """For each block quantiles, over fourteen days back, of what the same minutes of each day saw.

    The same minutes are the block itself and, where blocks are shorter than a quarter of an hour, its neighbours: a
    job that is started by the clock is seldom further off. (len(series), len(shares)); NaN where none of the days
    was measured.
    """
    day = max(1, DAY_S // block_s)
    around = np.fmax(series, np.fmax(_moved(series, 1), _moved(series, -1))) if block_s < 900 else series
    return ranked(np.stack([_moved(around, day * d) for d in _DAYS_BACK], axis=1), shares)


def _moved(series: Floats, by: int) -> Floats:
    """The series `by` blocks later (earlier where negative), NaN where nothing comes."""
    found = np.full_like(series, np.nan)
    if by >= len(series):
        return found
    found[max(by, 0) : len(series) + min(by, 0)] = series[max(-by, 0) : len(series) - max(by, 0)]
    return found


def _same_hour(table: Floats, share: float) -> tuple[Floats, Floats]:
    """The quantile of each hour on the days before, and on how many of fourteen days it was measured."""
    lags = [24 * d for d in _DAYS_BACK] + [168 * w for w in _WEEKS_BACK]
    shifted = [_shifted(table, lag) for lag in lags]
    days = sum(np.isfinite(part).any(axis=1).astype(np.float64) for part in shifted[: len(_DAYS_BACK)])
    return ranked(np.concatenate(shifted, axis=1), (share,))[:, 0], np.asarray(days, dtype=np.float64)


def _last_day(table: Floats) -> Floats:
    return np.concatenate([_shifted(table, lag) for lag in range(1, DAY_S // HOUR_S + 1)], axis=1)


def _shifted(table: Floats, lag: int) -> Floats:
    found = np.full_like(table, np.nan)
    if lag < len(table):
        found[lag:] = table[:-lag]
    return found
