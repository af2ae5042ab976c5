"""The figures of an answer against the results that it cites: a cited result holds each of them, or does not.

A figure is cited by the citation that follows it most closely in its sentence (`6 replicas [2]`), else by the last
one before it there, else by the nearest of its paragraph. It is held where a cited result has a number of the same
kind that is written so when it is rounded to the figure's own decimals; a figure without a unit may be any number of
the result as it stands there. Nothing is asked of the model: it may cite what it wants, and is believed nowhere.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from fractions import Fraction
from functools import cache

from agents.ops.evidence.held import Held, held_by
from agents.ops.evidence.written import Written, amounts_of, figures

_CITATION = re.compile(r"\[(\d{1,4}(?:\s*[,–-]\s*\d{1,4})*)\]")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+(?!\[)|\n")
_PARAGRAPH = re.compile(r"\n\s*\n")
_NEAR = Fraction(1, 20)
"""How far a figure may be off that is said to be about so much."""
_MOST_CITED = 20
_MOST = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure at `start` to `end` of the answer, the results that are cited for it, and whether one of them holds
    it."""

    start: int
    end: int
    cited: tuple[int, ...]
    held: bool


@dataclass(frozen=True, slots=True)
class _Citation:
    start: int
    end: int
    numbers: tuple[int, ...]


def checked(text: str, results: Mapping[int, str], zone: tzinfo | None = None) -> tuple[Figure, ...]:
    """The figures of `text`; `results` are those of the thread by number. Times of day may be in UTC, or in `zone`,
    the zone of this machine where it is None. Of a longer text than any answer is, the first 64 Ki characters are
    looked at."""
    text = text[:_MOST]
    cited, known = _Cited(text), dict[int, Held]()

    @cache
    def holds(number: int, one: Written) -> bool:
        if number not in results:
            return False
        if number not in known:
            known[number] = held_by(results[number])
        return _held(one, known[number], zone)

    found = []
    for one in figures(text):
        numbers, written = cited.of(one), replace(one, start=0, end=0)
        found.append(Figure(one.start, one.end, numbers, any(holds(number, written) for number in numbers)))
    return tuple(found)


def _numbers(inner: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in inner.split(","):
        first, *last = (int(n) for n in re.split(r"[–-]", part))
        numbers += range(first, min(last[0] if last else first, first + _MOST_CITED) + 1)
    return tuple(numbers)


class _Cited:
    """The citations of a text, for each of its figures. All is found once: a text may hold thousands of both."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._all = [_Citation(m.start(), m.end(), _numbers(m[1])) for m in _CITATION.finditer(text)]
        self._starts, self._ends = [c.start for c in self._all], [c.end for c in self._all]
        self._borders = [
            ([0, *(m.end() for m in found)], [*(m.start() for m in found), len(text)])
            for found in ([*border.finditer(text)] for border in (_SENTENCE, _PARAGRAPH))
        ]

    def of(self, one: Written) -> tuple[int, ...]:
        """The numbers of the results that are cited for a figure."""
        for starts, ends in self._borders:  # of its sentence, of its paragraph
            start, end = starts[bisect_right(starts, one.start) - 1], ends[bisect_left(ends, one.end)]
            first, behind = bisect_left(self._starts, one.end), bisect_left(self._starts, end)
            if first < behind:
                return self._group(range(first, behind))
            first, behind = bisect_left(self._ends, start), bisect_right(self._ends, one.start)
            if first < behind:
                return self._group(range(behind - 1, first - 1, -1))
        return ()

    def _group(self, ordered: range) -> tuple[int, ...]:
        """The first citation, and those that stand right beside it: `[1][2]`, `[1] and [2]`."""
        kept = [self._all[ordered[0]]]
        for at in ordered[1:_MOST_CITED]:
            one = self._all[at]
            low, high = sorted((kept[-1], one), key=lambda c: c.start)
            if self._text[low.end : high.start].strip(" ,") not in ("", "and", "&"):
                break
            kept.append(one)
        return tuple(dict.fromkeys(number for one in kept for number in one.numbers))


def _held(one: Written, held: Held, zone: tzinfo | None) -> bool:
    if one.clock:
        return _clock_held(one.clock, held, zone)
    half = Fraction(1, 2 * 10**one.places)
    for unit in amounts_of(one):
        value, slack = unit.of(one.number).value, half * unit.scale
        if one.near:
            slack = max(slack, value * _NEAR)
        whole = unit.scale if unit.kind == "seconds" and unit.scale >= 60 else 0  # 12m40s are 12 minutes
        if held.amount_within(unit.kind, value - slack, value + max(slack, whole)):
            return True
    bare = not one.units and not one.counted
    return bare and held.bare_within(one.number - half, one.number + half)


def _clock_held(clock: str, held: Held, zone: tzinfo | None) -> bool:
    hour, minute, *_ = (int(part) for part in clock.split(":"))
    for instant in held.instants:
        for where in (UTC, zone):
            at = datetime.fromtimestamp(instant / 1000, where)
            if (at.hour, at.minute) == (hour, minute):
                return True
    return False
