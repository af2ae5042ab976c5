"""What a pass asks of the metrics: the CPU of a workload over a day, and what of it may be decided on.

One sample is an accident. As an HPA does with `behavior.scaleUp` and `scaleDown.stabilizationWindowSeconds`
(https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#stabilization-window), the
least demand of a short window raises, and the greatest of a long one lowers; the windows are 10 minutes and 24 hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.metrics.types import STALE_S, Series

STEP_S = 60
RAISE_S = 600
"""A demand that has lasted so long may raise."""
LOWER_S = 86_400
"""Only what was not needed for so long is taken away."""
RAISE_PPM = 900_000
LOWER_PPM = 990_000
"""Of the points of each window that must be there: a peak of a quarter of an hour hides in no gap of a day."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Millicores of all pods together. `least` of the short window is None where that window has gaps or is old,
    `greatest` of the long one where either has; `newest` is None where nothing at all was measured of late."""

    newest: int | None
    least: int | None
    greatest: int | None


def demand(cpu: Series, at_ms: int) -> Demand:
    """What the series says at `at_ms`."""
    recent = _within(cpu, at_ms, RAISE_S)
    seen = [v for v in recent if v is not None]
    fresh = any(v is not None for v in _within(cpu, at_ms, STALE_S))
    if not fresh or _covered(recent, RAISE_S) < RAISE_PPM:
        return Demand(seen[-1] if fresh else None, None, None)
    day = _within(cpu, at_ms, LOWER_S)
    known = [v for v in day if v is not None]
    return Demand(seen[-1], min(seen), max(known) if _covered(day, LOWER_S) >= LOWER_PPM else None)


def _within(cpu: Series, at_ms: int, window_s: int) -> tuple[int | None, ...]:
    """The points of the last `window_s` seconds; a point ahead of `at_ms` is none."""
    step_ms, start_ms = cpu.span.step_s * 1_000, cpu.span.start_ms
    first = max(0, -((start_ms - at_ms + window_s * 1_000) // step_ms))
    return cpu.values[first : max(first, (at_ms - start_ms) // step_ms + 1)]


def _covered(points: Sequence[int | None], window_s: int) -> int:
    """The share of a whole window's points that have a value, in ppm."""
    return min((len(points) - points.count(None)) * STEP_S * 1_000_000 // window_s, 1_000_000)
