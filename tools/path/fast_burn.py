"""Fast burn: whether a workload has begun, since a change, to burn its error budget so fast that nobody waits."""

import math
from collections.abc import Sequence

from policies.types import Target
from tools.errors import ToolError
from tools.metrics.types import Metric, MetricsReader, Span

OBJECTIVE = 0.999
"""The share of requests that shall succeed: the budget is the rest."""
STEP_S, WINDOW_S = 60, 3600
"""A sample a minute, over the longer window of the rule (forecasting.sentinel.burn: 14.4 times, 1 h and 5 min)."""


async def fast_burn_since(source: MetricsReader | None, target: Target, since_ms: int, now_ms: int) -> str:
    """What burns since the change at `since_ms`, for a person; empty where nothing does, where it burnt as fast
    before, or where nobody can say."""
    if source is None or now_ms - since_ms < STEP_S * 1000:
        return ""
    span = Span(since_ms - WINDOW_S * 1000, now_ms, STEP_S)
    try:
        series = await source.history(Metric.ERROR_RATE, target, span)
    except ToolError:
        return ""
    shares = [math.nan if v is None else v / 1_000_000 for v in series.values]
    before = WINDOW_S // STEP_S + 1
    if _rate(shares[:before]):
        return ""
    rate = _rate(shares)
    return (
        f"errors burn their budget {rate:.1f} times as fast as they may (of {1 - OBJECTIVE:.1%})"
        if rate
        else ""
    )


def _rate(shares: Sequence[float]) -> float:
    """How fast the budget burns over the last five minutes, where it burns too fast over the hour too; else 0."""
    from forecasting.sentinel.burn import fast_burn  # numpy: only while a verdict is owed

    found = fast_burn(shares, STEP_S, OBJECTIVE)
    return found.short_rate if found.fires else 0.0
