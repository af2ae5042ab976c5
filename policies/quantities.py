"""Quantities as Kubernetes writes them, and durations; exact integers, never floats.

Kubernetes' grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
CPU is counted in millicores, memory in bytes. What is finer than one unit is refused, not rounded:
`512m` of memory is half a byte, and almost always a slip for `512Mi`.
"""

import re
from decimal import Decimal
from fractions import Fraction

_SUFFIX: dict[str, Fraction] = {
    "": Fraction(1), "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12),
    "P": Fraction(10**15), "E": Fraction(10**18),
    "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30), "Ti": Fraction(2**40),
    "Pi": Fraction(2**50), "Ei": Fraction(2**60),
}  # fmt: skip
_QUANTITY = re.compile(r"(\d{1,19}(?:\.\d{1,9})?)(?:[eE](\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)", re.ASCII)
_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?", re.ASCII)
_MAX = 2**53 - 1

UNITS: dict[str, Fraction] = {
    "replicas": Fraction(1),
    "cpuRequest": Fraction(1000),
    "cpuLimit": Fraction(1000),
    "memoryRequest": Fraction(1),
    "memoryLimit": Fraction(1),
}
"""The dimensions that limits speak of, and how many of their unit make one."""


def quantity(text: str | int | Decimal, dimension: str) -> int:
    """`text` as an integer in `dimension`'s unit. Raises ValueError with the mend."""
    if isinstance(text, bool):
        raise ValueError("is true or false, not a quantity")
    found = _QUANTITY.fullmatch(str(text))
    if found is None:
        raise ValueError(f"`{text}` is not a quantity; write it as Kubernetes does, e.g. 500m or 1Gi")
    number, exponent, suffix = found.groups()
    scale = Fraction(10 ** int(exponent)) if exponent else _SUFFIX[suffix or ""]
    value = Fraction(number) * scale * UNITS[dimension]
    if value.denominator != 1:
        raise ValueError(f"`{text}` is finer than one {_unit_name(dimension)}")
    if value > _MAX:
        raise ValueError(f"`{text}` is larger than 2^53-1")
    return int(value)


def _unit_name(dimension: str) -> str:
    if dimension == "replicas":
        return "replica"
    return "millicore" if dimension.startswith("cpu") else "byte (did you mean Mi?)"


def shown(value: int | None, dimension: str) -> str:
    """`value` as Kubernetes writes it: `1500m`, `2`, `512Mi`."""
    if value is None:
        return "unset"
    if dimension.startswith("cpu"):
        return f"{value}m" if value % 1000 else str(value // 1000)
    if dimension.startswith("memory"):
        for suffix in ("Ti", "Gi", "Mi", "T", "G", "M", "Ki"):
            size = int(_SUFFIX[suffix])
            if value and value % size == 0:
                return f"{value // size}{suffix}"
    return str(value)


def duration(text: str) -> int:
    """`5m`, `1h30m`, `90s` as seconds. Raises ValueError."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise ValueError(f"`{text}` is not a duration; write e.g. 90s, 5m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def ratio(number: str | int | Decimal) -> Fraction:
    """A factor of at least 1, exact. Raises ValueError."""
    if isinstance(number, bool) or not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", str(number), re.ASCII):
        raise ValueError(f"`{number}` is not a factor; write e.g. 2 or 1.5")
    factor = Fraction(str(number))
    if factor < 1:
        raise ValueError(f"`{number}` is below 1; a factor bounds the change both ways, e.g. 1.5")
    return factor
