"""What a result holds: its numbers with their units, what they come to, and its instants."""

import json
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from agents.ops.evidence.amounts import FIELDS, PLAIN, Amount, Unit
from agents.ops.evidence.written import amounts_of, figures

_EPOCH_MS = 10**11
"""A number of milliseconds from here on (1973) is an instant, not a length of time."""
_FIELD = re.compile(r'"(\w{1,64})"\s*:\s*(-?\d{1,24}(?:\.\d{1,9})?)')
_LAST_MS = 253_000_000_000_000
"""In the year 9987: no zone moves it out of the years that there are."""
_DIGITS = 40
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?")
_UNITLESS = frozenset(
    {"points", "missing", "record", "result", "replicas", "ready", "older", "ours", "others", "events"}
)
"""Fields that count, also beside a `unit`."""
_ABOUT_ITSELF = frozenset(
    {"step_s", "bucket_s", "points", "missing", "coverage_ppm", "record", "result", "v", "port"}
)
"""Fields about the result: a bare figure of an answer is none of them."""


@dataclass(slots=True)
class Held:
    """Amounts, the bare numbers as they are written, and instants (Unix ms)."""

    amounts: set[Amount] = field(default_factory=set)
    bare: set[Fraction] = field(default_factory=set)
    instants: set[int] = field(default_factory=set)
    _ordered: dict[str, list[Fraction]] = field(default_factory=dict)
    """By kind, once it is asked for: nothing is added then. The bare numbers stand under no kind."""

    def add(self, number: Fraction, unit: Unit, *, bare: bool = True) -> None:
        """A number of `unit`; with `bare` also one that may be told without it."""
        self.amounts.add(unit.of(number))
        if bare:
            self.bare.add(number)

    def at(self, unix_ms: int) -> None:
        """An instant; one outside of the years that a clock can show is none."""
        if 0 <= unix_ms < _LAST_MS:
            self.instants.add(unix_ms)

    def amount_within(self, kind: str, low: Fraction, high: Fraction) -> bool:
        """Whether it holds an amount of that kind from `low` to `high`."""
        if kind not in self._ordered:
            self._ordered[kind] = sorted(one.value for one in self.amounts if one.kind == kind)
        return _within(self._ordered[kind], low, high)

    def bare_within(self, low: Fraction, high: Fraction) -> bool:
        """Likewise a bare number."""
        if "" not in self._ordered:
            self._ordered[""] = sorted(self.bare)
        return _within(self._ordered[""], low, high)


def _within(ordered: Sequence[Fraction], low: Fraction, high: Fraction) -> bool:
    at = bisect_left(ordered, low)
    return at < len(ordered) and ordered[at] <= high


def held_by(text: str) -> Held:
    """What the text of a result holds: JSON as our tools give it, or any text."""
    held = Held()
    try:
        document = json.loads(text, parse_float=_fraction)
    except (ValueError, RecursionError):
        _cut(text, held)
        return held
    _walk(document, "", None, held)
    now = document.get("now_ms") if isinstance(document, dict) else None
    now = now if isinstance(now, int) else max(held.instants, default=0)
    for at in list(held.instants):
        held.amounts.add(Amount("seconds", Fraction(abs(now - at), 1000)))
    return held


def _cut(text: str, held: Held) -> None:
    """Of JSON that was cut off, and of any other text: its fields with a number, and what is said."""
    for name, number in _FIELD.findall(text):
        _number(Fraction(number), name, None, held)
    _said(text, held)


def _fraction(text: str) -> Fraction:
    """A JSON number with a fraction or an exponent; one that is beyond all measure counts as none."""
    number = Decimal(text)
    return Fraction(number) if abs(number.adjusted()) < _DIGITS else Fraction(0)


def _walk(value: Any, name: str, unit: Unit | None, held: Held) -> None:
    match value:
        case bool() | None:
            return
        case int() | Fraction():
            _number(Fraction(value), name, unit, held)
        case str():
            _said(value, held)
        case dict():
            own = FIELDS.get(str(value.get("unit", "")), unit)
            for key, inner in value.items():
                _walk(inner, key, own, held)
        case list():
            held.add(Fraction(len(value)), PLAIN)
            for inner in value:
                _walk(inner, name, unit, held)
            for key, numbers in _columns(value).items():
                _summed(numbers, key or name, unit, held)


def _number(number: Fraction, name: str, unit: Unit | None, held: Held) -> None:
    if name.endswith("_ms") and number >= _EPOCH_MS:
        held.at(int(number))
        return
    held.add(number, _unit_of(name, unit), bare=name not in _ABOUT_ITSELF)


def _unit_of(name: str, unit: Unit | None) -> Unit:
    if name in _UNITLESS:
        return PLAIN
    return FIELDS.get(name.rpartition("_")[2], PLAIN) if "_" in name else unit or PLAIN


def _columns(rows: list[Any]) -> Mapping[str, list[Fraction]]:
    """The numbers of a list, by the field that they stand in; those of a plain list under no name."""
    found = defaultdict[str, list[Fraction]](list)
    for row in rows:
        for key, value in row.items() if isinstance(row, dict) else (("", row),):
            if isinstance(value, int | Fraction) and not isinstance(value, bool):
                found[key].append(Fraction(value))
    return found


def _summed(numbers: list[Fraction], name: str, unit: Unit | None, held: Held) -> None:
    """Sum, mean, least and greatest of a column may be told, as any reader would work them out."""
    if name.endswith("_ms") and max(numbers) >= _EPOCH_MS:
        return
    total = sum(numbers, Fraction(0))
    for number in (total, total / len(numbers)):
        held.add(number, _unit_of(name, unit), bare=name not in _ABOUT_ITSELF)


def _said(text: str, held: Held) -> None:
    for found in _INSTANT.findall(text):
        held.at(_unix_ms(found))
    for one in figures(text):
        if one.clock:
            held.at(_of_the_day(one.clock))
        for unit in amounts_of(one):
            held.add(one.number, unit)


def _of_the_day(clock: str) -> int:
    """A time of day as an instant of the first day: only its time is looked at."""
    hour, minute, *_ = (int(part) for part in clock.split(":"))
    return (hour * 60 + minute) * 60_000


def _unix_ms(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
