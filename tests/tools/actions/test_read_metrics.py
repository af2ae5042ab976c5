"""read_metrics and governed figures: integers with unit, age and coverage, or missing with a reason; never more.

A series goes to a model as its summary and at most 60 points; the log keeps the summary and a digest.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.types import digest_of
from tests.kit.installation import LOCAL, OPS, allow
from tests.tools.rig import WEB, Rig, rig
from tools.actions import registry
from tools.actions.read_metrics import NAMES
from tools.errors import ArgumentsInvalid, MetricsUnavailable
from tools.metrics.series import MOST_POINTS, buckets, digest, step_for, summary
from tools.metrics.types import SPECS, Metric, Series, Span

ASK = {"workload": "deploy/web", "metric": "cpu_usage", "span": None}


def within(folder: Path, work: Callable[[Rig], Awaitable[None]], actions: Any = ("read",)) -> None:
    async def run() -> None:
        async with rig(folder, [LOCAL, OPS, allow("read", list(actions))]) as one:
            await work(one)

    asyncio.run(run())


def series(*values: int | None, metric: Metric = Metric.CPU_USAGE, step_s: int = 60) -> Series:
    span = Span(0, (len(values) - 1) * step_s * 1000, step_s)
    return Series(metric, SPECS[metric].unit, span, values)


def test_a_figure_comes_with_unit_age_and_coverage(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        one.metrics.figures = {Metric.CPU_USAGE: 740}
        told = json.loads((await one.call("read_metrics", ASK, "a" * 40)).text)
        assert told["metrics"] == [{
            "metric": "cpu_usage", "unit": "millicores", "value": 740, "missing": None,
            "at_ms": one.clock.wall_ms() - 5000, "age_ms": 5000, "window_s": 60, "coverage_ppm": 1_000_000,
        }]  # fmt: skip
        read, _ = await one.log.find(kinds=("tool.read",))
        assert read.record.labels == {"action": "read_metrics"}
        assert read.record.observation is not None
        assert read.record.observation["v"] == 740
        assert read.record.observation["source"] == "scripted"

    within(tmp_path, work)


def test_what_is_missing_is_missing_and_says_why(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        told = json.loads((await one.call("read_metrics", ASK, "a" * 40)).text)
        (figure,) = told["metrics"]
        assert (figure["value"], figure["missing"]) == (None, "no_data")
        empty = json.loads((await one.call("read_metrics", ASK | {"span": "1h"}, "b" * 40)).text)
        (line,) = empty["series"]
        assert (line["missing"], line["coverage_ppm"]) == (line["points"], 0)
        assert not {"min", "median", "max", "last", "trend"} & line.keys()
        assert set(line["values"]) == {None}

    within(tmp_path, work)


def test_a_source_that_is_away_is_said_and_recorded(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        away = MetricsUnavailable(
            "HTTP 503 password=hunter2", where="prometheus", hint="wait", code="HTTP503", http=503
        )
        one.metrics.figures = {Metric.CPU_USAGE: away}
        card = await one.call("read_metrics", ASK, "a" * 40)
        assert card.status == "failed"
        assert "hunter2" not in card.text + card.line
        read, _ = await one.log.find(kinds=("tool.read",))
        assert read.record.observation == {"error": "MetricsUnavailable", "code": "HTTP503"}

    within(tmp_path, work)


def test_a_group_is_all_of_its_metrics(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        told = json.loads((await one.call("read_metrics", ASK | {"metric": "limits"}, "a" * 40)).text)
        assert [one["metric"] for one in told["metrics"]] == ["cpu_limits", "memory_limits"]

    within(tmp_path, work)


def test_a_series_ends_now_on_a_grid_that_is_the_same_for_everybody(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        one.metrics.lines = {Metric.CPU_USAGE: tuple(range(721))}
        one.clock.advance(12_345)
        told = json.loads((await one.call("read_metrics", ASK | {"span": "3h"}, "a" * 40)).text)
        (span,) = one.metrics.spans
        assert (span.step_s, span.end_ms % 15_000, span.points) == (15, 0, 721)
        assert 0 <= one.clock.wall_ms() - span.end_ms < 15_000
        (line,) = told["series"]
        assert (line["min"], line["max"], line["first"], line["last"]) == (0, 720, 0, 720)
        assert (line["median"], line["p95"], line["trend"], line["missing"]) == (360, 684, "rising", 0)
        assert len(line["values"]) <= MOST_POINTS
        read, _ = await one.log.find(kinds=("tool.read",))
        assert read.record.observation is not None
        assert "values" not in read.record.observation
        all_of_it = ["cpu_usage", span.start_ms, 15, list(range(721))]
        assert read.record.observation["sha256"] == digest_of(all_of_it)

    within(tmp_path, work)


def test_who_may_not_read_metrics_gets_no_figure(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        one.metrics.figures = {Metric.CPU_USAGE: 740}
        for span in (None, "1h"):
            card = await one.call("read_metrics", ASK | {"span": span}, f"{span}".lower() * 10)
            assert card.status == "refused"
            assert "740" not in card.text
        assert one.metrics.spans == []

    within(tmp_path, work, ("describe_workload", "list_workloads"))


def test_an_autoscaler_is_read_as_part_of_the_workload(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        assert await one.reads().autoscaler(WEB) is None
        (read,) = await one.log.find(kinds=("tool.read",))
        assert read.record.labels == {"action": "describe_workload"}

    within(tmp_path, work)


@pytest.mark.parametrize("change", [
    {"metric": "up{}"}, {"metric": "CPU_USAGE"}, {"metric": ""}, {"metric": "cpu_usage or vector(0)"},
    {"span": ""}, {"span": "0h"}, {"span": "4m"}, {"span": "32d"}, {"span": "1.5h"}, {"span": "3600"},
    {"span": "1y"}, {"span": "-3h"}, {"span": "３h"}, {"span": "3h "}, {"workload": "node/x"},
], ids=str)  # fmt: skip
def test_only_typed_queries_are_asked(tmp_path: Path, change: dict[str, Any]) -> None:
    async def work(one: Rig) -> None:
        assert (await one.call("read_metrics", ASK | change, "a" * 40)).status == "invalid"
        assert await one.log.find(kinds=("tool.read",)) == []

    within(tmp_path, work)


def test_the_schema_names_every_metric() -> None:
    args = registry.READS["read_metrics"].args
    assert args.model_json_schema()["properties"]["metric"]["enum"] == list(NAMES)
    assert set(NAMES) == {*Metric, "requests", "limits"}
    for name in NAMES:
        assert registry.parse(args, ASK | {"metric": name})


@pytest.mark.parametrize("span", ["5m", "30m", "3h", "1d", "7d", "31d"])
def test_a_step_keeps_a_span_within_a_few_hundred_points(span: str) -> None:
    args = registry.parse(registry.READS["read_metrics"].args, ASK | {"span": span})
    seconds = args.span_s()  # type: ignore[attr-defined]
    assert 1 < seconds // step_for(seconds) <= 720


TRENDS = [
    ((10,) * 7, "unknown"),
    ((10,) * 8, "flat"),
    ((0,) * 8, "flat"),
    ((100, 100, 100, 100, 109, 109, 109, 109), "flat"),
    ((100, 100, 100, 100, 112, 112, 112, 112), "rising"),
    ((112, 112, 112, 112, 100, 100, 100, 100), "falling"),
    ((1, 1, 900, 1, 1, 1, 1, 1), "flat"),
]


@pytest.mark.parametrize(("values", "trend"), TRENDS)
def test_a_trend_is_a_tenth_or_more_between_the_ends(values: tuple[int, ...], trend: str) -> None:
    assert summary(series(*values))["trend"] == trend


def test_gaps_are_counted_and_shown_and_never_filled() -> None:
    found = summary(series(5, None, None, 7, None))
    assert (found["points"], found["missing"], found["coverage_ppm"]) == (5, 3, 400_000)
    assert (found["first"], found["last"], found["min"], found["max"]) == (5, 7, 5, 7)
    assert buckets(series(5, None, 7)) == {"bucket_s": 60, "values": [5, None, 7]}


def test_a_bucket_shows_the_side_that_is_safer() -> None:
    values = [1, 9, None] * 60
    assert set(buckets(series(*values))["values"]) == {9}  # type: ignore[call-overload]
    assert set(buckets(series(*values, metric=Metric.REPLICAS))["values"]) == {1}  # type: ignore[call-overload]


@given(st.lists(st.none() | st.integers(0, 2**53 - 1), min_size=1, max_size=800))
def test_a_summary_is_made_of_measured_points(values: list[int | None]) -> None:
    one = series(*values)
    found, present = summary(one), [v for v in values if v is not None]
    assert found["missing"] == values.count(None)
    for name in ("min", "median", "p95", "max", "first", "last"):
        assert found.get(name) in present or not present
    if present:
        assert found["min"] <= found["median"] <= found["p95"] <= found["max"]  # type: ignore[operator]
    shown = buckets(one)["values"]
    assert isinstance(shown, list)
    assert len(shown) <= MOST_POINTS
    assert max((v for v in shown if v is not None), default=None) == max(present, default=None)
    json.loads(json.dumps(found), parse_float=pytest.fail)


def test_a_digest_is_of_every_point_and_of_its_place() -> None:
    assert digest(series(1, 2)) != digest(series(2, 1))
    assert digest(series(1, 2)) != digest(series(1, 2, step_s=30))
    assert digest(series(1, None)) != digest(series(1, 0))


def test_a_bad_span_says_how_to_write_one() -> None:
    with pytest.raises(ArgumentsInvalid) as refused:
        registry.parse(registry.READS["read_metrics"].args, ASK | {"span": "soon"})
    assert refused.value.hint == "5m to 31d, e.g. 30m, 1h30m, 7d"
