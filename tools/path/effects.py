"""Effects: how a metric moved with a change, beyond what its season and chance explain (forecasting's change test).

Asked where the deadline leaves room for blocks of five minutes and the source has the history; elsewhere the verdict
compares two figures, and says so.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from policies.types import Judged, Target
from tools.errors import ToolError
from tools.metrics.types import SPECS, Metric, MetricsReader, Span
from tools.path.verdict import NOTHING, Effect

DAYS = 7
"""So much history is asked for."""
STEP_S = 60
SETTLE_S, BLOCK_S, LEAST_BLOCKS = 300, 300, 6
"""Five minutes after the change are left out; each half of what is judged takes three blocks at least."""
LEAST_S = SETTLE_S + LEAST_BLOCKS * BLOCK_S
"""A deadline before this leaves too few blocks."""


@dataclass(frozen=True, slots=True)
class Effects:
    """By metric: its effect, or else why the plain form judges it."""

    known: Mapping[Judged, Effect]
    plain: Mapping[Judged, str]

    @property
    def document(self) -> dict[str, Any]:
        """As a record holds it: which form judged which metric, and by what."""
        found = {
            "effects": {name: asdict(effect) for name, effect in self.known.items()},
            "plain": dict(self.plain),
        }
        return {form: told for form, told in found.items() if told}


async def effects(
    source: MetricsReader | None,
    target: Target,
    allowed: Mapping[Judged, int],
    since_ms: int,
    after_s: int,
) -> Effects:
    """How each metric moved with the change made at `since_ms`, judged over the `after_s` seconds behind it;
    `allowed` is the ratio (ppm) up to which it may rise."""
    known: dict[Judged, Effect] = {}
    plain: dict[Judged, str] = {}
    for name, ppm in allowed.items():
        found = await _effect(source, target, name, ppm, since_ms, after_s)
        if isinstance(found, Effect):
            known[name] = found
        else:
            plain[name] = found
    return Effects(known, plain)


async def _effect(
    source: MetricsReader | None, target: Target, name: Judged, ppm: int, since_ms: int, after_s: int
) -> Effect | str:
    if after_s < LEAST_S:
        return f"verify is shorter than {LEAST_S // 60}m"
    if source is None:
        return "no source of metrics"
    start_ms, end_ms = since_ms - DAYS * 86_400_000, since_ms + after_s * 1000
    try:
        series = await source.history(Metric(name), target, Span(start_ms, end_ms, STEP_S))
    except ToolError:
        return "its history cannot be asked for"
    floor = NOTHING[SPECS[Metric(name)].unit]
    values = [math.nan if v is None else float(max(v, floor)) for v in series.values]
    return _tested(values, series.span.start_ms // 1000, since_ms // 1000, after_s, ppm)


def _tested(values: list[float], start_s: int, changed_s: int, after_s: int, ppm: int) -> Effect | str:
    from forecasting.sentinel.change_effect import RULE, verify  # numpy: only where something is due
    from forecasting.sentinel.series import gridded

    blocks = (after_s - SETTLE_S) // BLOCK_S // 2 * 2
    rule = replace(
        RULE, settle_s=SETTLE_S, after_s=blocks * BLOCK_S, effect=max(ppm - 1_000_000, 0) / 1_000_000
    )
    series = gridded([start_s + i * STEP_S for i in range(len(values))], values)
    found = verify(series, changed_s, rule)
    if found.worse is None:
        return found.why
    chance = None if found.chance is None else math.ceil(found.chance * 1_000_000)
    return Effect(found.worse, round(found.effect * 1_000_000), chance, found.placebos)
