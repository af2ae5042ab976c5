"""Kubernetes quantities, parsed exactly: text to Decimal, and to the integers that records hold.

The grammar is that of k8s.io/apimachinery/pkg/api/resource: a signed ASCII decimal and one suffix, which is
binary (Ki to Ei), decimal (n, u, m, none, k to E) or an exponent (e3, E3).
"""

import re
from collections.abc import Sequence
from decimal import ROUND_CEILING, Context, Decimal

INTEGER_MAX = 2**53 - 1
"""The largest integer that a record holds. Larger amounts saturate, as Kubernetes' own do at 2**63-1."""

_LIMIT = Decimal(INTEGER_MAX)
_EXACT = Context(prec=100, rounding=ROUND_CEILING)
_GRAMMAR = re.compile(
    r"([+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40}))"
    r"(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?[0-9]{1,3}))?"
)
BINARY = ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki")
"""Suffixes of bytes, largest first."""
SUFFIXES = {name: Decimal(1024) ** power for power, name in enumerate(reversed(BINARY), 1)}
SUFFIXES |= {name: Decimal(1000) ** power for power, name in enumerate(("n", "u", "m", "", "k", "M"), -3)}
SUFFIXES |= {name: Decimal(1000) ** power for power, name in enumerate(("G", "T", "P", "E"), 3)}
"""Each suffix and what it multiplies by."""


_MOST_MILLICORES = 128_000
_LEAST_MILLICORES = 10
_LEAP = 64


class QuantityInvalid(ValueError):
    """The text is not a Kubernetes quantity."""


def parse(text: str | int | float) -> Decimal:
    """The amount in the resource's own unit (cores, bytes), exactly; JSON numbers are taken as they print.

    Raises QuantityInvalid.
    """
    matched = _GRAMMAR.fullmatch(str(text))
    if matched is None or isinstance(text, bool):
        raise QuantityInvalid(
            f"`{str(text)[:64]}` is not a Kubernetes quantity (such as 250m, 1.5, 512Mi or 1e3)"
        )
    number, suffix, exponent = matched.groups()
    scale = Decimal(10) ** int(exponent) if exponent else SUFFIXES[suffix or ""]
    return _EXACT.multiply(Decimal(number), scale)


def millicores(text: str | int | float) -> int:
    """CPU in millicores, rounded up as Kubernetes rounds (`Quantity.MilliValue`). Raises QuantityInvalid."""
    return _ceiling(_EXACT.multiply(parse(text), Decimal(1000)))


def whole_bytes(text: str | int | float) -> int:
    """Memory in bytes, rounded up (`Quantity.Value`). Raises QuantityInvalid."""
    return _ceiling(parse(text))


def asked_bytes(text: str | int | float) -> int:
    """Memory in bytes as a person asks for it: `whole_bytes`, but less than a byte is refused where the unit is a
    byte or smaller, for `512m` is half a byte and meant as `512Mi`. Of a larger unit it is rounded up (`1.1Gi`).

    Raises QuantityInvalid.
    """
    amount, matched = parse(text), _GRAMMAR.fullmatch(str(text))
    suffix = (matched and matched[2]) or ""
    if SUFFIXES[suffix] <= 1 and amount != amount.to_integral_value(context=_EXACT):
        meant = f" (did you mean {str(text)[:-1]}Mi?)" if suffix == "m" else ""
        raise QuantityInvalid(f"`{str(text)[:64]}` is finer than one byte{meant}")
    return _ceiling(amount)


def format_millicores(amount: int) -> str:
    """CPU as Kubernetes writes it: `250m`, `1500m`, `2`."""
    cores, rest = divmod(amount, 1000)
    return f"{amount}m" if rest else str(cores)


def meant_millicores(asked: int, now: int | None = None) -> str:
    """`600m`, where 600 whole cores are probably a slip for it; empty where the amount is plausible.

    Both are millicores, `now` what there is at present. More than 128 cores are more than most nodes have. More than
    64 times what there is now is a leap that nobody makes, where the same figure in millicores is nearer to it and is
    written by people (10m). It is a hint only: the amount stays what was asked for.
    """
    cores, rest = divmod(asked, 1000)
    if rest:
        return ""
    leaps = now and cores >= _LEAST_MILLICORES and asked > _LEAP * now and cores * asked > now**2
    return f"{cores}m" if asked > _MOST_MILLICORES or leaps else ""


def format_bytes(amount: int, suffixes: Sequence[str] = BINARY) -> str:
    """Memory as Kubernetes writes it, exactly: by the first of `suffixes` that divides it, else plain."""
    for suffix in suffixes:
        unit = int(SUFFIXES[suffix])
        if amount and amount % unit == 0:
            return f"{amount // unit}{suffix}"
    return str(amount)


def spelled_bytes(amount: int) -> str:
    """Memory for a person, exactly and always with a unit: `512Mi`, `1 byte`, `1000 bytes`."""
    text = format_bytes(amount)
    return text if not text.isdigit() else f"{text} byte" + ("s" if amount != 1 else "")


def rounded_bytes(amount: int) -> str:
    """Memory for a person, to three digits or so: `748Mi`, `1.5Gi`, `12`."""
    for suffix in BINARY:
        if amount >= SUFFIXES[suffix]:
            return f"{rounded(amount / int(SUFFIXES[suffix]))}{suffix}"
    return str(amount)


def rounded(value: float) -> str:
    """A figure for a person: `748`, `41.2`, `0.25`."""
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 0.1 else f"{value:.2g}"


def _ceiling(amount: Decimal) -> int:
    """Saturation comes first: `1e999` must not become an integer of a thousand digits."""
    bounded = max(-_LIMIT, min(_LIMIT, amount))
    return int(bounded.to_integral_value(ROUND_CEILING, _EXACT))
