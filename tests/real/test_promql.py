"""The shipped templates on samples whose times and values are known: what a real Prometheus makes of gaps, of parts
that are missing, of restarts, and of targets that are scraped twice.

The shipped windows, a scrape each 30 s, several hours of samples, written in one go.
"""

from collections.abc import Callable, Iterator

import pytest

from audit.clock import SystemClock
from policies.types import Target
from tests.real.exported import OLD_S, Cluster
from tests.real.scenes import Scenes
from tests.real.test_metrics import asking
from tests.real.written import Written
from tools.errors import MetricsUnavailable
from tools.metrics.hints import hint
from tools.metrics.shipped_templates import PRESETS
from tools.metrics.template_file import load
from tools.metrics.templates import Templates
from tools.metrics.types import Metric, Number, Series, Span

pytestmark = pytest.mark.real
PODS = tuple(f"web-7d8f9b6c5d-bbbb{last}" for last in "bcdfghjklm")


SCENES = Scenes()
scene = SCENES.scene


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    with SCENES.written(tmp_path_factory.mktemp("written")) as written:
        yield written


def latest(on: Written, name: str, metric: Metric, preset: str = "opentelemetry") -> Number:
    target = Target(cluster="real", namespace=name, kind="deployment", name="web")
    now_ms = SystemClock().wall_ms()
    return asking(on, lambda m: m.latest(metric, target, now_ms), Templates(PRESETS[preset]))


def history(on: Written, name: str, metric: Metric, seconds: int, step_s: int) -> Series:
    target = Target(cluster="real", namespace=name, kind="deployment", name="web")
    now_ms = SystemClock().wall_ms()
    span = Span(now_ms - seconds * 1000, now_ms, step_s)
    return asking(on, lambda m: m.history(metric, target, span), Templates(PRESETS["opentelemetry"]))


@scene
def _whole(on: Cluster) -> None:
    for pod in PODS:
        on.pod(pod)
        on.burns(pod, 1, on.times())
        on.counts(pod, lambda age: (0, ""), on.times())


def test_all_pods_all_the_time(prometheus: Written) -> None:
    found = latest(prometheus, "whole", Metric.CPU_USAGE)
    assert (found.v, found.coverage_ppm) == (10_000, 1_000_000)
    series = history(prometheus, "whole", Metric.CPU_USAGE, 3600, 60)
    assert set(series.values[:-1]) == {10_000}
    assert latest(prometheus, "whole", Metric.RESTARTS).v == 0
    assert latest(prometheus, "whole", Metric.OOM_KILLS).v == 0


@scene
def _gap(on: Cluster) -> None:
    for pod in PODS:
        on.pod(pod)
        gap = on.times(400, 90) if pod != PODS[0] else []
        on.burns(pod, 1, [at for at in on.times() if at not in gap])
        on.serves(
            "http_server_request_duration_seconds_count",
            1,
            [at for at in on.times() if at not in gap],
            pod=pod,
        )
        on.serves("container_cpu_cfs_periods_total", 10, on.times(), pod=pod, container="app", id=pod)


@pytest.mark.parametrize("metric", [Metric.CPU_USAGE, Metric.REQUEST_RATE])
def test_one_pod_does_not_vouch_for_the_others(prometheus: Written, metric: Metric) -> None:
    """Nine of ten were not scraped for most of the window, and are again: the sum is four for a truth of ten."""
    found = latest(prometheus, "gap", metric)
    assert found.missing == "partial", found
    assert found.coverage_ppm < 500_000
    series = history(prometheus, "gap", metric, 1200, 60)
    assert all(value is None or value >= 9_000 for value in series.values), series
    assert series.values[0] == 10_000


@scene
def _grown(on: Cluster) -> None:
    """From two pods to ten, 150 s ago: the new ones are scraped from their start on."""
    for index, pod in enumerate(PODS):
        age = 2 * OLD_S if index < 2 else 150
        on.pod(pod, since_s=age)
        on.burns(pod, 1, on.times(min(age, OLD_S)))


def test_pods_are_expected_for_their_own_time_only(prometheus: Written) -> None:
    found = latest(prometheus, "grown", Metric.CPU_USAGE)
    assert found.missing == "", found
    assert abs((found.v or 0) - (2000 + 8 * 1000 * 150 // 300)) < 600


@scene
def _replaced(on: Cluster) -> None:
    """All pods replaced 120 s ago."""
    for index, pod in enumerate(PODS):
        since, until = (2 * OLD_S, 120) if index < 5 else (120, 0)
        on.pod(pod, since, until)
        on.burns(pod, 1, on.times(min(since, OLD_S), until))


def test_what_pods_have_used_that_are_gone_counts(prometheus: Written) -> None:
    found = latest(prometheus, "replaced", Metric.CPU_USAGE)
    assert found.missing == "", found
    assert abs((found.v or 0) - 5000) < 600


@scene
def _begun(on: Cluster) -> None:
    on.pod(PODS[0], 90)
    on.burns(PODS[0], 1, on.times(90))


def test_a_workload_younger_than_the_window_is_not_idle(prometheus: Written) -> None:
    assert latest(prometheus, "begun", Metric.CPU_USAGE).missing == "partial"


@scene
def _blind(on: Cluster) -> None:
    """kube-state-metrics and nine of ten pods away together for most of the window."""
    seen = [at for at in on.times() if at not in on.times(330, 90)]
    of = {"namespace": on.name}
    for pod in PODS:
        on.put("kube_pod_status_ready", {**of, "pod": pod, "condition": "true"}, seen, 1)
        on.put("kube_pod_container_info", {**of, "pod": pod, "container": "app"}, seen, 1)
        on.burns(pod, 1, on.times() if pod == PODS[0] else seen)


def test_where_nobody_says_who_should_be_measured_nothing_is_covered(prometheus: Written) -> None:
    assert latest(prometheus, "blind", Metric.CPU_USAGE).missing == "partial"


@scene
def _two_containers(on: Cluster) -> None:
    on.pod(PODS[0], containers=("app", "proxy"))
    on.burns(PODS[0], 0.01, on.times(), container="proxy", id="/proxy")


@pytest.mark.parametrize("metric", [Metric.CPU_USAGE, Metric.MEMORY_USAGE])
def test_a_container_that_nobody_measures_makes_it_partial(prometheus: Written, metric: Metric) -> None:
    found = latest(prometheus, "two-containers", metric)
    assert (found.missing, found.coverage_ppm) == ("partial", 500_000)


@scene
def _twice(on: Cluster) -> None:
    """cAdvisor in two jobs and /metrics/resource; two kube-state-metrics; the container ran twice."""
    on.pod(PODS[0])
    for times, run in ((on.times(OLD_S, 150), "/one"), (on.times(150), "/two")):
        for job in ("a", "b"):
            on.burns(PODS[0], 1, times, id=run, job=job)
    on.burns(PODS[0], 1, on.times(), id="", job="resource")
    for instance in ("one", "two"):
        on.counts(PODS[0], lambda age: (57 + (age < 150), "OOMKilled" if age < 150 else ""), on.times(),
                  instance=instance)  # fmt: skip


def test_what_is_scraped_twice_counts_once(prometheus: Written) -> None:
    found = latest(prometheus, "twice", Metric.CPU_USAGE)
    assert found.missing == "", found
    assert found.v == 1000
    assert latest(prometheus, "twice", Metric.MEMORY_USAGE).v == 1000
    assert latest(prometheus, "twice", Metric.RESTARTS).v == 1
    assert latest(prometheus, "twice", Metric.OOM_KILLS).v == 1


@scene
def _runs(on: Cluster) -> None:
    """A container that ran twice, under two ids, half the window each, without /metrics/resource."""
    on.pod(PODS[0])
    on.burns(PODS[0], 1, on.times(OLD_S, 150), id="/one")
    on.burns(PODS[0], 1, on.times(150), id="/two")


def test_the_runs_of_a_container_add_up(prometheus: Written) -> None:
    found = latest(prometheus, "runs", Metric.CPU_USAGE)
    assert found.missing == "", found
    assert 900 <= (found.v or 0) <= 1000


@scene
def _switched(on: Cluster) -> None:
    """kube-state-metrics restarted half an hour ago; nothing else did for days."""
    on.pod(PODS[0])
    on.counts(PODS[0], lambda age: (57, "OOMKilled"), on.times(OLD_S, 1800), instance="a")
    on.counts(PODS[0], lambda age: (57, "OOMKilled"), on.times(1800), instance="b")


@scene
def _late(on: Cluster) -> None:
    """Prometheus began half an hour ago; the pod is older."""
    on.pod(PODS[0])
    on.counts(PODS[0], lambda age: (57, "OOMKilled"), on.times(1800))


@scene
def _young(on: Cluster) -> None:
    """The pod began half an hour ago and was killed before it was scraped once."""
    on.pod(PODS[0], 1810)
    on.counts(PODS[0], lambda age: (2, "OOMKilled"), on.times(1800))


@scene
def _gone(on: Cluster) -> None:
    """Killed three times, then replaced."""
    on.pod(PODS[0], until_s=600)
    on.counts(PODS[0], lambda age: (3, "OOMKilled") if age < 1200 else (0, ""), on.times(OLD_S, 600))
    on.pod(PODS[1], 600)
    on.counts(PODS[1], lambda age: (0, ""), on.times(600))


@scene
def _other_exit(on: Cluster) -> None:
    """Killed three times, then it ended by itself."""
    on.pod(PODS[0])
    told = lambda age: (4, "Error") if age < 600 else (3, "OOMKilled") if age < 1200 else (0, "")  # noqa: E731
    on.counts(PODS[0], told, on.times())


@scene
def _long_ago(on: Cluster) -> None:
    """Killed three hours ago; ended by itself within the hour."""
    on.pod(PODS[0])
    on.counts(PODS[0], lambda age: (5, "Error") if age < 600 else (4, "OOMKilled"), on.times())


@scene
def _no_reason(on: Cluster) -> None:
    """It restarted, and nothing says why."""
    on.pod(PODS[0])
    on.counts(PODS[0], lambda age: (2 if age < 600 else 0, ""), on.times())


@scene
def _unseen(on: Cluster) -> None:
    """Restarted while kube-state-metrics was away for ten minutes: twice by memory, then otherwise."""
    on.pod(PODS[0])
    seen = [at for at in on.times() if at not in on.times(1200, 600)]
    on.counts(PODS[0], lambda age: (3, "Error") if age < 600 else (0, ""), seen)


@pytest.mark.parametrize(
    ("name", "restarts", "kills"),
    [
        ("switched", 0, 0),
        ("late", None, None),
        ("young", 2, 2),
        ("gone", 3, 3),
        ("other-exit", 4, 3),
        ("long-ago", 1, 0),
        ("no-reason", 2, None),
        ("unseen", 3, None),
    ],
)
def test_restarts_and_kills_are_exact_or_missing(
    prometheus: Written, name: str, restarts: int | None, kills: int | None
) -> None:
    for metric, expected in ((Metric.RESTARTS, restarts), (Metric.OOM_KILLS, kills)):
        found = latest(prometheus, name, metric)
        assert (found.v, found.missing) == (expected, "partial" if expected is None else ""), found


@scene
def _statefulset(on: Cluster) -> None:
    """A pod of the same name is made again: its count begins at zero again."""
    for uid, told, times in (("a", (5, ""), on.times(OLD_S, 1800)), ("b", (2, "OOMKilled"), on.times(1770))):
        on.put("kube_pod_start_time", {"namespace": on.name, "pod": PODS[0], "uid": uid}, times,
                        (on.now_ms / 1000) - (1790 if uid == "b" else 2 * OLD_S))  # fmt: skip
        on.counts(PODS[0], lambda age, told=told: told, times, uid=uid)  # type: ignore[misc]


def test_another_pod_of_the_same_name_counts_from_zero(prometheus: Written) -> None:
    assert latest(prometheus, "statefulset", Metric.RESTARTS).v == 2
    assert latest(prometheus, "statefulset", Metric.OOM_KILLS).v == 2


def _native(policy: str | None) -> Callable[[Cluster], None]:
    """Two pods with a native sidecar that was killed once, and an init container that ended long ago."""

    def build(on: Cluster) -> None:
        for pod in PODS[:2]:
            on.pod(pod)
            on.init(pod, "proxy", policy, running=1)
            on.init(pod, "migrate", "" if policy else None, running=0)
            for name, cores, init in (("app", 0.5, False), ("proxy", 0.25, True), ("migrate", 2, True)):
                on.granted(pod, name, cores, init)
            on.burns(pod, 0.2, on.times())
            on.burns(pod, 0.1, on.times(), container="proxy", id=f"/{pod}/proxy")
            on.counts(pod, lambda age: (0, ""), on.times())
            killed = lambda age: (1, "OOMKilled") if age < 600 else (0, "")  # noqa: E731
            on.counts(pod, killed, on.times(), init=True, container="proxy")
            on.counts(pod, lambda age: (7, "Error"), on.times(), init=True, container="migrate")

    return build


SCENES["native"], SCENES["native-before-2-11"] = _native("Always"), _native(None)


@scene
def _in_containers(on: Cluster) -> None:
    """The same with the proxy among the containers."""
    for pod in PODS[:2]:
        on.pod(pod, containers=("app", "proxy"))
        for name, cores in (("app", 0.5), ("proxy", 0.25)):
            on.granted(pod, name, cores)
        on.burns(pod, 0.2, on.times())
        on.burns(pod, 0.1, on.times(), container="proxy", id=f"/{pod}/proxy")
        on.counts(pod, lambda age: (0, ""), on.times())
        killed = lambda age: (1, "OOMKilled") if age < 600 else (0, "")  # noqa: E731
        on.counts(pod, killed, on.times(), container="proxy")


@pytest.mark.parametrize("name", ["native", "native-before-2-11", "in-containers"])
@pytest.mark.parametrize(
    ("metric", "v"),
    [
        (Metric.CPU_USAGE, 600),
        (Metric.CPU_REQUESTS, 1500),
        (Metric.CPU_LIMITS, 1500),
        (Metric.RESTARTS, 2),
        (Metric.OOM_KILLS, 2),
    ],
)
def test_a_native_sidecar_counts_as_a_container_does(
    prometheus: Written, name: str, metric: Metric, v: int
) -> None:
    found = latest(prometheus, name, metric)
    assert (found.v, found.coverage_ppm) == (v, 1_000_000), found


@scene
def _unmeasured_sidecar(on: Cluster) -> None:
    """The sidecar has no usage, no request and no limit."""
    on.pod(PODS[0])
    on.init(PODS[0], "proxy", "Always", running=1)
    on.granted(PODS[0], "app", 0.5)
    on.burns(PODS[0], 0.2, on.times())


@pytest.mark.parametrize("metric", [Metric.CPU_USAGE, Metric.CPU_REQUESTS, Metric.CPU_LIMITS])
def test_a_native_sidecar_without_a_figure_makes_it_partial(prometheus: Written, metric: Metric) -> None:
    found = latest(prometheus, "unmeasured-sidecar", metric)
    assert (found.missing, found.coverage_ppm) == ("partial", 500_000)


@scene
def _pair(on: Cluster) -> None:
    """Two replicas of a Prometheus, each with its own label, as Thanos shows them without deduplication."""
    for pod in PODS[:2]:
        on.pod(pod)
        for replica in ("a", "b"):
            for code, rate in (("200", 9), ("500", 1)):
                on.serves("http_server_request_duration_seconds_count", rate, on.times(), pod=pod,
                          http_response_status_code=code, prometheus_replica=replica)  # fmt: skip


def test_requests_that_two_replicas_have_stored_count_once(prometheus: Written) -> None:
    assert latest(prometheus, "pair", Metric.REQUEST_RATE).v == 20_000
    assert latest(prometheus, "pair", Metric.ERROR_RATE).v == 100_000
    series = history(prometheus, "pair", Metric.REQUEST_RATE, 600, 60)
    assert set(series.values[:-1]) == {20_000}


@scene
def _two_clusters(on: Cluster) -> None:
    """One store of two clusters, each with this workload."""
    on.pod(PODS[0])
    for cluster, cores in (("a", 1), ("b", 3)):
        on.burns(PODS[0], cores, on.times(), cluster=cluster)
        on.counts(PODS[0], lambda age: (0, ""), on.times(), cluster=cluster)


@pytest.mark.parametrize("metric", [Metric.CPU_USAGE, Metric.MEMORY_USAGE, Metric.RESTARTS])
def test_two_clusters_in_one_store_are_told_apart_or_refused(prometheus: Written, metric: Metric) -> None:
    with pytest.raises(MetricsUnavailable, match="of several clusters: a, b") as refused:
        latest(prometheus, "two-clusters", metric)
    assert 'labels = { cluster = "…" }' in refused.value.hint
    if metric is Metric.CPU_USAGE:
        series = history(prometheus, "two-clusters", metric, 600, 60)
        assert set(series.values[:-1]) == {None}


@scene
def _one_of_two(on: Cluster) -> None:
    """The label is new: the older series of the same cluster has none."""
    on.pod(PODS[0])
    on.burns(PODS[0], 1, on.times(OLD_S, 150))
    on.burns(PODS[0], 1, on.times(150), cluster="a")


def test_a_label_that_came_later_is_no_second_cluster(prometheus: Written) -> None:
    assert latest(prometheus, "one-of-two", Metric.CPU_USAGE).missing == ""


@scene
def _without_honor_labels(on: Cluster) -> None:
    """kube-state-metrics' labels, as a scrape without honor_labels stores them."""
    of = {"namespace": "monitoring", "pod": "ksm-0", "exported_namespace": on.name, "exported_pod": PODS[0]}
    named = {"exported_container": "app", "container": "ksm"}
    for name, labels in {
        "kube_pod_status_phase": {"phase": "Running"},
        "kube_pod_status_ready": {"condition": "true"},
        "kube_pod_container_info": named,
        "kube_pod_container_resource_requests": {**named, "resource": "cpu"},
    }.items():
        on.put(name, {**of, **labels}, on.times(), 1)
    on.burns(PODS[0], 1, on.times())


@pytest.mark.parametrize("metric", [Metric.CPU_USAGE, Metric.CPU_REQUESTS])
def test_a_scrape_without_honor_labels_is_found_out(prometheus: Written, metric: Metric) -> None:
    found = latest(prometheus, "without-honor-labels", metric)
    assert found.missing in ("no_data", "partial")
    assert "kube_pod_container_info" in found.exported
    assert "honor_labels: true" in hint(found, "prometheus")


@scene
def _nothing_set(on: Cluster) -> None:
    """A container without a request is no fault of kube-state-metrics."""
    on.pod(PODS[0])


def test_what_nobody_set_is_not_called_absent(prometheus: Written) -> None:
    found = latest(prometheus, "nothing-set", Metric.CPU_REQUESTS)
    assert (found.missing, found.absent, found.exported) == ("no_data", (), ())
    assert "workload's template" in hint(found, "prometheus")


def _without(name: str) -> Callable[[Cluster], None]:
    """A workload of which one series was never exported, or dropped by the scrape."""

    def build(on: Cluster) -> None:
        on.pod(PODS[0])
        on.granted(PODS[0], "app", 1)
        on.burns(PODS[0], 1, on.times())
        on.drop(name)

    return build


for _name in ("kube_pod_container_info", "kube_pod_status_ready", "kube_pod_status_phase"):
    SCENES[_name.replace("_", "-")] = _without(_name)


@pytest.mark.parametrize(
    ("absent", "metric"),
    [
        ("kube_pod_container_info", Metric.CPU_REQUESTS),
        ("kube_pod_container_info", Metric.CPU_USAGE),
        ("kube_pod_status_ready", Metric.CPU_USAGE),
        ("kube_pod_status_phase", Metric.CPU_REQUESTS),
    ],
)
def test_the_series_that_is_absent_is_named(prometheus: Written, absent: str, metric: Metric) -> None:
    found = latest(prometheus, absent.replace("_", "-"), metric)
    assert found.missing in ("no_data", "partial")
    assert found.absent == (absent,)
    assert hint(found, "prometheus").startswith(
        f"its pods have no {absent}: let kube-state-metrics export it"
    )


def _istio(on: Cluster, pods: tuple[str, ...], reporter: str, **labels: str) -> None:
    to = {"destination_workload": "web", "destination_workload_namespace": on.name, "reporter": reporter}
    for pod in pods:
        on.serves("istio_requests_total", 1, on.times(), pod=pod, response_code="200", **to, **labels)


@scene
def _mesh(on: Cluster) -> None:
    for pod in PODS:
        on.pod(pod)
    _istio(on, PODS, "destination")


@scene
def _sidecars(on: Cluster) -> None:
    for pod in PODS:
        on.pod(pod)
    _istio(on, PODS[:1], "destination")


@scene
def _waypoint(on: Cluster) -> None:
    for pod in PODS:
        on.pod(pod)
    _istio(on, ("waypoint-6c5d-bbbbb",), "waypoint")


@scene
def _idle_sidecars(on: Cluster) -> None:
    """One pod is asked, the sidecars of all are scraped."""
    for pod in PODS:
        on.pod(pod)
        on.put("up", {"namespace": on.name, "pod": pod}, on.times(), 1)
    _istio(on, PODS[:1], "destination")


@pytest.mark.parametrize(
    ("name", "v", "coverage"),
    [
        ("mesh", 10_000, 1_000_000),
        ("sidecars", None, 100_000),
        ("waypoint", 1000, 1_000_000),
        ("idle-sidecars", 1000, 1_000_000),
    ],
)
def test_sidecars_are_counted_and_a_waypoint_is_not(
    prometheus: Written, name: str, v: int | None, coverage: int
) -> None:
    found = latest(prometheus, name, Metric.REQUEST_RATE, "istio")
    assert found.v == v, found
    assert abs(found.coverage_ppm - coverage) <= 1


LOWEST_PPM = 880_000
"""Of a figure over ten scrapes: a tenth may be lost, and rate() loses up to half an interval more."""


def _losing(lost: int, edge: str, away: bool) -> Callable[[Cluster], None]:
    """The first or last scrapes of the window; `away`: Prometheus itself was, so that nothing ends the series."""

    def build(on: Cluster) -> None:
        on.pod(PODS[0])
        times = on.times()
        within = [at for at in times if at > on.now_ms - 300_000]
        gone = within[:lost] if edge == "start" else within[len(within) - lost :]
        on.burns(PODS[0], 1, [at for at in times if at not in gone], away=away)

    return build


for _edge in ("start", "end"):
    for _lost in range(1, 6):
        for _away in (False, True):
            SCENES[f"lost-{_edge}-{_lost}-{_away}".lower()] = _losing(_lost, _edge, _away)


@pytest.mark.parametrize("edge", ["start", "end"])
@pytest.mark.parametrize("lost", range(1, 6))
@pytest.mark.parametrize("away", ["true", "false"])
def test_a_figure_that_is_low_is_partial(prometheus: Written, edge: str, lost: int, away: str) -> None:
    found = latest(prometheus, f"lost-{edge}-{lost}-{away}", Metric.CPU_USAGE)
    assert found.v is None or found.v >= 1000 * LOWEST_PPM // 1_000_000, found
    assert lost < 2 or found.v is None


@pytest.mark.parametrize("metric", [Metric.CPU_USAGE, Metric.MEMORY_USAGE, Metric.REQUEST_RATE])
def test_a_fleet_is_told_as_each_of_its_workloads(prometheus: Written, metric: Metric) -> None:
    """Every scene above, in one question: the same figures, and the same that are missing."""
    names = sorted(SCENES.keys() - {"two-clusters"})
    targets = [Target(cluster="real", namespace=name, kind="deployment", name="web") for name in names]
    now_ms, templates = SystemClock().wall_ms(), load(None)
    found = asking(prometheus, lambda m: m.fleet_latest(metric, targets, now_ms), templates)
    for target in targets:
        alone = latest(prometheus, str(target.namespace), metric)
        assert (found[target].v is None) == (alone.v is None), (target.namespace, found[target], alone)
        assert abs((found[target].v or 0) - (alone.v or 0)) <= 1 + (alone.v or 0) // 100, target.namespace


@pytest.mark.parametrize(
    "metric", [Metric.CPU_USAGE, Metric.MEMORY_USAGE, Metric.REQUEST_RATE, Metric.REPLICAS]
)
def test_the_points_of_a_fleet_are_those_of_each_of_its_workloads(
    prometheus: Written, metric: Metric
) -> None:
    names = sorted(SCENES.keys() - {"two-clusters"})
    targets = [Target(cluster="real", namespace=name, kind="deployment", name="web") for name in names]
    now_ms, templates = SystemClock().wall_ms(), load(None)
    span = Span(now_ms - 1200_000, now_ms, 60)
    lines = asking(prometheus, lambda m: m.fleet_history(metric, targets, span), templates)
    for target in targets:
        line = history(prometheus, str(target.namespace), metric, 1200, 60)
        pairs = [*zip(lines[target].values[1:-1], line.values[1:-1], strict=True)]
        assert sum((a is None) != (b is None) for a, b in pairs) <= 1, (target.namespace, pairs)
        assert all(a is None or b is None or abs(a - b) <= 1 + b // 50 for a, b in pairs), target.namespace


@scene
def _calm(on: Cluster) -> None:
    ready = {"namespace": on.name, "deployment": "web"}
    on.put("kube_deployment_status_replicas_ready", ready, on.times(), 10)


@scene
def _alerting(on: Cluster) -> None:
    """Two fire; one is pending, one has ended, and one is of another workload."""
    _calm(on)
    firing = {"namespace": on.name, "alertstate": "firing"}
    on.put("ALERTS", {**firing, "alertname": "Slow", "pod": PODS[0]}, on.times(), 1)
    on.put("ALERTS", {**firing, "alertname": "Few", "deployment": "web"}, on.times(), 1)
    on.put("ALERTS", {**firing, "alertname": "Over", "pod": PODS[1]}, on.times(until_s=1800), 1)
    on.put("ALERTS", {**firing, "alertname": "Theirs", "deployment": "webshop"}, on.times(), 1)
    pending = {**firing, "alertstate": "pending", "alertname": "Soon", "pod": PODS[0]}
    on.put("ALERTS", pending, on.times(), 1)


def test_the_alerts_that_fire_now_on_the_workload_or_a_pod_of_it(prometheus: Written) -> None:
    assert latest(prometheus, "alerting", Metric.ALERTS).v == 2
    assert latest(prometheus, "calm", Metric.ALERTS).v == 0


def test_no_alert_is_not_told_of_a_workload_that_nothing_is_told_of(prometheus: Written) -> None:
    """No series of an alert says nothing while the workload itself has none."""
    found = latest(prometheus, "whole", Metric.ALERTS)
    assert (found.v, found.missing) == (None, "no_data")
