"""Series of CPU as a strategy gets them: a day of minutes up to NOW."""

from collections.abc import Callable

from agents.tuner.demand import LOWER_S, STEP_S
from tools.metrics.types import Metric, Series, Span

NOW = 1_800_000_000_000
"""A whole minute."""


def course(at: Callable[[int], int | None], now_ms: int = NOW) -> Series:
    """`at(age)` is the CPU that many seconds ago, in millicores."""
    span = Span(now_ms - LOWER_S * 1_000, now_ms, STEP_S)
    values = tuple(at((span.points - 1 - i) * STEP_S) for i in range(span.points))
    return Series(Metric.CPU_USAGE, "millicores", span, values)


def steady(cpu: int | None) -> Series:
    """The same all day."""
    return course(lambda _: cpu)
