"""The rows of a trace file, read strictly: a timestamp and a figure each, or a refusal that names the line; pure."""

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from forecasting.backtest.errors import BadTrace
from forecasting.types import Floats

_MISSING = frozenset({"", "nan", "null", "none", "na"})
_MILLISECONDS = 100_000_000_000
_MOST = 1e15


@dataclass(frozen=True, slots=True)
class Rows:
    """Timestamps in Unix seconds (or seconds from the start), strictly ascending, and the value of each, NaN
    where it is missing. `notes` say what was put in order."""

    name: str
    at: Floats
    values: Floats
    notes: tuple[str, ...] = ()


def read(lines: Iterable[str], name: str, *, column: str, now_s: int) -> Rows:
    """The rows of a CSV with a column `ts` and `column`.

    Rows out of order are sorted; of rows with one timestamp the highest value counts (the one that does not
    lower). Empty, `NaN` and `null` values are missing. Raises BadTrace for anything else that is no trace:
    negative or infinite demand, a timestamp after `now_s`, a line that is no row.
    """
    found = list(_pairs(lines, name, column, now_s))
    if not found:
        raise BadTrace("there is no sample", name, f"give lines of `ts,{column}` below the head")
    at, values = (np.array(one) for one in zip(*found, strict=True))
    notes = [] if (np.diff(at) >= 0).all() else ["rows out of order were sorted by ts"]
    at, place = np.unique(at, return_inverse=True)
    if len(at) < len(values):
        notes.append(f"{len(values) - len(at)} duplicate timestamps: the highest value of each counts")
    highest = np.full(len(at), -math.inf)
    np.fmax.at(highest, place, values)
    return Rows(name, at, np.where(np.isneginf(highest), math.nan, highest), tuple(notes))


def _pairs(lines: Iterable[str], name: str, column: str, now_s: int) -> Iterator[tuple[float, float]]:
    rows = csv.reader(lines, strict=True)
    try:
        head = [title.strip() for title in next(rows, [])]
        places = _places(head, name, column)
        for row in rows:
            if row:
                yield _pair(row, head, places, f"{name}:{rows.line_num}", now_s)
    except csv.Error as e:
        raise BadTrace(f"this is no CSV: {e}", f"{name}:{rows.line_num}", "write `ts,value` lines") from e


def _places(head: list[str], name: str, column: str) -> tuple[int, int]:
    if head and head[0].startswith("\ufeff"):
        head[0] = head[0].removeprefix("\ufeff")
    for wanted in ("ts", column):
        if head.count(wanted) != 1:
            there = ", ".join(f"`{title}`" for title in head) or "nothing"
            hint = "name the column of the demand with --column; timestamps are in `ts`"
            raise BadTrace(f"one column `{wanted}` is needed; the head has {there}", f"{name}:1", hint)
    return head.index("ts"), head.index(column)


def _pair(
    row: list[str], head: list[str], places: tuple[int, int], where: str, now_s: int
) -> tuple[float, float]:
    if len(row) != len(head):
        raise BadTrace(f"{len(row)} fields where the head has {len(head)}", where, "complete the line")
    stamp, text = row[places[0]].strip(), row[places[1]].strip()
    return _timestamp(stamp, where, now_s), _value(text, where)


def _timestamp(text: str, where: str, now_s: int) -> float:
    at = _number(text)
    if at is None or not math.isfinite(at) or at < 0:
        raise BadTrace(f"`{text}` is no timestamp", where, "give Unix seconds, or seconds from the start")
    if at > now_s:
        unit = "these look like milliseconds" if at >= _MILLISECONDS else "check the clock of its source"
        raise BadTrace(f"`{text}` lies in the future", where, f"give Unix seconds up to now; {unit}")
    return at


def _value(text: str, where: str) -> float:
    if text.lower() in _MISSING:
        return math.nan
    value = _number(text)
    if value is None or abs(value) > _MOST:
        raise BadTrace(f"`{text}` is no demand", where, "give CPU cores, or leave it empty where unknown")
    if value < 0:
        hint = "a counter's reset? give its rate; leave the value empty where it is unknown"
        raise BadTrace(f"negative demand `{text}`", where, hint)
    return value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
