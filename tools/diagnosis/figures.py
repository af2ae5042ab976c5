"""Figures as people read them: rounded to three digits or so, in the unit that fits."""

from base.quantities import format_millicores, rounded, rounded_bytes
from tools.metrics.types import Number, Unit


def shown(value: int, unit: Unit) -> str:
    """`2350m`, `748Mi`, `41.2/s`, `940ms`, `38%`, `3`."""
    if unit == "millicores":
        return format_millicores(value)
    if unit == "bytes":
        return rounded_bytes(value)
    if unit == "milli/s":
        return f"{rounded(value / 1000)}/s"
    if unit == "us":
        return f"{rounded(value / 1000)}ms" if value < 1_000_000 else f"{rounded(value / 1_000_000)}s"
    return percent(value) if unit == "ppm" else str(value)


def figure(number: Number | None) -> str:
    """The value, or `-` where there is none."""
    return "-" if number is None or number.v is None else shown(number.v, number.unit)


def percent(ppm: int) -> str:
    """Parts per million as a percentage: `38%`, `0.2%`."""
    return f"{rounded(ppm / 10_000)}%"
