"""The one reader of recorded series: a CSV with a column of times and columns of numbers; lines in, arrays out.

The head names the columns. Times are in `ts`, `timestamp` or `time`, in capitals or not (the first of these that
there is), each in Unix seconds, in seconds from the start, or as RFC 3339. Whether values may be missing, negative
or out of order is the caller's to say.
"""

import csv
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from forecasting.errors import BadTrace
from forecasting.recorded.cells import instant, is_missing, number
from forecasting.recorded.head import Head, head_of
from forecasting.types import Floats


@dataclass(frozen=True, slots=True)
class Accepts:
    """What a file may hold. `gaps`: none; those that are marked (an empty cell, `NaN`, `null`); or any, that is also
    lines that are too short, and infinities. Numbers are at most `most`; times are at most `latest_s` (Unix seconds)
    and rise by a second at least, unless `unordered`. `unit` is what to give and `choose` how to name another column,
    for hints."""

    gaps: Literal["none", "marked", "any"] = "marked"
    negative: bool = False
    unordered: bool = True
    most: float = 1e15
    latest_s: float | None = None
    unit: str = "numbers"
    choose: str = ""


@dataclass(frozen=True, slots=True)
class Samples:
    """Times in seconds, as they come, and the values of each column, NaN where missing. `notes` say what was
    assumed."""

    name: str
    at: Floats
    columns: Mapping[str, Floats]
    notes: tuple[str, ...] = ()


def read(
    lines: Iterable[str],
    name: str,
    columns: Sequence[str],
    accepts: Accepts,
    optional: str | None = None,
) -> Samples:
    """The samples of a CSV; `columns` as in head.py, `optional` a column more, if there is one. Raises BadTrace with
    `name:line`."""
    rows = csv.reader(lines, strict=True)
    try:
        found = _Reader(
            name, head_of(next(rows, []), f"{name}:1", columns, optional, accepts.choose), accepts
        )
        for row in rows:
            if row:
                found.take(row, rows.line_num)
    except csv.Error as e:
        hint = "give lines such as `ts,value`"
        raise BadTrace(f"this is not CSV: {e}", f"{name}:{rows.line_num}", hint) from e
    return found.samples()


@dataclass(slots=True)
class _Reader:
    """Takes line after line."""

    name: str
    head: Head
    accepts: Accepts
    bare: bool = False
    at: "array[float]" = field(default_factory=lambda: array("d"))
    held: "list[array[float]]" = field(init=False)

    def __post_init__(self) -> None:
        self.held = [array("d") for _ in self.head.values]

    def take(self, row: Sequence[str], line: int) -> None:
        where = f"{self.name}:{line}"
        if len(row) != self.head.count:
            self._complete(row, where)
        self.at.append(self._time(_cell(row, self.head.at), where))
        for held, (title, place) in zip(self.held, self.head.values.items(), strict=True):
            beside = f"{where}, column `{title}`" if len(self.held) > 1 else where
            held.append(_value(_cell(row, place), beside, self.accepts))

    def _complete(self, row: Sequence[str], where: str) -> None:
        """`1,5` for one and a half would otherwise be read as one."""
        beyond = any(cell.strip() for cell in row[self.head.count :])
        if beyond or (len(row) < self.head.count and self.accepts.gaps != "any"):
            what = f"{len(row)} fields where the head has {self.head.count}"
            raise BadTrace(what, where, "complete the line; write decimals with a point")

    def _time(self, text: str, where: str) -> float:
        at, bare = instant(text, where)
        latest = self.accepts.latest_s
        if latest is not None and at > latest:
            raise BadTrace(f"`{text}` lies in the future", where, "check the clock of its source")
        if not self.accepts.unordered and self.at and round(at) <= round(self.at[-1]):
            raise BadTrace("times must rise by a second at least", where, "sort the lines by time")
        self.bare |= bare
        return at

    def samples(self) -> Samples:
        if not self.at:
            hint = f"give lines of `ts,{','.join(self.head.values)}` below the head"
            raise BadTrace("there is no sample", self.name, hint)
        arrays = {title: np.array(held) for title, held in zip(self.head.values, self.held, strict=True)}
        notes = ("times without an offset were read as UTC",) if self.bare else ()
        return Samples(self.name, np.array(self.at), arrays, notes)


def _cell(row: Sequence[str], place: int) -> str:
    return row[place].strip() if place < len(row) else ""


def _value(text: str, where: str, accepts: Accepts) -> float:
    value = number(text)
    if value is None and is_missing(text):
        value = math.nan
    if value is not None and 0 <= value <= accepts.most:
        return value
    gaps = accepts.gaps != "none"
    empty = ", or leave the cell empty where it is unknown" if gaps else ""
    if value is None or (math.isnan(value) and not gaps):
        raise BadTrace(f"`{text[:40]}` is not a number", where, f"give {accepts.unit}{empty}")
    if math.isinf(value) and accepts.gaps == "any":
        return math.nan
    if value < 0 and not accepts.negative:
        hint = f"a counter's reset? give its rate{empty}"
        raise BadTrace(f"negative value `{text[:40]}`", where, hint)
    if abs(value) > accepts.most:
        what = f"`{text[:40]}` is not a measurement: larger than {accepts.most:g}"
        raise BadTrace(what, where, f"give {accepts.unit}{empty}")
    return value
