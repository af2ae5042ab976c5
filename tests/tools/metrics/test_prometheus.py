"""The adapter against a Prometheus that answers well, badly, late, too much, or with a wrong clock.

| what it does | what comes of it |
|---|---|
| answers | a Number with age and coverage, a Series on the grid, in chunks |
| NaN, Inf, negative | missing: not_a_number |
| silent for minutes, clock off by 10 min | missing: stale, future |
| warnings, too few pods | missing: partial |
| 503, HTML, half JSON, silence, 10 MB, redirect, 422 | MetricsUnavailable with what, where and hint |
| goes away and comes back | MetricsUnavailable, then figures again |
"""

import asyncio
import logging

import pytest

from tests.tools.metrics.fake_prometheus import FakePrometheus, answer, document, failure
from tests.tools.metrics.kit import NOW, WEB, SetClock, asking
from tools.errors import MetricsUnavailable
from tools.metrics.prometheus.client import Caps
from tools.metrics.prometheus.reader import CHUNK_POINTS
from tools.metrics.types import Metric, Number, Series, Span

MIN = 60_000


def fresh(text: str = "0.18", age_ms: int = 5_000) -> FakePrometheus:
    return FakePrometheus(NOW, [(NOW - age_ms, text)])


def latest(fake: FakePrometheus, metric: Metric = Metric.CPU_USAGE) -> Number:
    async def ask() -> Number:
        async with fake.up(), asking(fake) as reader:
            return await reader.latest(metric, WEB, NOW)

    return asyncio.run(ask())


def history(fake: FakePrometheus, span: Span, clock: SetClock | None = None) -> Series:
    async def ask() -> Series:
        async with fake.up(), asking(fake, clock=clock) as reader:
            return await reader.history(Metric.CPU_USAGE, WEB, span)

    return asyncio.run(ask())


def refusal(fake: FakePrometheus, caps: Caps | None = None) -> MetricsUnavailable:
    async def ask() -> MetricsUnavailable:
        async with fake.up(), asking(fake, **({"caps": caps} if caps else {})) as reader:
            with pytest.raises(MetricsUnavailable) as caught:
                await reader.latest(Metric.CPU_USAGE, WEB, NOW)
            return caught.value

    error = asyncio.run(ask())
    assert error.what
    assert "127.0.0.1" in error.where
    assert error.hint
    return error


def test_a_figure_has_value_age_window_and_coverage() -> None:
    number = latest(fresh())
    assert (number.v, number.unit, number.missing) == (180, "millicores", "")
    assert (number.at_ms, number.age_ms, number.window_s) == (NOW - 5_000, 5_000, 300)
    assert number.coverage_ppm == 1_000_000


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf", "-1", "1e30", "0x10", "1_0", ""])
def test_no_number_is_missing(text: str) -> None:
    assert latest(fresh(text)).missing == "not_a_number"


def test_no_series_is_missing_and_not_zero() -> None:
    number = latest(FakePrometheus(NOW))
    assert (number.v, number.missing, number.at_ms, number.coverage_ppm) == (None, "no_data", None, 0)


def test_the_age_is_the_samples_not_the_evaluations() -> None:
    """The server's own time of evaluation is now in each of these; only the newest sample tells."""
    assert latest(fresh(age_ms=299_000)).age_ms == 299_000
    fake = fresh(age_ms=5_000)
    fake.now_ms = NOW - 8 * MIN  # its clock is behind: its newest sample is
    fake.samples = [(fake.now_ms, "0.18")]
    assert latest(fake).missing == "stale"


@pytest.mark.parametrize("ahead_ms", [10 * MIN, 31_000])
def test_a_clock_that_is_ahead_is_found_out(ahead_ms: int) -> None:
    fake = FakePrometheus(NOW + ahead_ms, [(NOW + ahead_ms, "0.18")])
    assert latest(fake).missing == "future"


def test_a_scraper_that_is_ahead_of_the_querier_is_found_out() -> None:
    """As behind Thanos: the querier's clock is right, the samples' is not."""
    fake = FakePrometheus(NOW)
    fake.grow(NOW - 10 * MIN, NOW + 10 * MIN, 30, lambda _: "0.18")
    assert latest(fake).missing == "future"


def test_a_little_ahead_is_now() -> None:
    number = latest(FakePrometheus(NOW + 20_000, [(NOW + 20_000, "0.18")]))
    assert (number.missing, number.age_ms) == ("", 0)


@pytest.mark.parametrize(
    ("measured", "expected"), [("3", "4"), ("0", "4"), (None, "4"), ("4", None), ("0", "0"), (None, None)]
)
def test_too_few_pods_are_partial(measured: str | None, expected: str | None) -> None:
    fake = fresh()
    fake.measured, fake.expected = measured, expected
    assert latest(fake).missing == "partial"


def test_nine_pods_of_ten_are_enough() -> None:
    fake = fresh()
    fake.measured, fake.expected = "9", "10"
    number = latest(fake)
    assert (number.v, number.coverage_ppm) == (180, 900_000)


def test_more_pods_than_expected_are_all() -> None:
    fake = fresh()
    fake.measured, fake.expected = "5", "4"
    assert latest(fake).coverage_ppm == 1_000_000


def test_a_partial_response_is_missing_and_its_warning_is_told(caplog: pytest.LogCaptureFixture) -> None:
    fake = fresh()
    fake.extra = {"warnings": ["store \x1b[31mgateway-1 is away"]}
    with caplog.at_level(logging.WARNING):
        assert latest(fake).missing == "partial"
    assert "gateway-1 is away" in caplog.text
    assert "\x1b" not in caplog.text


def test_infos_leave_the_figure() -> None:
    fake = fresh()
    fake.extra = {"infos": ["PromQL info: input to histogram_quantile needed to be fixed for monotonicity"]}
    assert latest(fake).v == 180


def test_several_series_are_refused() -> None:
    fake = fresh()
    fake.labels = {"pod": "web-1", "node": "n-1"}
    error = refusal(fake)
    assert "more than one series" in error.what
    assert "node, pod" in error.what
    assert "sum(" in error.hint


def test_series_of_several_clusters_are_refused_by_their_names() -> None:
    fake = fresh()
    fake.clusters = ("eu\x1b[31m", "us")
    error = refusal(fake)
    assert error.what == "its series are of several clusters: eu?[31m, us"
    assert 'labels = { cluster = "…" }' in error.hint
    fake.clusters = ("eu",)
    assert latest(fake).v == 180


def test_a_series_of_several_clusters_is_all_gaps() -> None:
    fake = fresh()
    fake.grow(NOW - 600_000, NOW, 30, lambda _: "1")
    span = Span(NOW - 300_000, NOW, 60)
    assert set(history(fake, span).values) == {1000}
    fake.clusters = ("eu", "us")
    assert set(history(fake, span).values) == {None}


@pytest.mark.parametrize("lacks", [(), ("kube_pod_container_info",), ("kube_pod_status_ready", "up")])
def test_what_is_behind_a_missing_figure_and_absent_is_named(lacks: tuple[str, ...]) -> None:
    fake = fresh()
    fake.expected, fake.lacks = None, frozenset(lacks)
    found = latest(fake)
    assert (found.missing, found.absent, found.exported) == ("partial", lacks[:1], ())


def test_what_nobody_set_is_not_called_absent() -> None:
    fake = FakePrometheus(NOW, lacks=frozenset({"kube_pod_container_resource_requests"}))
    assert latest(fake, Metric.CPU_REQUESTS).absent == ()


def test_labels_of_the_scrape_are_found_out() -> None:
    fake = FakePrometheus(NOW, exported=frozenset({"kube_pod_status_phase"}))
    assert latest(fake, Metric.CPU_REQUESTS).exported == ("kube_pod_status_phase",)
    asked = fake.seen[-1].form["query"]
    assert 'kube_pod_status_phase{exported_namespace="shop",exported_pod=~"web-' in asked


def test_a_figure_that_is_there_is_asked_for_once() -> None:
    fake = fresh()
    assert latest(fake).missing == ""
    assert len(fake.seen) == 1


def test_a_series_comes_in_chunks_on_the_grid() -> None:
    fake = FakePrometheus(NOW)
    points = 2 * CHUNK_POINTS + 100
    start = NOW - (points - 1) * MIN
    fake.grow(start, NOW, 60, lambda index: str(index / 1000))
    series = history(fake, Span(start + 17_000, NOW + 17_000, 60))
    assert series.span == Span(start, NOW, 60)
    assert series.values == tuple(range(points))
    ranges = [asked.form for asked in fake.seen if "query_range" in asked.line]
    assert [(int(r["end"]) - int(r["start"])) // 60 + 1 for r in ranges] == [CHUNK_POINTS, CHUNK_POINTS, 100]
    assert all(int(r["start"]) % 60 == 0 for r in ranges)


def test_a_gap_is_none_and_so_is_the_future() -> None:
    fake = FakePrometheus(NOW, [(NOW - 20 * MIN, "1"), (NOW, "2")])
    series = history(fake, Span(NOW - 20 * MIN, NOW + 3 * MIN, 60))
    assert series.values[:5] == (1000,) * 5
    assert series.values[5:20] == (None,) * 15
    assert series.values[20:] == (2000, None, None, None)


def test_a_series_of_too_few_pods_is_all_gaps() -> None:
    fake = FakePrometheus(NOW, measured="2")
    fake.grow(NOW - 10 * MIN, NOW, 60, lambda _: "1")
    assert set(history(fake, Span(NOW - 10 * MIN, NOW, 60)).values) == {None}


def test_a_series_with_warnings_is_all_gaps() -> None:
    fake = FakePrometheus(NOW, extra={"warnings": ["a store is away"]})
    fake.grow(NOW - 10 * MIN, NOW, 60, lambda _: "1")
    assert set(history(fake, Span(NOW - 10 * MIN, NOW, 60)).values) == {None}


@pytest.mark.parametrize("off_ms", [10 * MIN, -10 * MIN])
def test_no_series_from_a_server_whose_clock_is_off(off_ms: int) -> None:
    fake = FakePrometheus(NOW + off_ms)
    fake.grow(NOW - 10 * MIN, NOW, 60, lambda _: "1")
    with pytest.raises(MetricsUnavailable, match="600 s") as caught:
        history(fake, Span(NOW - 10 * MIN, NOW, 60))
    assert "NTP" in caught.value.hint


FAULTS = {
    "503 of a proxy": (answer(503, "<html>no upstream</html>", kind="text/html"), "503", "try again"),
    "HTML": (answer(200, "<!doctype html><title>Sign in</title>", kind="text/html"), "200", "prometheus_url"),
    "HTML that says it is JSON": (answer(200, "<html>"), "not JSON", "prometheus_url"),
    "half JSON": (answer(200, '{"status":"success","data":{"resultT'), "not JSON", "prometheus_url"),
    "a cut answer": (answer(200, document("vector", []))[:-5], "peer closed|incomplete|closed", "is up"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "", "is up"),
    "a bad template, 400": (
        answer(400, failure("bad_data", "parse error: unexpected }")),
        "parse error",
        "template",
    ),
    "a bad template, 422": (
        answer(422, failure("execution", "many-to-many matching")),
        "many-to-many",
        "template",
    ),
    "its timeout": (answer(503, failure("timeout", "query timed out")), "timed out", "lighter"),
    "cancelled": (answer(503, failure("canceled", "query was canceled")), "canceled", "again"),
    "not ready": (answer(503, failure("unavailable", "TSDB not ready")), "not ready", "again"),
    "its own failure": (answer(500, failure("internal", "mmap")), "mmap", "log"),
    "no token": (answer(401, "Unauthorized", kind="text/plain"), "401", "prometheus_token"),
    "no right": (answer(403, "Forbidden", kind="text/plain"), "403", "right"),
    "another path": (answer(404, "404 page not found", kind="text/plain"), "404", "path"),
    "busy": (answer(429, "slow down", kind="text/plain"), "429", "busy"),
    "a scalar": (
        answer(200, {"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}),
        "vector",
        "",
    ),
    "no status": (answer(200, {"data": {}}), "no answer of Prometheus", ""),
    "a list": (answer(200, []), "no answer of Prometheus", ""),
    "a stranger's series": (
        answer(200, document("vector", [{"metric": {}, "value": [1, "2"]}])),
        "not asked",
        "",
    ),
    "a figure that is not text": (
        answer(200, document("vector", [{"metric": {"flyball": "value"}, "value": [1, 2]}])),
        "sample",
        "",
    ),
    "a native histogram": (
        answer(200, document("vector", [{"metric": {"flyball": "value"}, "histogram": [1, {}]}])),
        "histogram",
        "histogram_quantile",
    ),
    "deep JSON": (answer(200, "[" * 100_000), "not JSON", ""),
    "compressed": (answer(200, b"\x1f\x8b", Content_Encoding="gzip"), "compressed", ""),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_says_what_where_and_the_hint(name: str) -> None:
    data, what, hint = FAULTS[name]
    fake = fresh()
    fake.fault = lambda _: data
    error = refusal(fake)
    assert any(part in error.what for part in what.split("|")), error.what
    assert hint in error.hint, error.hint


def test_silence_is_not_waited_for() -> None:
    fake = fresh()
    fake.hold = True
    assert "silent for 0.2 s" in refusal(fake, Caps(silent_s=0.2)).what


def test_the_whole_question_has_a_deadline() -> None:
    fake = fresh()
    fake.hold = True
    assert "no whole answer within 0.2 s" in refusal(fake, Caps(silent_s=60.0, total_s=0.2)).what


def test_ten_megabytes_are_refused_without_being_read() -> None:
    fake = fresh()
    fake.fault = lambda _: answer(200, b" " * 10_000_000)
    assert "larger than 8388608 bytes" in refusal(fake).what
    assert fake.sent < 9_000_000


def test_ten_megabytes_without_a_length_are_refused_at_the_cap() -> None:
    fake = fresh()
    head = b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    fake.fault = lambda _: head + b" " * 40_000_000
    assert "larger than" in refusal(fake).what
    assert fake.sent < 30_000_000


def test_a_restart_in_mid_run_is_away_and_then_back() -> None:
    async def run() -> None:
        fake = fresh()
        async with asking(fake, url="http://127.0.0.1:1") as nobody:
            with pytest.raises(MetricsUnavailable):
                await nobody.latest(Metric.CPU_USAGE, WEB, NOW)
        async with fake.up(), asking(fake) as reader:
            assert (await reader.latest(Metric.CPU_USAGE, WEB, NOW)).v == 180
            fake.fault = lambda _: answer(503, failure("unavailable", "starting"))
            with pytest.raises(MetricsUnavailable, match="starting"):
                await reader.latest(Metric.CPU_USAGE, WEB, NOW)
            fake.fault = None
            fake.samples = []  # what it had is gone
            assert (await reader.latest(Metric.CPU_USAGE, WEB, NOW)).missing == "no_data"
            fake.samples = [(NOW, "0.2")]
            assert (await reader.latest(Metric.CPU_USAGE, WEB, NOW)).v == 200

    asyncio.run(run())


def test_a_closed_port_is_away() -> None:
    async def run() -> None:
        fake = fresh()
        async with fake.up():
            pass
        async with asking(fake) as reader:
            with pytest.raises(MetricsUnavailable) as caught:
                await reader.latest(Metric.CPU_USAGE, WEB, NOW)
        assert caught.value.code == "Unavailable"
        assert "is up" in caught.value.hint

    asyncio.run(run())
