"""From what a source says to a Number: rounded to the safer side, or missing with the reason."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from math import ceil, floor

from tools.metrics.types import SKEW_S, SPECS, STALE_S, Metric, Missing, Number

COVERED_PPM = 900_000
"""The share of the expected pods or samples below which a figure is `partial`: nine of ten."""
MAX_V = 2**53 - 1
"""The largest integer that a record holds; a larger figure is not believed."""

_NOISE = Decimal("0.000001")
_EXACT = Context(prec=60)
_FINITE = re.compile(r"[+-]?[0-9]{1,320}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
_ROUNDING = {"up": ROUND_CEILING, "down": ROUND_FLOOR}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a source said. `text` is the figure in the metric's base unit (None: nothing), `at_ms` the time of the
    newest sample behind it. `covered_ppm` and `expected_ppm` are what it rests on and what it should rest on, in
    millionths of a pod, container or window (`expected_ppm` None: not known); `window_s` is what it is taken
    over, and `partial` says that the source itself misses something."""

    text: str | None
    at_ms: int | None
    covered_ppm: int = 1_000_000
    expected_ppm: int | None = 1_000_000
    window_s: int = 0
    partial: bool = False

    @property
    def coverage_ppm(self) -> int:
        """Nothing expected is nothing covered: of a workload without a ready pod no figure tells what it needs."""
        if not self.expected_ppm:
            return 0
        return min(self.covered_ppm, self.expected_ppm) * 1_000_000 // self.expected_ppm


def number(metric: Metric, said: Measured, now_ms: int) -> Number:
    """The Number, seen at `now_ms`. A wrong clock is reported before a missing part, since it may be the cause."""
    missing, v = _missing(metric, said, now_ms)
    at_ms = said.at_ms
    age_ms = None if at_ms is None else max(now_ms - at_ms, 0)
    coverage_ppm = 0 if said.text is None else said.coverage_ppm
    return Number(metric, SPECS[metric].unit, v, missing, at_ms, age_ms, said.window_s, coverage_ppm)


def _missing(metric: Metric, said: Measured, now_ms: int) -> tuple[Missing, int | None]:
    if said.text is None or said.at_ms is None:
        return ("partial" if said.partial else "no_data"), None
    if said.at_ms > now_ms + SKEW_S * 1000:
        return "future", None
    if said.at_ms < now_ms - STALE_S * 1000:
        return "stale", None
    v = whole(metric, said.text)
    if v is None:
        return "not_a_number", None
    if said.partial or said.coverage_ppm < COVERED_PPM:
        return "partial", None
    return "", v


def whole(metric: Metric, text: str) -> int | None:
    """The figure in the metric's unit, rounded to its safer side; None for what is not a number that a measurement
    can have: NaN, an infinity, less than nothing, more than a record holds.

    Less than a millionth of the unit is a binary fraction's noise (0.18 cores come as 0.18000000000000002).
    """
    if _FINITE.fullmatch(text) is None:
        return None
    spec = SPECS[metric]
    amount = _EXACT.multiply(Decimal(text), Decimal(spec.scale))
    if not 0 <= amount <= MAX_V:
        return None
    quiet = amount.quantize(_NOISE, ROUND_HALF_EVEN, context=_EXACT)
    return int(quiet.to_integral_value(_ROUNDING[spec.rounding], _EXACT))


def wholes(metric: Metric, texts: Sequence[str]) -> list[int | None]:
    """`whole` of each, by binary fractions where these leave no doubt about a figure. Raises TypeError for what is no
    text."""
    told, spec = ",".join(texts), SPECS[metric]
    if not _is_plain(told):
        return [whole(metric, text) for text in texts]
    if "." not in told:
        found = [int(text) * spec.scale for text in texts]
        return [v if v <= MAX_V else None for v in found]
    amounts = [float(text) * spec.scale for text in texts]
    if max(amounts) >= _DOUBTLESS:
        return [whole(metric, text) for text in texts]
    up = spec.rounding == "up"
    amounts = [amount - _HALF for amount in amounts] if up else [amount + _HALF for amount in amounts]
    near = [ceil(amount) for amount in amounts] if up else [floor(amount) for amount in amounts]
    return [
        n if _APART < abs(n - amount) < 1 - _APART else whole(metric, text)
        for n, amount, text in zip(near, amounts, texts, strict=True)
    ]


_HALF, _APART, _DOUBTLESS = 0.5e-6, 1e-7, 1e8
"""Half of what counts as noise; so near to a whole number a fraction below _DOUBTLESS may lie on either side."""


def _is_plain(told: str) -> bool:
    """Whether texts with commas between are all of digits with at most a point among them: as Prometheus writes what
    is neither negative nor infinite nor NaN."""
    bare = told.isascii() and not told.encode().translate(None, b"0123456789.,")
    return bare and _ODD.search(f",{told},") is None


_ODD = re.compile(r",,|,\.|\.,|\.[0-9]*\.|[0-9]{310}")
