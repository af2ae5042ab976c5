"""The head of a recorded series: which column has the times, and which the values that are asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forecasting.errors import BadTrace

_TIMES = ("ts", "timestamp", "time")
_SEPARATORS = {";": "semicolons", "\t": "tabs"}
ALL = "*"
"""As a column's name: all but the times."""


@dataclass(frozen=True, slots=True)
class Head:
    """How many columns there are, and where: of the times, and of the values by name."""

    count: int
    at: int
    values: Mapping[str, int]


def head_of(
    titles: Sequence[str], where: str, columns: Sequence[str], optional: str | None, choose: str
) -> Head:
    """Times are in the first of `ts`, `timestamp`, `time` (in capitals or not) that there is; `columns` may be ALL,
    `optional` is taken where it is there. Raises BadTrace: a name is not there, or there twice; `choose` is the
    hint of how to give another."""
    head = [title.strip() for title in titles]
    if head:
        head[0] = head[0].removeprefix("\ufeff").strip()
    lower = [title.lower() for title in head]
    called = next((title for title in _TIMES if title in lower), _TIMES[0])
    if lower.count(called) != 1:
        raise _separated(head, where) or _needed(called, head, where, "")
    at = lower.index(called)
    others = [title for i, title in enumerate(head) if i != at and title]
    names = others or ["value"] if ALL in columns else [*dict.fromkeys(columns)]
    names += [optional] if optional in others and optional not in names else []
    for name in names:
        if head.count(name) != 1 or head.index(name) == at:
            raise _needed(name, head, where, choose)
    return Head(len(head), at, {name: head.index(name) for name in names})


def _separated(head: Sequence[str], where: str) -> BadTrace | None:
    """What spreadsheets write that is no CSV of ours."""
    if head and head[0].startswith("sep="):
        hint = "take it out: the first line names the columns"
        return BadTrace("the first line is a spreadsheet's `sep=`", where, hint)
    mark = next((name for one, name in _SEPARATORS.items() if len(head) == 1 and one in head[0]), None)
    if mark is None:
        return None
    hint = "export it with commas, and decimals with a point"
    return BadTrace(f"fields are separated by {mark}, not by commas", where, hint)


def _needed(wanted: str, head: Sequence[str], where: str, choose: str) -> BadTrace:
    there = ", ".join(f"`{title[:40]}`" for title in head[:20]) or "nothing"
    times = "times are in `ts`, `time` or `timestamp`"
    hint = f"{choose}; {times}" if choose else times
    return BadTrace(f"one column `{wanted}` is needed; the head has {there}", where, hint)
