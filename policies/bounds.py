"""Bounds of a rule or a ceiling in one type, and whether a change stays within them. Integers only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from pydantic import BaseModel

from policies.quantities import LEASE, UNITS, shown
from policies.types import Delta

_FIELDS = {
    dimension: "".join(f"_{c.lower()}" if c.isupper() else c for c in dimension) for dimension in UNITS
}


N = TypeVar("N", int, Fraction)


@dataclass(frozen=True, slots=True)
class Bound:
    """Inclusive bounds of one dimension; None is unbounded. Step and factor go from the live value."""

    low: int | None = None
    high: int | None = None
    step: int | None = None
    factor: Fraction | None = None

    def broken_by(self, before: int | None, after: int) -> str | None:
        """The name of the first bound that `after` breaks. An unknown live value breaks step and factor."""
        if self.low is not None and after < self.low:
            return "min"
        if self.high is not None and after > self.high:
            return "max"
        if self.step is not None and (before is None or abs(after - before) > self.step):
            return "maxStep"
        if self.factor is not None and not self._in_proportion(before, after):
            return "maxRatio"
        return None

    def _in_proportion(self, before: int | None, after: int) -> bool:
        if not before or self.factor is None:
            return False
        up, down = self.factor.numerator, self.factor.denominator
        return after * down <= before * up and after * up >= before * down

    def value(self, name: str) -> str:
        """The bound called `name`, as written."""
        return str({"min": self.low, "max": self.high, "maxStep": self.step, "maxRatio": self.factor}[name])

    def met(self, other: "Bound") -> "Bound":
        """What both hold to."""
        return Bound(
            _tighter(max, self.low, other.low),
            _tighter(min, self.high, other.high),
            _tighter(min, self.step, other.step),
            _tighter(min, self.factor, other.factor),
        )

    def wider_than(self, own: "Bound") -> str | None:
        """The name of the first bound given here that lets more through than `own`."""
        if self.low is not None and self.low < (own.low or 0):
            return "min"
        if self.high is not None and own.high is not None and self.high > own.high:
            return "max"
        if self.step is not None and own.step is not None and self.step > own.step:
            return "maxStep"
        if self.factor is not None and own.factor is not None and self.factor > own.factor:
            return "maxRatio"
        return None

    @property
    def empty(self) -> bool:
        """Whether no number at all lies within."""
        return self.low is not None and self.high is not None and self.low > self.high

    def reach(self, before: int | None) -> tuple[int, int] | None:
        """The inclusive range that may be reached from `before`; None where there is none."""
        low, high = self.low or 0, self.high if self.high is not None else 2**53 - 1
        if self.step is not None:
            if before is None:
                return None
            low, high = max(low, before - self.step), min(high, before + self.step)
        if self.factor is not None:
            if not before:
                return None
            up, down = self.factor.numerator, self.factor.denominator
            low, high = max(low, -(-before * down // up)), min(high, before * up // down)
        return (low, high) if low <= high else None


def _tighter(pick: Callable[[N, N], N], one: N | None, other: N | None) -> N | None:
    if one is None or other is None:
        return other if one is None else one
    return pick(one, other)


@dataclass(frozen=True, slots=True)
class Breach:
    """One bound that a change breaks: `limits.replicas.max = 20`, and by how much."""

    dimension: str
    name: str
    detail: str
    distance: int


def bounds_of(limits: BaseModel | None) -> dict[str, Bound]:
    """The bounds of a document's `limits`, by dimension."""
    out: dict[str, Bound] = {}
    for dimension, field in _FIELDS.items():
        part = getattr(limits, field, None)
        if part is not None:
            step, factor = getattr(part, "max_step", None), getattr(part, "max_ratio", None)
            out[dimension] = Bound(part.min, part.max, step, factor)
    return out


def thresholds_of(when: BaseModel) -> dict[str, tuple[int | None, int | None]]:
    """A `when`'s (above, below) by dimension."""
    parts = {dimension: getattr(when, field, None) for dimension, field in _FIELDS.items()}
    return {dimension: (part.above, part.below) for dimension, part in parts.items() if part is not None}


def breach_of(bounds: Mapping[str, Bound], deltas: tuple[Delta, ...], *, closed: bool) -> Breach | None:
    """The first bound that the change breaks. `closed`: a dimension without bounds is a breach too."""
    for delta in deltas:
        bound = bounds.get(delta.dimension)
        if bound is None:
            if closed:
                what = "envelope" if delta.dimension == LEASE else f"limits.{delta.dimension}"
                return Breach(delta.dimension, "missing", f"{what} is not set", 2**53)
            continue
        if delta.after is None:
            return Breach(delta.dimension, "unset", f"limits.{delta.dimension}: may not be unset", 2**53)
        name = bound.broken_by(delta.before, delta.after)
        if name is not None:
            return _breach(bound, name, delta, delta.after)
    return None


def _breach(bound: Bound, name: str, delta: Delta, after: int) -> Breach:
    written = bound.value(name)
    if name in ("min", "max", "maxStep"):
        written = shown(int(written), delta.dimension)
    title = "envelope.longest" if delta.dimension == LEASE else f"limits.{delta.dimension}.{name}"
    reach = bound.reach(delta.before)
    distance = 2**53 if reach is None else max(reach[0] - after, after - reach[1], 0)
    of = f" (container {delta.subject})" if delta.subject else ""
    return Breach(delta.dimension, name, f"{title} = {written}{of}", distance)
