"""SimulatedMetrics: every typed query has a true value, and what is spoiled is missing, late or noisy."""

import asyncio

import pytest

from sandbox.api.errors import SandboxError
from sandbox.api.store import Key
from sandbox.metrics import SimulatedMetrics
from sandbox.world import World
from tests.sandbox.actors import run, scale, shop
from tools.errors import MetricsUnavailable
from tools.metrics.types import GROUPS, STALE_S, Metric, Number, Span

WEB = Key("deployment", "shop", "web")


def latest(world: World, metric: Metric, name: str = "web", kind: str = "deployment") -> Number:
    return run(SimulatedMetrics(world).latest(metric, shop(name, kind), world.now_ms()))


def test_every_query_has_the_value_that_the_objects_say(world: World) -> None:
    mib = 1 << 20
    assert latest(world, Metric.REPLICAS).v == 4
    assert latest(world, Metric.CPU_REQUESTS).v == 2000
    assert latest(world, Metric.CPU_LIMITS).v == 4000
    assert latest(world, Metric.MEMORY_REQUESTS).v == 4 * 256 * mib
    assert latest(world, Metric.MEMORY_LIMITS).v == 4 * 512 * mib
    assert latest(world, Metric.MEMORY_USAGE).v == 4 * 180 * mib
    cpu = latest(world, Metric.CPU_USAGE).v or 0
    assert 2400 < cpu < 2800
    # 20 ms of CPU a request: 2.6 cores are 130 requests a second.
    assert (latest(world, Metric.REQUEST_RATE).v or 0) == pytest.approx(cpu * 50, rel=0.01)
    p50, p95, p99 = (
        latest(world, m).v or 0 for m in (Metric.LATENCY_P50, Metric.LATENCY_P95, Metric.LATENCY_P99)
    )
    assert 10_000 < p50 < p95 < p99 < 200_000
    assert latest(world, Metric.ERROR_RATE).v == 0
    assert 0 < (latest(world, Metric.THROTTLED_RATIO).v or 0) < 1_000_000
    assert {m for group in GROUPS.values() for m in group} <= set(Metric)


def test_overload_shows_in_latency_errors_and_throttling(world: World) -> None:
    scale(world, shop("web"), 2)
    world.advance(120)
    assert latest(world, Metric.CPU_USAGE).v == 2000
    assert (latest(world, Metric.ERROR_RATE).v or 0) > 150_000
    assert (latest(world, Metric.LATENCY_P95).v or 0) > 9_000_000
    assert latest(world, Metric.THROTTLED_RATIO).v == 1_000_000


def test_what_is_no_request_has_no_latency(world: World) -> None:
    for metric in (Metric.REQUEST_RATE, Metric.LATENCY_P95, Metric.ERROR_RATE):
        found = latest(world, metric, "worker", "statefulset")
        assert (found.v, found.missing) == (None, "no_data")


def test_no_pods_is_no_data_and_all_errors(world: World) -> None:
    scale(world, shop("web"), 0)
    world.advance(60)
    assert latest(world, Metric.CPU_USAGE).missing == "no_data"
    assert latest(world, Metric.LATENCY_P95).missing == "no_data"
    assert latest(world, Metric.ERROR_RATE).v == 1_000_000
    assert latest(world, Metric.REPLICAS).v == 0


def test_restarts_and_kills_are_those_of_the_hour(world: World) -> None:
    world.advance(18 * 3600)
    assert (latest(world, Metric.RESTARTS, "worker", "statefulset").v or 0) >= 2
    assert (latest(world, Metric.OOM_KILLS, "worker", "statefulset").v or 0) >= 2
    world.advance(2 * 3600)
    assert latest(world, Metric.OOM_KILLS, "worker", "statefulset").v == 0
    span = Span(world.now_ms() - 20 * 3_600_000, world.now_ms(), 3600)
    series = run(SimulatedMetrics(world).history(Metric.OOM_KILLS, shop("worker", "statefulset"), span))
    assert sum(v or 0 for v in series.values) == 2


def test_gaps_are_missing_and_the_sample_before_is_older(world: World) -> None:
    world.disturb(WEB, metric="cpu_usage", gaps="60%")
    world.advance(3600)
    span = Span(world.now_ms() - 3_540_000, world.now_ms(), 60)
    series = run(SimulatedMetrics(world).history(Metric.CPU_USAGE, shop("web"), span))
    assert 250_000 < series.coverage_ppm < 550_000
    ages = set()
    for _ in range(20):
        ages.add(latest(world, Metric.CPU_USAGE).age_ms)
        world.advance(15)
    assert 0 in ages
    assert max(a or 0 for a in ages) >= 30_000
    assert latest(world, Metric.REPLICAS).age_ms == 0


def test_what_is_late_is_stale_and_so_missing(world: World) -> None:
    world.disturb(None, lag="2m")
    world.advance(60)
    found = latest(world, Metric.CPU_USAGE)
    assert (found.v is not None, found.age_ms) == (True, 120_000)
    world.disturb(WEB, lag=f"{STALE_S + 60}s")
    found = latest(world, Metric.CPU_USAGE)
    assert (found.v, found.missing) == (None, "stale")
    assert latest(world, Metric.CPU_USAGE, "search").v is not None
    world.heal()
    assert latest(world, Metric.CPU_USAGE).age_ms == 0


def test_noise_is_about_the_truth_and_follows_from_the_seed(world: World) -> None:
    truth = latest(world, Metric.MEMORY_USAGE).v or 0
    world.disturb(WEB, noise="10%")
    found = [latest(world, Metric.MEMORY_USAGE).v or 0 for _ in range(2)]
    assert found[0] == found[1] != truth
    assert abs(found[0] - truth) <= truth // 10


def test_half_of_the_pods_are_not_the_whole(world: World) -> None:
    spec = {"target": "deployment/web", "gaps": "50%"}
    world.load([{"kind": "Load", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}])
    seen = set()
    for _ in range(12):
        world.advance(15)
        found = latest(world, Metric.CPU_USAGE)
        seen.add((found.missing, found.coverage_ppm))
    assert any(missing == "partial" and 0 < coverage < 900_000 for missing, coverage in seen)
    assert all(missing for missing, coverage in seen if coverage < 900_000)


def test_the_future_and_the_time_before_are_missing(world: World) -> None:
    now = world.now_ms()
    metrics = SimulatedMetrics(world)
    series = run(metrics.history(Metric.CPU_USAGE, shop("web"), Span(now, now + 120_000, 60)))
    assert [v is None for v in series.values] == [False, True, True]
    long_ago = now - 400 * 86_400_000
    series = run(metrics.history(Metric.CPU_USAGE, shop("web"), Span(long_ago, long_ago + 120_000, 60)))
    assert set(series.values) == {None}
    assert latest(world, Metric.CPU_USAGE, "nobody").missing == "no_data"


def test_a_disturbance_that_is_none_is_refused(world: World) -> None:
    for how in ({"gaps": "half"}, {"metric": "love"}, {"colour": "red"}):
        with pytest.raises(SandboxError):
            world.disturb(WEB, **how)


def test_no_metrics_of_what_is_no_workload(world: World) -> None:
    target = shop("web").model_copy(update={"kind": "node"})
    with pytest.raises(MetricsUnavailable):
        asyncio.run(SimulatedMetrics(world).latest(Metric.CPU_USAGE, target, world.now_ms()))
