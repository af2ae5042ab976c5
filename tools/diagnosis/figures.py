"""Figures as people read them: rounded to three digits or so, in the unit that fits."""

from base.quantities import format_millicores
from tools.metrics.types import Number, Unit


def shown(value: int, unit: Unit) -> str:
    """`2350m`, `748Mi`, `41.2/s`, `940ms`, `38%`, `3`."""
    if unit == "millicores":
        return format_millicores(value)
    if unit == "bytes":
        return mebibytes(value)
    if unit == "milli/s":
        return f"{_digits(value / 1000)}/s"
    if unit == "us":
        return f"{_digits(value / 1000)}ms" if value < 1_000_000 else f"{_digits(value / 1_000_000)}s"
    return percent(value) if unit == "ppm" else str(value)


def figure(number: Number | None) -> str:
    """The value, or `-` where there is none."""
    return "-" if number is None or number.v is None else shown(number.v, number.unit)


def percent(ppm: int) -> str:
    """Parts per million as a percentage: `38%`, `0.2%`."""
    return f"{_digits(ppm / 10_000)}%"


def mebibytes(value: int) -> str:
    """Bytes in the binary unit that leaves one to four digits before the point: `748Mi`, `1.5Gi`."""
    for suffix, power in (("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)):
        if value >= 2**power:
            return f"{_digits(value / 2**power)}{suffix}"
    return str(value)


def _digits(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 0.1 else f"{value:.2g}"
