"""The figures of an answer against the results that it cites: a cited result holds each of them, or does not.

A figure is cited by the citation that follows it most closely in its sentence (`6 replicas [2]`), else by the last
one before it there, else by the nearest of its paragraph. It is held where a cited result has a number of the same
kind that is written so when it is rounded to the figure's own decimals; a figure without a unit may be any number of
the result as it stands there. Nothing is asked of the model: it may cite what it wants, and is believed nowhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from fractions import Fraction

from agents.ops.evidence.held import Held, held_by
from agents.ops.evidence.written import Written, amounts_of, figures

_CITATION = re.compile(r"\[(\d{1,4}(?:\s*[,–-]\s*\d{1,4})*)\]")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+(?!\[)|\n")
_PARAGRAPH = re.compile(r"\n\s*\n")
_NEAR = Fraction(1, 20)
"""How far a figure may be off that is said to be about so much."""
_MOST_CITED = 20


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
    the zone of this machine where it is None."""
    citations = [_Citation(m.start(), m.end(), _numbers(m[1])) for m in _CITATION.finditer(text)]
    known: dict[int, Held] = {}

    def holds(number: int, one: Written) -> bool:
        if number not in known:
            known[number] = held_by(results.get(number, ""))
        return _held(one, known[number], zone)

    found = []
    for one in figures(text):
        cited = _cited(text, one, citations)
        found.append(Figure(one.start, one.end, cited, any(holds(number, one) for number in cited)))
    return tuple(found)


def _numbers(inner: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in inner.split(","):
        first, *last = (int(n) for n in re.split(r"[–-]", part))
        numbers += range(first, min(last[0] if last else first, first + _MOST_CITED) + 1)
    return tuple(numbers)


def _cited(text: str, one: Written, citations: Sequence[_Citation]) -> tuple[int, ...]:
    for border in (_SENTENCE, _PARAGRAPH):
        start, end = _around(border, text, one)
        after = [c for c in citations if one.end <= c.start < end]
        before = [c for c in citations if start <= c.end <= one.start]
        if after:
            return _group(text, after)
        if before:
            return _group(text, before[::-1])
    return ()


def _around(border: re.Pattern[str], text: str, one: Written) -> tuple[int, int]:
    """Where the sentence or paragraph of a figure begins and ends."""
    starts = [m.end() for m in border.finditer(text) if m.end() <= one.start]
    end = next((m.start() for m in border.finditer(text) if m.start() >= one.end), len(text))
    return (starts[-1] if starts else 0), end


def _group(text: str, ordered: Sequence[_Citation]) -> tuple[int, ...]:
    """The first citation, and those that stand right beside it: `[1][2]`, `[1] and [2]`."""
    kept = [ordered[0]]
    for one in ordered[1:]:
        low, high = sorted((kept[-1], one), key=lambda c: c.start)
        if text[low.end : high.start].strip(" ,") not in ("", "and", "&"):
            break
        kept.append(one)
    return tuple(number for one in kept for number in one.numbers)


def _held(one: Written, held: Held, zone: tzinfo | None) -> bool:
    if one.clock:
        return _clock_held(one.clock, held, zone)
    half = Fraction(1, 2 * 10**one.places)
    for unit in amounts_of(one):
        value, slack = unit.of(one.number).value, half * unit.scale
        if one.near:
            slack = max(slack, value * _NEAR)
        for amount in held.amounts:
            whole = unit.scale if unit.kind == "seconds" and unit.scale >= 60 else 0  # 12m40s are 12 minutes
            if amount.kind == unit.kind and -slack <= amount.value - value <= max(slack, whole):
                return True
    return not one.units and not one.counted and any(abs(n - one.number) <= half for n in held.bare)


def _clock_held(clock: str, held: Held, zone: tzinfo | None) -> bool:
    hour, minute, *_ = (int(part) for part in clock.split(":"))
    for instant in held.instants:
        for where in (UTC, zone):
            at = datetime.fromtimestamp(instant / 1000, where)
            if (at.hour, at.minute) == (hour, minute):
                return True
    return False
