"""Every typed query on a real Prometheus, held against what the demand, the replicas and the time must come to.

The shipped templates are asked, with windows of seconds in place of minutes. A rate over WINDOW_S rests on samples
of every second: what the scrape's own jitter and the edges of the window move it by is within TOLERANCE_PPM.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest

from audit.clock import SystemClock
from policies.types import Target
from tests.real.cluster import Namespace, eventually
from tests.real.controlplane import ControlPlane
from tests.real.monitoring import SCRAPE_S, Prometheus
from tools.errors import MetricsUnavailable
from tools.metrics.prometheus.access import Access
from tools.metrics.prometheus.address import parse
from tools.metrics.prometheus.client import Caps
from tools.metrics.prometheus.reader import PrometheusMetrics
from tools.metrics.shipped_templates import PRESETS
from tools.metrics.templates import Template, Templates
from tools.metrics.types import OF_VOLUMES, SPECS, Metric, Number, Series, Span

pytestmark = pytest.mark.real
T = TypeVar("T")
WINDOW_S = 10
TOLERANCE_PPM = 30_000
LEAST_PPM = 850_000
"""How low a figure over ten scrapes may be and still count as whole, with the tolerance (docs/metrics.md)."""
LEAST_POINT_PPM = 770_000
"""The same for a point of a series over four scrapes."""
REPLICAS = 3
CPU = 900
LEAST = CPU * LEAST_PPM // 1_000_000
LEAST_POINT = CPU * LEAST_POINT_PPM // 1_000_000
MIB = 2**20
LOAD = {"rps": 60, "errors_ppm": 50_000, "latency_us": 250_000, "throttled_ppm": 200_000}
KILLS = 2


QUICK = Templates(PRESETS["opentelemetry"], scrape_s=SCRAPE_S, window_s=WINDOW_S)
SHIPPED = Templates(PRESETS["opentelemetry"], scrape_s=SCRAPE_S)


def asking(
    prometheus: Prometheus,
    use: Callable[[PrometheusMetrics], Awaitable[T]],
    templates: Templates | None = None,
    caps: Caps | None = None,
) -> T:
    """Open an adapter, ask it, close it."""

    async def run() -> T:
        access = Access(parse(prometheus.url))
        metrics = PrometheusMetrics(access, templates or QUICK, SystemClock(), caps)
        try:
            return await use(metrics)
        finally:
            await metrics.close()

    return asyncio.run(run())


def latest(
    prometheus: Prometheus, target: Target, metric: Metric, templates: Templates | None = None
) -> Number:
    return asking(prometheus, lambda m: m.latest(metric, target, SystemClock().wall_ms()), templates)


def history(prometheus: Prometheus, target: Target, metric: Metric, seconds: int, step_s: int) -> Series:
    now_ms = SystemClock().wall_ms()
    span = Span(now_ms - seconds * 1000, now_ms, step_s)
    return asking(prometheus, lambda m: m.history(metric, target, span), SHIPPED)


def web(kube: Namespace, name: str = "web", kind: str = "deployment") -> Target:
    return Target(cluster="real", namespace=kube.name, kind=kind, name=name)


@dataclass(frozen=True)
class Scene:
    """Workloads under a steady load since `since` (monotonic seconds)."""

    kube: Namespace
    prometheus: Prometheus
    since: float


@pytest.fixture(scope="module")
def scene(
    control_plane: ControlPlane, prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """One for all queries: it takes as long as the window to be measured."""
    kube = Namespace(control_plane, "measured", tmp_path_factory.mktemp("measured"))
    kube.claim("assets", "2Gi")
    kube.workload("web", REPLICAS, claim="assets")
    kube.workload("queue", 2, kind="statefulset")
    kube.workload("bare", 1, resources={"requests": {}})
    kube.workload("meshed", 1, sidecar="proxy", words={"oom-kills": "proxy=1"})
    kinds = {"web": "deployment", "queue": "statefulset", "bare": "deployment", "meshed": "deployment"}
    for name, kind in kinds.items():
        kube.settled(name, kind)
    kube.demand("web", f"{CPU}m", "384Mi", **LOAD, disk=1536 * MIB, holds=2048 * MIB)
    kube.demand("queue", "500m", "100Mi", kind="statefulset")
    here = f'namespace="{kube.name}"'
    _until(prometheus, f"count(container_cpu_usage_seconds_total{{{here},container!=''}})", REPLICAS + 2)
    _until(prometheus, f"count(kube_pod_container_status_restarts_total{{{here}}})", REPLICAS + 4)
    _until(prometheus, f"count(kube_pod_init_container_status_restarts_total{{{here}}})", 1)
    since = time.monotonic()
    kube.tell(kube.pods("web")[0]["metadata"]["name"], oom_kills=f"main={KILLS}")
    time.sleep(WINDOW_S + 2 * SCRAPE_S)
    yield Scene(kube, prometheus, since)
    kube.remove()


def _until(prometheus: Prometheus, query: str, value: float) -> None:
    eventually(lambda: prometheus.value(query) == value, query)


EXPECTED = {
    Metric.CPU_USAGE: CPU,
    Metric.MEMORY_USAGE: 384 * MIB,
    Metric.REQUEST_RATE: LOAD["rps"] * 1000,
    Metric.LATENCY_P50: LOAD["latency_us"] * 50 // 100,
    Metric.LATENCY_P95: LOAD["latency_us"] * 95 // 100,
    Metric.LATENCY_P99: LOAD["latency_us"] * 99 // 100,
    Metric.ERROR_RATE: LOAD["errors_ppm"],
    Metric.THROTTLED_RATIO: LOAD["throttled_ppm"],
    Metric.RESTARTS: KILLS,
    Metric.OOM_KILLS: KILLS,
    Metric.REPLICAS: REPLICAS,
    Metric.CPU_REQUESTS: REPLICAS * 100,
    Metric.CPU_LIMITS: REPLICAS * 500,
    Metric.MEMORY_REQUESTS: REPLICAS * 64 * MIB,
    Metric.MEMORY_LIMITS: REPLICAS * 256 * MIB,
    Metric.ALERTS: 0,
    Metric.DISK_USAGE: 1536 * MIB,
    Metric.DISK_CAPACITY: 2048 * MIB,
}
"""Of three pods: each figure follows from the load alone (latencies are spread evenly up to the longest)."""
EXACT = {
    Metric.MEMORY_USAGE,
    Metric.RESTARTS,
    Metric.OOM_KILLS,
    Metric.REPLICAS,
    Metric.CPU_REQUESTS,
    Metric.CPU_LIMITS,
    Metric.MEMORY_REQUESTS,
    Metric.MEMORY_LIMITS,
    Metric.ALERTS,
    *OF_VOLUMES,
}


@pytest.mark.parametrize("metric", Metric)
def test_each_query_is_what_the_load_comes_to(scene: Scene, metric: Metric) -> None:
    templates = SHIPPED if metric in (Metric.RESTARTS, Metric.OOM_KILLS) else None
    found = latest(scene.prometheus, web(scene.kube), metric, templates)
    expected = EXPECTED[metric]
    within = 0 if metric in EXACT else expected * TOLERANCE_PPM // 1_000_000
    assert found.v is not None, found
    assert abs(found.v - expected) <= within, (found, expected)
    assert found.unit == SPECS[metric].unit
    assert found.coverage_ppm == 1_000_000
    assert found.age_ms is not None
    assert found.age_ms <= 3 * SCRAPE_S * 1000, "a scrape or two old"


@pytest.mark.parametrize(
    ("metric", "v"),
    [
        (Metric.CPU_REQUESTS, 200),
        (Metric.CPU_LIMITS, 1000),
        (Metric.MEMORY_REQUESTS, 128 * MIB),
        (Metric.MEMORY_LIMITS, 512 * MIB),
        (Metric.RESTARTS, 1),
        (Metric.OOM_KILLS, 1),
    ],
)
def test_a_native_sidecar_as_kube_state_metrics_has_it(scene: Scene, metric: Metric, v: int) -> None:
    found = latest(scene.prometheus, web(scene.kube, "meshed"), metric, SHIPPED)
    assert (found.v, found.coverage_ppm) == (v, 1_000_000), found


def test_the_pods_of_a_statefulset(scene: Scene) -> None:
    found = latest(scene.prometheus, web(scene.kube, "queue", "statefulset"), Metric.CPU_USAGE)
    assert found.v is not None
    assert abs(found.v - 500) <= 15


def test_what_nobody_set_or_served_is_missing(scene: Scene) -> None:
    """A workload without requests, and without an endpoint: no figure, not zero."""
    for metric in (Metric.CPU_REQUESTS, Metric.CPU_USAGE, Metric.REQUEST_RATE, Metric.LATENCY_P99):
        found = latest(scene.prometheus, web(scene.kube, "bare"), metric)
        assert (found.v, found.missing) == (None, "no_data"), found


def test_a_workload_that_is_not_there_has_nothing(scene: Scene) -> None:
    for metric in Metric:
        assert latest(scene.prometheus, web(scene.kube, "nobody"), metric).v is None


def test_a_series_has_gaps_where_nothing_was_measured(scene: Scene) -> None:
    """From a minute before the load began: nothing there, then what the load comes to, and no ramp between."""
    ago = int(time.monotonic() - scene.since)
    found = history(scene.prometheus, web(scene.kube), Metric.CPU_USAGE, ago + 60, 4)
    assert found.values[0] is None
    assert found.values[-1] is not None
    assert all(value is None or LEAST_POINT <= value <= CPU + 27 for value in found.values), found
    assert 0 < found.coverage_ppm < 1_000_000


def test_a_pod_that_nobody_measures_makes_it_partial(kube: Namespace, prometheus: Prometheus) -> None:
    kube.workload("web", 3)
    kube.settled("web")
    kube.tell(kube.pods("web")[0]["metadata"]["name"], metrics="none")
    kube.demand("web", f"{CPU}m")
    target = web(kube)
    found = eventually(
        lambda: _covered(latest(prometheus, target, Metric.CPU_USAGE), 666_666), "two of three pods", 20
    )
    assert (found.v, found.missing) == (None, "partial")


def _covered(found: Number, coverage_ppm: int) -> Number | None:
    return found if found.coverage_ppm == coverage_ppm else None


def test_a_workload_younger_than_the_window_is_not_taken_for_idle(
    kube: Namespace, prometheus: Prometheus
) -> None:
    """Over five minutes, ten seconds of load look like a thirtieth of it: missing, or right, but never that."""
    kube.workload("web", 2)
    kube.settled("web")
    kube.demand("web", f"{CPU}m")
    time.sleep(8)
    found = latest(prometheus, web(kube), Metric.CPU_USAGE, SHIPPED)
    assert found.v is None or found.v >= LEAST, found


def test_a_restart_of_prometheus_never_shows_less_than_there_was(scene: Scene) -> None:
    """In mid-run: a gap, and no figure below the load, before, in and after it."""
    scene.prometheus.restart()
    target, again = web(scene.kube), time.monotonic()
    while time.monotonic() < again + 4 * WINDOW_S:
        found = latest(scene.prometheus, target, Metric.CPU_USAGE)
        assert found.v is None or found.v >= LEAST, found
        if found.v is not None and time.monotonic() > again + WINDOW_S // 2:
            break
        time.sleep(SCRAPE_S)
    assert found.v is not None, "it comes back once a window is whole again"
    ago = int(time.monotonic() - scene.since)
    series = history(scene.prometheus, target, Metric.CPU_USAGE, ago - 10, 5)
    assert all(value is None or value >= LEAST_POINT for value in series.values), series


def test_a_prometheus_that_is_away_gives_a_hint(scene: Scene) -> None:
    with scene.prometheus.stopped(), pytest.raises(MetricsUnavailable) as error:
        latest(scene.prometheus, web(scene.kube), Metric.CPU_USAGE)
    assert "prometheus_url" in error.value.hint


def test_a_frozen_prometheus_is_away_in_the_time_that_it_has(scene: Scene) -> None:
    caps = replace(Caps(), silent_s=1.0, total_s=2.0)
    started = time.monotonic()
    with scene.prometheus.frozen(), pytest.raises(MetricsUnavailable):
        asking(
            scene.prometheus,
            lambda m: m.latest(Metric.CPU_USAGE, web(scene.kube), SystemClock().wall_ms()),
            caps=caps,
        )
    assert time.monotonic() - started < 5


def test_a_template_that_is_no_promql_is_a_422_with_its_hint(scene: Scene) -> None:
    broken = replace(QUICK, by_metric={Metric.CPU_USAGE: Template("sum(rate(up))", "up")})
    with pytest.raises(MetricsUnavailable) as error:
        latest(scene.prometheus, web(scene.kube), Metric.CPU_USAGE, broken)
    assert "template" in error.value.hint
