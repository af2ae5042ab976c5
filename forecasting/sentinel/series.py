"""Samples as they come (unordered, twice, with holes) made into a grid, and a grid into blocks.

What is missing is NaN and stays missing. Times are Unix seconds; values are of any one unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.errors import ForecastError
from forecasting.types import Floats, Ints

POINTS_MAX = 5_000_000
BLOCK_S, STALE_S = 300, 1800


@dataclass(frozen=True, slots=True)
class Series:
    """Values each `step_s` seconds from `start_s` on, NaN where nothing was measured; `notes` say what was
    repaired on the way here."""

    start_s: int
    step_s: int
    values: Floats
    notes: tuple[str, ...] = ()

    @property
    def end_s(self) -> int:
        """The time of the last value."""
        return self.start_s + (len(self.values) - 1) * self.step_s


def gridded(
    times: Sequence[float] | Floats, values: Sequence[float] | Floats, now_s: int | None = None
) -> Series:
    """The samples in order on a grid of their usual distance.

    Of two samples with one timestamp the later given counts; samples after `now_s` are left out. Raises
    ForecastError: fewer than two moments, or so sparse over so long that the grid would not fit.
    """
    at, v = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    notes = []
    v = np.where(np.isfinite(v), v, np.nan)
    if gone := int((~np.isfinite(at)).sum()):
        notes.append(f"{gone} samples without a time left out")
        v, at = v[np.isfinite(at)], at[np.isfinite(at)]
    if missing := int(np.isnan(v).sum()):
        notes.append(f"{missing} samples without a value")
    if now_s is not None and (late := int((at > now_s).sum())):
        notes.append(f"{late} samples from the future left out")
        v, at = v[at <= now_s], at[at <= now_s]
    if (
        now_s is not None
        and len(at)
        and (old := now_s - float(at[np.isfinite(v)].max(initial=at.min()))) > STALE_S
    ):
        notes.append(f"stale: the newest value is {old:.0f} s old")
    return _on_grid(at, v, notes)


def _on_grid(at: Floats, v: Floats, notes: list[str]) -> Series:
    if len(at) and (backwards := int((np.diff(at) < 0).sum())):
        notes.append(f"{backwards} samples out of order sorted")
    order = np.argsort(at, kind="stable")
    seconds, v = np.rint(at[order]).astype(np.int64), v[order]
    steps = np.diff(seconds)
    if not (steps > 0).any():
        hint = "give at least two hours of samples"
        raise ForecastError("the series has fewer than two moments", hint=hint)
    if twice := int((steps == 0).sum()):
        notes.append(f"{twice} samples with the timestamp of another: the later given counts")
    step = int(np.median(steps[steps > 0]))
    size = int((seconds[-1] - seconds[0]) // step) + 1
    if size > POINTS_MAX:
        hint = "cut the series, or give it at a coarser step"
        raise ForecastError(f"the series spans {size} steps of {step} s", hint=hint)
    grid = np.full(size, np.nan)
    known = np.isfinite(v)
    grid[(seconds[known] - seconds[0]) // step] = v[known]
    return Series(int(seconds[0]), step, grid, tuple(notes))


@dataclass(frozen=True, slots=True)
class Blocks:
    """Medians of blocks of `size_s` seconds, NaN where less than a fifth of a block was measured; `ends_s` is
    when each block was complete."""

    ends_s: Ints
    medians: Floats
    size_s: int


def blocks(series: Series, size_s: int = BLOCK_S) -> Blocks:
    """The series in whole blocks of `size_s` seconds, or of its own step where that is longer."""
    per = max(1, size_s // series.step_s)
    count = len(series.values) // per
    cells = series.values[: count * per].reshape(count, per)
    present = np.isfinite(cells).sum(axis=1)
    medians = row_medians(cells)
    medians[present * 5 < per] = np.nan
    ends = series.start_s + (np.arange(1, count + 1) * per) * series.step_s
    return Blocks(ends.astype(np.int64), medians, per * series.step_s)


def row_medians(cells: Floats) -> Floats:
    """The median of what is known in each row, NaN where nothing is (NaN sorts last)."""
    known = np.isfinite(cells).sum(axis=1)
    ordered = np.sort(cells, axis=1)
    low, high = np.maximum(known - 1, 0) // 2, np.minimum(known // 2, cells.shape[1] - 1)
    rows = np.arange(len(cells))
    middle: Floats = (ordered[rows, low] + ordered[rows, high]) / 2
    return np.where(known > 0, middle, np.nan)
