"""Quantities as policies write them; exact integers, never floats.

Kubernetes' grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
CPU is counted in millicores, memory in bytes. What is finer than one unit is refused, not rounded:
`512m` of memory is half a byte, and almost always a slip for `512Mi`.
"""

import re
from decimal import Decimal
from fractions import Fraction

from base.durations import seconds, written
from base.quantities import INTEGER_MAX, SUFFIXES, format_bytes, format_millicores

_QUANTITY = re.compile(r"(\d{1,19}(?:\.\d{1,9})?)(?:[eE](\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)", re.ASCII)

_WRITTEN = ("Ti", "Gi", "Mi", "T", "G", "M", "Ki")
"""The suffixes of memory, first choice first: what was written as 512M is shown so, not as 500000Ki."""

UNITS: dict[str, Fraction] = {
    "replicas": Fraction(1),
    "cpuRequest": Fraction(1000),
    "cpuLimit": Fraction(1000),
    "memoryRequest": Fraction(1),
    "memoryLimit": Fraction(1),
    "minReplicas": Fraction(1),
    "maxReplicas": Fraction(1),
    "targetPercent": Fraction(1),
}
"""The dimensions of limits, and how many of their unit make one."""

LEASE = "lease"
"""The dimension, in seconds, of how long an envelope is asked for. Its bound is `envelope.longest`; nothing else
of a policy names it."""


def of_container(dimension: str) -> bool:
    """Whether each container has an amount of its own in it; else the workload, or its autoscaler, has one."""
    return dimension.startswith(("cpu", "memory"))


def quantity(text: str | int | Decimal, dimension: str) -> int:
    """`text` as an integer in `dimension`'s unit. Raises ValueError with a hint."""
    if isinstance(text, bool):
        raise ValueError("is true or false, not a quantity")
    if dimension == LEASE:
        return seconds(str(text))
    found = _QUANTITY.fullmatch(str(text))
    if found is None:
        raise ValueError(f"`{text}` is not a quantity; write it as Kubernetes does, e.g. 500m or 1Gi")
    number, exponent, suffix = found.groups()
    scale = Fraction(10 ** int(exponent)) if exponent else Fraction(SUFFIXES[suffix or ""])
    value = Fraction(number) * scale * UNITS[dimension]
    if value.denominator != 1:
        raise ValueError(f"`{text}` is finer than one {_unit_name(dimension)}")
    if value > INTEGER_MAX:
        raise ValueError(f"`{text}` is larger than 2^53-1")
    return int(value)


def _unit_name(dimension: str) -> str:
    if dimension == "targetPercent":
        return "percent"
    if "replicas" in dimension.lower():
        return "replica"
    return "millicore" if dimension.startswith("cpu") else "byte (did you mean Mi?)"


def shown(value: int | None, dimension: str) -> str:
    """`value` as Kubernetes writes it: `1500m`, `2`, `512Mi`."""
    if value is None:
        return "unset"
    if dimension == LEASE:
        return written(value)
    if dimension.startswith("cpu"):
        return format_millicores(value)
    return format_bytes(value, _WRITTEN) if dimension.startswith("memory") else str(value)


def ratio(number: str | int | Decimal) -> Fraction:
    """A factor of at least 1, exact. Raises ValueError."""
    if isinstance(number, bool) or not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", str(number), re.ASCII):
        raise ValueError(f"`{number}` is not a factor; write e.g. 2 or 1.5")
    factor = Fraction(str(number))
    if factor < 1:
        raise ValueError(f"`{number}` is below 1; a factor bounds the change both ways, e.g. 1.5")
    return factor
