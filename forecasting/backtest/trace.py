"""A trace on the minute, from samples of any resolution between a second and an hour; pure.

The grid begins at the first timestamp. The resolution is the median distance of the samples of the first half of
the time, so that the second half's do not change what is known of the first.
- Samples of a minute or finer: a minute's value is the mean of its samples; a minute without one is missing.
  A sample that is alone in its minute may be early or late: it belongs to the minute whose begin is nearest.
- Coarser, up to an hour: a sample holds for the minutes from its own on until the next one, at most for 1.5 times
  the resolution. It is never interpolated: that would know the next sample before its time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.backtest.rows import Rows
from forecasting.errors import BadTrace
from forecasting.recorded.text import stem
from forecasting.types import Demand, Floats, Shape

MINUTE_S = 60
LEAST_MINUTES = 10
_LONGEST_DAYS = 400
_COARSEST_S = 3600
_OFF = 0.1
"""How far from a minute a usual distance may be that is meant to be one."""
PEAK_REPLICAS = 40
"""`--per-replica auto`: the history's peak is 40 replicas."""
SIZES = (1e-9, 1e15)
"""The least and the most cores of a replica."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Demand in cores each minute (NaN: not measured); its second half is played. `notes` say what was done."""

    stem: str
    demand: Demand
    notes: tuple[str, ...] = ()

    @property
    def minutes(self) -> list[int]:
        """The timestamps of what is played."""
        first, played = self.demand.start_s, self.demand.played
        return [first + MINUTE_S * i for i in range(played, len(self.demand.values))]

    @property
    def coverage_ppm(self) -> int:
        """How many of a million minutes were measured."""
        return int(1_000_000 * np.isfinite(self.demand.values).sum()) // len(self.demand.values)

    def shape(self, per_replica: float | None, startup_s: int, target_util: float) -> Shape:
        """The workload; `per_replica` None: the history's peak ÷ 40, and 1 where nothing was asked for."""
        known = self.demand.values[: self.demand.played]
        known = known[np.isfinite(known)]
        if per_replica is None and not len(known):
            hint = "give --per-replica in CPU cores, or a trace with a history"
            raise BadTrace("no value in the first half to take the size of a replica from", self.stem, hint)
        size = max(per_replica or float(known.max()) / PEAK_REPLICAS or 1.0, SIZES[0])
        shape = Shape(size, startup_s=startup_s, target_util=target_util)
        if (peak := np.nanmax(self.demand.values, initial=0)) > size * target_util * shape.maximum:
            what = f"a demand of {peak:g} needs more than {shape.maximum} replicas of {size:g}"
            raise BadTrace(what, self.stem, "give a larger --per-replica")
        return shape


def on_the_minute(rows: Rows) -> Trace:
    """The trace of these rows. Raises BadTrace where they are too few, too coarse or too far apart."""
    name, first = stem(rows.name), int(rows.at[0])
    span = rows.at[-1] - first
    if len(rows.at) < 2:
        raise BadTrace("one sample is not enough", rows.name, f"give at least {LEAST_MINUTES} minutes")
    if span > _LONGEST_DAYS * 86_400:
        hint = "a timestamp that is far off? cut the trace otherwise"
        raise BadTrace(f"it spans {int(span // 86_400)} days, at most {_LONGEST_DAYS}", rows.name, hint)
    past = np.searchsorted(rows.at, first + span / 2, side="right")
    every = float(np.median(np.diff(rows.at[: max(2, past)])))
    if every > _COARSEST_S:
        hint = "give at least a sample an hour"
        raise BadTrace(f"a sample every {int(every)} s is too coarse for minutes", rows.name, hint)
    values = _means(rows, first, every) if every <= (1 + _OFF) * MINUTE_S else _held(rows, first, every)
    if len(values) < LEAST_MINUTES:
        hint = "give a longer trace: half of it is history"
        raise BadTrace(f"{len(values)} minutes, at least {LEAST_MINUTES}", rows.name, hint)
    played = _half(len(values), every)
    return Trace(name, Demand(values, played, first), (*rows.notes, *_notes(values, every)))


def _half(count: int, every: float) -> int:
    """Half of the minutes, at the beginning of a sample."""
    half, each = count // 2, max(1, round(every / MINUTE_S))
    return half - half % each or half


def _means(rows: Rows, first: int, every: float) -> Floats:
    early = MINUTE_S / 2 if every > MINUTE_S / 2 else 0.0
    known = np.isfinite(rows.values)
    count = int((rows.at[-1] - first + early) // MINUTE_S) + 1
    minute = ((rows.at[known] - first + early) // MINUTE_S).astype(np.int64)
    sums = np.bincount(minute, rows.values[known], minlength=count)
    samples = np.bincount(minute, minlength=count)
    return np.where(samples > 0, sums / np.maximum(1, samples), np.nan)


def _held(rows: Rows, first: int, every: float) -> Floats:
    count = int((rows.at[-1] - first + every) // MINUTE_S)
    minute = np.arange(count) * MINUTE_S + first
    last = np.searchsorted(rows.at, minute + MINUTE_S, side="left") - 1
    age = minute - rows.at[last]
    return np.where(age < 1.5 * every, rows.values[last], np.nan)


def _notes(values: Floats, every: float) -> list[str]:
    notes = []
    if abs(every - MINUTE_S) > _OFF * MINUTE_S:
        how = "mean of each minute" if every < MINUTE_S else "each sample held until the next"
        notes.append(f"a sample every {every:g} s: {how}")
    if gaps := int(np.isnan(values).sum()):
        notes.append(f"{gaps} of {len(values)} minutes are missing")
    if not np.nansum(values):
        notes.append("the demand is zero throughout")
    return notes


def of_millicores(name: str, start_s: int, values: Sequence[int | None]) -> Trace:
    """The trace of a metrics history: one figure a minute in millicores, None where it is missing."""
    cores = np.array([np.nan if value is None else value / 1000 for value in values], dtype=np.float64)
    if len(cores) < LEAST_MINUTES or not np.isfinite(cores).any():
        hint = "look with `flyball metrics check`, or go further back with --since"
        raise BadTrace("the metrics history has too little of its CPU", name, hint)
    return Trace(name, Demand(cores, len(cores) // 2, start_s), tuple(_notes(cores, MINUTE_S)))
