"""Live forecasts of the fast loop: who is begun when, and what a clock that jumps does to them.

some have too little history     they hold up nobody else, and are asked about again an hour later
the source cannot be asked       they are tried again at the next pass
the clock is set back            what was heard at a time still ahead is begun anew
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flyball.service.loop_forecasts import AGAIN_MS, BEGUN_A_PASS, MINUTE_MS, Heard, LoopForecasts
from policies.types import Target
from tests.agents.test_tuner_run import workload
from tools.errors import MetricsUnavailable
from tools.metrics.types import SPECS, Metric, Number, Series, Span

NOW = 1_790_000_000_000 // MINUTE_MS * MINUTE_MS


class Source:
    """A past of two weeks for each workload but those named `new-…`; `asked` is what it was asked for, by pass."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.away = False

    async def fleet_history(
        self, metric: Metric, targets: Sequence[Target], span: Span
    ) -> Mapping[Target, Series]:
        self.asked.append([target.name for target in targets])
        if self.away:
            raise MetricsUnavailable("away")
        return {target: self._past(metric, target, span) for target in targets}

    def _past(self, metric: Metric, target: Target, span: Span) -> Series:
        known = 60 if target.name.startswith("new-") else span.points
        values = (None,) * (span.points - known) + (600,) * known
        return Series(metric, SPECS[metric].unit, span, values)


def heard(*names: str) -> list[Heard]:
    cpu = Number(Metric.CPU_USAGE, "millicores", 600, "", NOW, 0, 0, 1_000_000)
    return [Heard(workload(name), cpu, 0.02) for name in names]


def passes(forecasts: LoopForecasts, names: Sequence[str], *times: int) -> list[set[str]]:
    async def run() -> list[set[str]]:
        return [{target.name for target in await forecasts.wanted(heard(*names), at)} for at in times]

    return asyncio.run(run())


def made(source: Any) -> LoopForecasts:
    return LoopForecasts(source)


NEW = [f"new-{i:02}" for i in range(BEGUN_A_PASS)]


def test_those_with_too_little_history_hold_up_nobody() -> None:
    source = Source()
    first, second = passes(made(source), [*NEW, "web"], NOW, NOW + MINUTE_MS)
    assert (first, second) == (set(), {"web"})
    assert source.asked == [NEW, ["web"]]


def test_they_are_asked_about_again_later() -> None:
    source = Source()
    passes(made(source), NEW, NOW, NOW + MINUTE_MS, NOW + AGAIN_MS)
    assert source.asked == [NEW, NEW]


def test_a_source_that_was_away_is_asked_again_at_once() -> None:
    source = Source()
    forecasts, source.away = made(source), True
    assert passes(forecasts, ["web"], NOW) == [set()]
    source.away = False
    assert passes(forecasts, ["web"], NOW + MINUTE_MS) == [{"web"}]


def test_what_was_heard_at_a_time_still_ahead_is_begun_anew() -> None:
    source = Source()
    back = NOW - 120 * MINUTE_MS
    assert passes(made(source), ["web"], NOW, back, back + MINUTE_MS) == [{"web"}] * 3
    assert source.asked == [["web"], ["web"]]


def test_pods_of_another_size_are_forecast_anew_at_once() -> None:
    source = Source()
    forecasts = made(source)
    passes(forecasts, ["web"], NOW)
    (one,) = heard("web")
    app = one.workload.containers[0]
    larger = replace(app, resources=replace(app.resources, cpu_request=700))
    one = replace(one, workload=replace(one.workload, containers=(larger,)))
    assert len(asyncio.run(forecasts.wanted([one], NOW + MINUTE_MS))) == 1
    assert source.asked == [["web"], ["web"]]
