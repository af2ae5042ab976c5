"""The rows of a trace in order of time; pure."""

import math
from dataclasses import dataclass

import numpy as np

from forecasting.recorded.rows import Accepts, Samples
from forecasting.types import Floats


@dataclass(frozen=True, slots=True)
class Rows:
    """Timestamps in Unix seconds (or seconds from the start), strictly ascending, and the value of each, NaN
    where it is missing. `notes` say what was put in order."""

    name: str
    at: Floats
    values: Floats
    notes: tuple[str, ...] = ()


def accepts(now_s: int) -> Accepts:
    """What a trace of demand may hold: gaps that are marked, any order, nothing after `now_s`."""
    return Accepts(latest_s=now_s, unit="CPU cores", choose="name the column of the demand with --column")


def ordered(samples: Samples, column: str) -> Rows:
    """One column of it. Rows out of order are sorted; of rows with one timestamp the highest value counts (the one
    that does not lower)."""
    at, values = samples.at, samples.columns[column]
    notes = list(samples.notes)
    if (np.diff(at) < 0).any():
        notes.append("rows out of order were sorted by ts")
    at, place = np.unique(at, return_inverse=True)
    if len(at) < len(values):
        notes.append(f"{len(values) - len(at)} duplicate timestamps: the highest value of each counts")
    highest = np.full(len(at), -math.inf)
    np.fmax.at(highest, place, values)
    return Rows(samples.name, at, np.where(np.isneginf(highest), math.nan, highest), tuple(notes))
