"""`flyball metrics check`: every typed query of a workload, why one is missing, and 7 where the source is away."""

from dataclasses import replace

import pytest

from policies.types import Target
from sandbox.metrics import SimulatedMetrics
from tests.kit.command_line import Flyball
from tools.errors import MetricsUnavailable
from tools.metrics.hints import hint, reason
from tools.metrics.types import SPECS, Metric, Number


def missing(metric: Metric, why: str) -> Number:
    return Number(metric, SPECS[metric].unit, None, why, 1_000, 600_000, 300, 500_000)  # type: ignore[arg-type]


async def _half(_: object, metric: Metric, target: Target, now_ms: int) -> Number:
    """A source with a figure of each unit, one that is missing, and one question that it cannot answer."""
    if metric is Metric.LATENCY_P50:
        raise MetricsUnavailable(
            "bad_data: parse error",
            where="http://p/api/v1/query",
            hint="correct the template",
            code="bad_data",
        )
    if metric is Metric.THROTTLED_RATIO:
        return missing(metric, "partial")
    figures = {
        "millicores": 1500,
        "bytes": 768 * 2**20,
        "milli/s": 41_200,
        "us": 83_000,
        "ppm": 12_345,
        "count": 4,
    }
    unit = SPECS[metric].unit
    return Number(metric, unit, figures[unit], "", now_ms - 7_000, 7_000, 300, 950_000)


async def _away(*_: object) -> Number:
    raise MetricsUnavailable(
        "silent for 15 s", where="http://p/api/v1/query", hint="check that it is up", code="Unavailable"
    )


def test_each_figure_is_written_as_describe_writes_it(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimulatedMetrics, "latest", _half)
    done = flyball("metrics check deploy/web --context sandbox")
    rows = {line.split()[0]: line for line in done.out.splitlines()[2:]}
    assert set(rows) == {metric.value for metric in Metric} - {"latency_p50"}
    shown = ("1500m", "768Mi", "41.2/s", "83ms", "1.2%", "4")
    names = ("cpu_usage", "memory_usage", "request_rate", "latency_p95", "error_rate", "replicas")
    for name, text in zip(names, shown, strict=True):
        assert f" {text} " in rows[name]
        assert " 7s " in rows[name]
        assert " 95%" in rows[name]
    assert "too little is measured: 50%" in rows["throttled_ratio"]
    assert done.code == 7
    assert "latency_p50: bad_data: parse error" in done.err
    assert "correct the template" in done.err


def test_one_document_says_the_same(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedMetrics, "latest", _half)
    done = flyball("metrics check deploy/web -o json --context sandbox")
    assert done.document["kind"] == "Metrics"
    assert done.document["metrics"]["cpu_usage"]["value"] == 1500
    assert done.document["metrics"]["throttled_ratio"]["missing"] == "partial"
    assert done.document["unavailable"][0]["metric"] == "latency_p50"
    assert done.code == 7


def test_a_source_that_is_away_is_asked_once(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedMetrics, "latest", _away)
    done = flyball("metrics check deploy/web --context sandbox")
    assert done.code == 7
    assert done.err.count("silent for 15 s") == 1


async def _garbage(_: object, metric: Metric, target: Target, now_ms: int) -> Number:
    where = f"http://p/api/v1/query ({metric.value} of {target})"
    raise MetricsUnavailable(
        "the answer is not JSON", where=where, hint="is it Prometheus?", code="Unreadable"
    )


@pytest.mark.parametrize("words", ["metrics check", "why", "describe"])
def test_a_reason_is_told_once_for_all_metrics_that_it_concerns(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr(SimulatedMetrics, "latest", _garbage)
    done = flyball(f"{words} deploy/web --context sandbox")
    assert done.err.count("the answer is not JSON") == 1
    assert done.out.count("the answer is not JSON") <= 1
    assert "http://p/api/v1/query (… of deployment/web)" in done.err
    assert all(metric.value in done.err for metric in Metric) or "all metrics" in done.err


def test_without_a_name_it_is_the_first_workload(flyball: Flyball) -> None:
    done = flyball("metrics check --context sandbox")
    assert done.code == 0, done.err
    assert "sandbox/shop" in done.out


def test_the_token_is_masked(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_PROMETHEUS_TOKEN", "canary-7c1f0e")
    done = flyball("config show")
    assert "canary" not in done.out + done.err
    assert "prometheus_token" in done.out


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("why", ["no_data", "stale", "future", "not_a_number", "partial", "not_served"])
@pytest.mark.parametrize("source", ["prometheus", "metrics.k8s.io"])
def test_whatever_is_missing_has_a_reason_and_a_hint(metric: Metric, why: str, source: str) -> None:
    number = missing(metric, why)
    assert reason(number)
    assert hint(number, source)


@pytest.mark.parametrize("why", ["no_data", "partial"])
def test_a_series_that_is_absent_is_named_with_who_exports_it(why: str) -> None:
    number = missing(Metric.CPU_REQUESTS, why)
    state = replace(number, absent=("kube_pod_container_info",))
    assert hint(state, "prometheus").startswith(
        "its pods have no kube_pod_container_info: let kube-state-metrics"
    )
    both = replace(number, absent=("container_cpu_usage_seconds_total", "kube_pod_status_ready"))
    assert "kube-state-metrics" in hint(both, "prometheus")
    assert "/metrics/cadvisor" in hint(both, "prometheus")
    theirs = replace(number, exported=("kube_pod_status_phase",), absent=("kube_pod_status_ready",))
    assert hint(theirs, "prometheus").startswith("scrape kube-state-metrics with honor_labels: true")
