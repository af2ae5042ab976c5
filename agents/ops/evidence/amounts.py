"""Amounts with what they measure, so that `0.6 cores`, `638m` and `638 millicores` can be told to be one."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from base.quantities import BINARY, SUFFIXES

Kind = Literal["plain", "cores", "bytes", "seconds", "share", "rate"]
"""What an amount measures; its value is in cores, bytes, seconds, parts of one, or one a second."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A value in the base unit of its kind."""

    kind: Kind
    value: Fraction


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of a kind, in its base unit."""

    kind: Kind
    scale: Fraction

    def of(self, number: Fraction) -> Amount:
        """So many of this unit."""
        return Amount(self.kind, number * self.scale)


PLAIN = Unit("plain", Fraction(1))

_MILLI, _MICRO = Fraction(1, 1_000), Fraction(1, 1_000_000)


def _named(kind: Kind, scale: Fraction | int, names: str) -> dict[str, tuple[Unit, ...]]:
    return {name: (Unit(kind, Fraction(scale)),) for name in names.split()}


WRITTEN: Mapping[str, tuple[Unit, ...]] = {
    **_named("share", Fraction(1, 100), "% percent pct"),
    **_named("share", _MICRO, "ppm"),
    **_named("cores", 1, "core cores cpu cpus vcpu vcpus"),
    **_named("cores", _MILLI, "millicore millicores mcore mcores mcpu"),
    **_named("seconds", 1, "s sec secs second seconds"),
    **_named("seconds", _MILLI, "ms msec millisecond milliseconds"),
    **_named("seconds", _MICRO, "us µs μs microsecond microseconds"),
    **_named("seconds", 60, "min mins minute minutes"),
    **_named("seconds", 3_600, "h hr hrs hour hours"),
    **_named("seconds", 86_400, "d day days"),
    **_named("rate", 1, "/s rps qps req/s requests/s"),
    **_named("rate", Fraction(1, 60), "/min rpm req/min requests/min"),
    **_named("bytes", 1, "b byte bytes"),
    **{f"{name}{b}".lower(): (Unit("bytes", Fraction(SUFFIXES[name])),) for name in BINARY for b in ("", "b")},
    **{f"{n}b".lower(): (Unit("bytes", Fraction(SUFFIXES[n])),) for n in ("k", "M", "G", "T")},
    "m": (Unit("cores", _MILLI), Unit("seconds", Fraction(60))),
    "k": (Unit("plain", Fraction(1_000)), Unit("rate", Fraction(1_000))),
    "g": (Unit("bytes", Fraction(10**9)), Unit("bytes", Fraction(2**30))),
}  # fmt: skip
"""Units as people and models write them, in lower case; some can be read in two ways. `GB` is also taken as GiB, as
many tools print it (see `readings`)."""

_LOOSE = {"kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40}


def readings(unit: str) -> tuple[Unit, ...]:
    """What a written unit can mean; none, where there is no unit."""
    name = unit.strip().lower()
    found = WRITTEN.get(name, ())
    return (*found, Unit("bytes", Fraction(_LOOSE[name]))) if name in _LOOSE else found


FIELDS: Mapping[str, Unit] = {
    "millicores": Unit("cores", _MILLI),
    "mc": Unit("cores", _MILLI),
    "bytes": Unit("bytes", Fraction(1)),
    "us": Unit("seconds", _MICRO),
    "ms": Unit("seconds", _MILLI),
    "s": Unit("seconds", Fraction(1)),
    "seconds": Unit("seconds", Fraction(1)),
    "ppm": Unit("share", _MICRO),
    "percent": Unit("share", Fraction(1, 100)),
    "ratio": Unit("share", Fraction(1)),
    "milli/s": Unit("rate", _MILLI),
}
"""Units as the fields of our results end with them, and as their `unit` says it."""
