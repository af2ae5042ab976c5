"""A series in few numbers, fit for a model and for the log. Integers only; what is missing is counted, not filled.

Percentiles are nearest-rank, a figure that was really measured. A bucket shows its worst point: the highest of
what is demanded, the lowest of what was granted.
"""

from collections.abc import Sequence

from policies.types import digest_of
from tools.metrics.types import SPECS, Series

MOST_POINTS = 60
"""Points that are shown."""
_TREND_POINTS = 8
_TREND_PPM = 100_000
_STEPS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
_READ_POINTS = 720


def step_for(span_s: int) -> int:
    """The finest step in seconds of which a span has at most 720 points."""
    return next((step for step in _STEPS if span_s <= step * _READ_POINTS), _STEPS[-1])


def summary(series: Series) -> dict[str, object]:
    """Points, gaps and order statistics; `trend` compares the medians of the first and the last quarter."""
    present = [value for value in series.values if value is not None]
    facts: dict[str, object] = {
        "metric": series.metric.value,
        "unit": series.unit,
        "start_ms": series.span.start_ms,
        "end_ms": series.span.end_ms,
        "step_s": series.span.step_s,
        "points": len(series.values),
        "missing": len(series.values) - len(present),
        "coverage_ppm": series.coverage_ppm,
    }
    if not present:
        return facts
    ordered = sorted(present)
    return facts | {
        "min": ordered[0],
        "median": _rank(ordered, 50),
        "p95": _rank(ordered, 95),
        "max": ordered[-1],
        "first": present[0],
        "last": present[-1],
        "trend": _trend(present),
    }


def buckets(series: Series) -> dict[str, object]:
    """At most MOST_POINTS points, each the worst of its bucket; null where a bucket has none."""
    width = -(-len(series.values) // MOST_POINTS) or 1
    worst = max if SPECS[series.metric].rounding == "up" else min
    parts = [series.values[i : i + width] for i in range(0, len(series.values), width)]
    present = [[value for value in part if value is not None] for part in parts]
    values = [worst(part) if part else None for part in present]
    return {"bucket_s": width * series.span.step_s, "values": values}


def digest(series: Series) -> str:
    """SHA-256 of all points, so that the record tells which series was looked at."""
    return digest_of([series.metric.value, series.span.start_ms, series.span.step_s, list(series.values)])


def _rank(ordered: Sequence[int], percent: int) -> int:
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _trend(present: Sequence[int]) -> str:
    """`rising` or `falling` by a tenth or more, `flat`, or `unknown` where the points are too few."""
    if len(present) < _TREND_POINTS:
        return "unknown"
    quarter = len(present) // 4
    first, last = (_rank(sorted(part), 50) for part in (present[:quarter], present[-quarter:]))
    if abs(last - first) * 1_000_000 < _TREND_PPM * max(first, last, 1):
        return "flat"
    return "rising" if last > first else "falling"
