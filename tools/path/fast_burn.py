"""Fast burn: whether a workload has begun, since a change, to burn its error budget so fast that nobody waits."""

import math
from collections.abc import Sequence

from policies.types import Target
from tools.errors import ToolError
from tools.metrics.types import Metric, MetricsReader, Series, Span

OBJECTIVE = 0.999
"""The share of requests that shall succeed: the budget is the rest."""
STEP_S, WINDOW_S = 60, 3600
"""A sample a minute, over the longer window of the rule (forecasting.sentinel.burn: 14.4 times, 1 h and 5 min)."""
SHORT_S = 300
"""The shorter window."""


async def may_burn(source: MetricsReader | None, targets: Sequence[Target], now_ms: int) -> frozenset[str]:
    """The keys of those that had errors enough in the last minutes to burn fast, whatever the hour before says: one
    question for all of them, so that `fast_burn_since` is asked of few. Nobody where the source cannot be asked."""
    if source is None or not targets:
        return frozenset()
    span = Span(now_ms - SHORT_S * 1000, now_ms, STEP_S)
    try:
        found = await source.fleet_history(Metric.ERROR_RATE, targets, span)
    except ToolError:
        return frozenset()
    return frozenset(target.key for target, series in found.items() if _enough(series))


def _enough(series: Series) -> bool:
    """Whether the last five minutes burn too fast, ending now or, as another grid of minutes has it, just before."""
    shares = _shares(series)
    return any(share > 0 for share in shares) and any(_rate(part) for part in (shares[1:], shares[:-1]))


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
    shares = _shares(series)
    before = WINDOW_S // STEP_S + 1
    if _rate(shares[:before]):
        return ""
    rate = _rate(shares)
    return (
        f"errors burn their budget {rate:.1f} times as fast as they may (of {1 - OBJECTIVE:.1%})"
        if rate
        else ""
    )


def _shares(series: Series) -> list[float]:
    return [math.nan if v is None else v / 1_000_000 for v in series.values]


def _rate(shares: Sequence[float]) -> float:
    """How fast the budget burns over the last five minutes, where it burns too fast over the hour too; else 0."""
    from forecasting.sentinel.burn import fast_burn  # numpy: only while a verdict is owed

    found = fast_burn(shares, STEP_S, OBJECTIVE)
    return found.short_rate if found.fires else 0.0
