"""The verdict by season: which form judges which metric, and that a daily peak is not put down to a change.

| history and deadline                             | what judges                                                  |
|--------------------------------------------------|--------------------------------------------------------------|
| 7 days of a minute each, 65 minutes              | the season: the peak of the day is no harm, a rise beside it is|
| the plain form on the same figures               | takes the peak for harm                                      |
| a deadline of 5 minutes; no history; source away | the plain form, and the record says why                      |
| rare errors, mostly none                         | below 0.1 % nothing counts                                   |
"""

import asyncio
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tools.path.test_verification import P95, becomes, changed, policy, scaled, swept
from tests.tools.rig import WEB, Rig, ScriptedMetrics, rig
from tests.tools.workloads import pod, workload
from tools.errors import MetricsUnavailable
from tools.metrics.types import SPECS, Metric, Series, Span
from tools.path.effects import LEAST_S, effects
from tools.path.expectation import came
from tools.path.learning import learned
from tools.path.outcome import Applied

HOUR_S = 3_900
"""65 minutes: five to settle, and one hour."""
LONG = {"verify": "65m", "metric": "latency_p95", "maxRatio": 1.2}
DAY_MS = 86_400_000
PEAK_MS = DAY_MS // 2


def by_day(at_ms: int) -> float:
    """Latency in us: 10 ms at night, 210 ms at the peak of the day."""
    return 100_000 * (1.1 - math.cos(2 * math.pi * (at_ms % DAY_MS) / DAY_MS))


class Daily(ScriptedMetrics):
    """A metric that has a daily season and some noise; `harm` times as much from `since_ms` on."""

    harm, since_ms, missing = 1.0, 0, False

    async def history(self, metric: Metric, target: Any, span: Span) -> Series:
        self.spans.append(span)
        at = range(span.start_ms, span.end_ms + 1, span.step_s * 1000)
        values = tuple(None if self.missing else self.of(ms) for ms in at)
        return Series(metric, SPECS[metric].unit, span, values)

    def of(self, at_ms: int) -> int:
        noise = 1 + random.Random(at_ms).uniform(-0.05, 0.05)
        return round(by_day(at_ms) * noise * (self.harm if at_ms > self.since_ms else 1))


def within(folder: Path, work: Callable[[Rig, Daily], Any], require: dict[str, Any] = LONG) -> None:
    async def run() -> None:
        async with rig(folder, policy(require)) as one:
            one.cluster.script = [(workload(4), [pod(f"web-{n}") for n in range(4)])]
            daily = Daily()
            one.context.metrics = daily
            await work(one, daily)

    asyncio.run(run())


async def judged(one: Rig, daily: Daily, harm: float) -> tuple[str, dict[str, Any]]:
    """A change in the rising hours of the morning, and its verdict."""
    to_morning = (DAY_MS // 4 - one.context.now_ms()) % DAY_MS
    one.clock.advance(to_morning)
    now = one.context.now_ms()
    daily.figures = {P95: daily.of(now)}
    await changed(one)
    daily.harm, daily.since_ms = harm, now
    one.clock.advance(HOUR_S * 1000)
    daily.figures = {P95: daily.of(one.context.now_ms())}
    becomes(one)
    (found,) = await swept(one)
    (record,) = await one.log.find(kinds=("action.verified",))
    return found.verdict.word, dict(record.record.observation or {})


def test_the_rise_of_the_morning_is_no_harm(tmp_path: Path) -> None:
    async def work(one: Rig, daily: Daily) -> None:
        word, seen = await judged(one, daily, 1.0)
        assert word == "verified", seen["why"]
        before, now = (seen[side]["metrics"]["latency_p95"]["v"] for side in ("before", "now"))
        assert now > 1.2 * before, "the plain form would have undone it"
        effect = seen["effects"]["latency_p95"]
        assert not effect["worse"]
        assert abs(effect["effect_ppm"]) < 50_000
        assert effect["placebos"] > 1_000
        assert "beside its season" in seen["why"]
        assert "plain" not in seen

    within(tmp_path, work)


def test_harm_beside_the_season_is_undone(tmp_path: Path) -> None:
    async def work(one: Rig, daily: Daily) -> None:
        word, seen = await judged(one, daily, 1.5)
        assert word == "worse"
        assert 400_000 < seen["effects"]["latency_p95"]["effect_ppm"] < 600_000
        assert seen["effects"]["latency_p95"]["chance_ppm"] < 60_000

    within(tmp_path, work)


def test_up_to_what_policy_allows_it_may_rise(tmp_path: Path) -> None:
    async def work(one: Rig, daily: Daily) -> None:
        assert (await judged(one, daily, 1.12))[0] == "verified"

    within(tmp_path, work)


def test_without_history_the_plain_form_judges_and_says_so(tmp_path: Path) -> None:
    async def work(one: Rig, daily: Daily) -> None:
        daily.missing = True
        word, seen = await judged(one, daily, 1.0)
        assert word == "worse"
        assert "effects" not in seen
        assert "known" in seen["plain"]["latency_p95"]

    within(tmp_path, work)


async def asked(source: Any, after_s: int) -> Any:
    return await effects(source, WEB, {"latency_p95": 1_200_000}, 1_790_000_000_000, after_s)


def test_a_short_deadline_and_a_source_that_is_away_are_said() -> None:
    class Away(Daily):
        async def history(self, *_: Any) -> Any:
            raise MetricsUnavailable("away", where="it")

    async def work() -> None:
        short = await asked(Daily(), LEAST_S - 1)
        assert short.document == {"plain": {"latency_p95": "verify is shorter than 35m"}}
        assert (await asked(Daily(), LEAST_S)).document.keys() == {"effects"}
        assert (await asked(Away(), HOUR_S)).plain == {"latency_p95": "its history cannot be asked for"}
        assert (await asked(None, HOUR_S)).plain == {"latency_p95": "no source of metrics"}

    asyncio.run(work())


def test_a_week_is_asked_for_a_point_a_minute() -> None:
    async def work() -> None:
        daily = Daily()
        await asked(daily, HOUR_S)
        (span,) = daily.spans
        assert (span.end_ms - span.start_ms, span.step_s) == (7 * DAY_MS + HOUR_S * 1000, 60)
        assert span.points < 11_000  # what Prometheus gives in one answer

    asyncio.run(work())


def test_below_a_thousandth_of_errors_nothing_counts() -> None:
    class Rare(Daily):
        def of(self, at_ms: int) -> int:
            return 900 if at_ms > 1_790_000_000_000 else 0

    async def work() -> None:
        found = await effects(Rare(), WEB, {"error_rate": 1_200_000}, 1_790_000_000_000, HOUR_S)
        assert found.known["error_rate"].worse is False
        assert found.known["error_rate"].effect_ppm == 0

    asyncio.run(work())


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({Metric.REPLICAS: (4,) * 30 + (6,) * 30}, {"replicas_mc": 5000}),
        (
            {Metric.CPU_USAGE: (900, None, 100, 851), Metric.CPU_REQUESTS: (1000, 1000, 0, 1000)},
            {"violations_after_ppm": 1_000_000},
        ),
        (
            {Metric.CPU_USAGE: (850, 851, 10), Metric.CPU_REQUESTS: (1000, 1000, 1000)},
            {"violations_after_ppm": 333_334, "cost_after_mch": 24_000},
        ),
        (
            {
                Metric.CPU_USAGE: (1700, 1701),
                Metric.CPU_REQUESTS: (1000, 1000),
                Metric.CPU_LIMITS: (2000, 2000),
            },
            {"violations_after_ppm": 500_000, "cost_after_mch": 24_000},
        ),
        ({}, {}),
    ],
)
def test_what_came_is_measured_beside_what_was_expected(
    lines: dict[Metric, tuple[int | None, ...]], expected: dict[str, int]
) -> None:
    names = {"replicas_mc": 1, "violations_after_ppm": 1, "cost_after_mch": 1, "its_own_words": 1}

    async def work() -> None:
        source, now = ScriptedMetrics(lines=lines), 1_790_000_000_000
        found = await came(source, WEB, names, now - 3_600_000, now)
        assert found.items() >= expected.items()
        assert "its_own_words" not in found
        assert await came(source, WEB, names, now, now) == {}
        assert await came(None, WEB, names, now - 3_600_000, now) == {}

    asyncio.run(work())


def test_both_stand_in_the_record(tmp_path: Path) -> None:
    async def work(one: Rig, daily: Daily) -> None:
        scripted = ScriptedMetrics(
            figures={P95: 100_000},
            lines={
                Metric.REPLICAS: (8,) * 64,
                Metric.CPU_USAGE: (900,) * 64,
                Metric.CPU_REQUESTS: (1000,) * 64,
            },
        )
        one.context.metrics = scripted
        wanted = scaled(
            one, strategy="forecast", expects={"replicas_mc": 7000, "violations_after_ppm": 20_000}
        )
        assert isinstance(await one.executor.execute(wanted), Applied)
        one.clock.advance(HOUR_S * 1000)
        becomes(one)
        await swept(one)
        (record,) = await one.log.find(kinds=("action.verified",))
        seen = record.record.observation or {}
        assert seen["expects"] == {"replicas_mc": 7000, "violations_after_ppm": 20_000}
        assert seen["came"] == {"replicas_mc": 8000, "violations_after_ppm": 1_000_000}
        assert record.record.labels == {"verdict": "verified"}, "it did no harm"
        assert (await learned(one.log, [WEB]))[WEB.key]["forecast"].score == -250_000

    within(tmp_path, work)
