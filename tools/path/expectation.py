"""What came of an expected effect: the figures that a change's proposer named, measured up to the verdict.

They are recorded beside what was expected. A change is undone because it does harm, not because it did less good than
was hoped; but the strategy that promised too much loses score by it.
"""

from collections.abc import Mapping
from itertools import zip_longest

from policies.types import Target
from tools.errors import ToolError
from tools.metrics.types import Metric, MetricsReader, Span

STEP_S = 60
BUSY_PPM = 850_000
"""A minute counts as a violation where the pods use more than this share of the CPU that they can: what the twin aims
at (forecasting.twin.rehearse). That is their limits; where they have none, what they ask for."""
AMISS_PPM = 10_000
"""So much above what was expected the share of violations may lie: the twin's own error (a point)."""

Line = tuple[int | None, ...]
_WANTED: Mapping[str, tuple[Metric, ...]] = {
    "replicas_mc": (Metric.REPLICAS,),
    "cost_after_mch": (Metric.CPU_REQUESTS,),
    "violations_after_ppm": (Metric.CPU_USAGE, Metric.CPU_REQUESTS, Metric.CPU_LIMITS),
}
"""Of which metrics each figure is made that can be held against what came: thousandths of a replica, thousandths of
core-hours asked for in a day, the share of minutes in violation."""


def missed(expected: Mapping[str, int], found: Mapping[str, int]) -> bool:
    """Whether more minutes were in violation than was promised; what is not known is not held against it."""
    name = "violations_after_ppm"
    return name in expected and found.get(name, 0) > expected[name] + AMISS_PPM


async def came(
    source: MetricsReader | None, target: Target, expected: Mapping[str, int], since_ms: int, now_ms: int
) -> dict[str, int]:
    """What came, of those expected figures that can be measured and are known."""
    names = [name for name in expected if name in _WANTED]
    end_ms = now_ms - now_ms % 1000
    if source is None or not names or end_ms - since_ms < STEP_S * 1000:
        return {}
    span = Span(since_ms + STEP_S * 1000, end_ms, STEP_S)
    lines = {m: await _line(source, m, target, span) for name in names for m in _WANTED[name]}
    figures = {name: _figure(name, *(lines[metric] for metric in _WANTED[name])) for name in names}
    return {name: v for name, v in figures.items() if v is not None}


async def _line(source: MetricsReader, metric: Metric, target: Target, span: Span) -> Line:
    try:
        return (await source.history(metric, target, span)).values
    except ToolError:
        return ()


def _figure(name: str, *lines: Line) -> int | None:
    match name:
        case "replicas_mc":
            return _mean(lines[0], 1000)
        case "cost_after_mch":
            return _mean(lines[0], 24)
        case _:
            return _violated(*lines)


def _mean(line: Line, scale: int) -> int | None:
    known = [v for v in line if v is not None]
    return round(scale * sum(known) / len(known)) if known else None


def _violated(used: Line, asked: Line, limits: Line) -> int | None:
    minutes = [busy(*each) for each in zip_longest(used, asked, limits)]
    known = [one for one in minutes if one is not None]
    return -(-1_000_000 * sum(known) // len(known)) if known else None


def busy(used: int | None, asked: int | None, limit: int | None) -> bool | None:
    """Whether a minute is in violation; None where that is not known. All in millicores, over all pods."""
    most = max(asked or 0, limit or 0)
    return None if used is None or not most else used * 1_000_000 > BUSY_PPM * most
