"""metrics.k8s.io and the pods as a source: what is measured, what is missing, and what is never served."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from policies.types import Target
from tests.tools.metrics.kit import NOW, WEB
from tests.tools.workloads import pod, workload
from tools.cluster_types import ClusterIdentity, Pod, PodUsage, Resources, Workload
from tools.errors import ClusterUnavailable, MetricsUnavailable, NeverHappened, NotFound
from tools.metrics.kubernetes import KubernetesMetrics
from tools.metrics.types import Metric, Number, Span

MI = 2**20


@dataclass
class Cluster:
    """Pods and their samples, as both ports give them."""

    found: list[Pod] = field(default_factory=list)
    samples: list[PodUsage] = field(default_factory=list)
    fault: Exception | None = None

    async def pods(self, target: Target) -> list[Pod]:
        return self.found

    async def read(self, target: Target) -> Workload:
        if isinstance(self.fault, NotFound):
            raise self.fault
        return workload(3)

    async def usage(self, target: Target) -> list[PodUsage]:
        if self.fault:
            raise self.fault
        return self.samples

    async def identity(self) -> ClusterIdentity:
        return ClusterIdentity("prod", "uid-1", "https://server")


def sample(name: str, cpu: int = 100, memory: int = 64 * MI, age_ms: int = 15_000) -> PodUsage:
    return PodUsage(name, NOW - age_ms, 30, {"app": (cpu, memory), "sidecar": (7, MI)})


def cluster(count: int = 3, sampled: int | None = None) -> Cluster:
    names = [f"web-{index}" for index in range(count)]
    return Cluster([pod(name) for name in names], [sample(name) for name in names[:sampled]])


def latest(on: Cluster, metric: Metric) -> Number:
    reader = KubernetesMetrics(on, on)  # type: ignore[arg-type]
    return asyncio.run(reader.latest(metric, WEB, NOW))


def test_usage_is_the_sum_over_containers_and_pods() -> None:
    number = latest(cluster(), Metric.CPU_USAGE)
    assert (number.v, number.missing, number.age_ms, number.window_s) == (321, "", 15_000, 30)
    assert latest(cluster(), Metric.MEMORY_USAGE).v == 3 * 65 * MI


def test_an_empty_list_is_missing() -> None:
    assert latest(cluster(sampled=0), Metric.CPU_USAGE).missing == "no_data"


@pytest.mark.parametrize(("sampled", "missing"), [(1, "partial"), (8, "partial"), (9, ""), (10, "")])
def test_nine_of_ten_ready_pods_are_enough(sampled: int, missing: str) -> None:
    number = latest(cluster(10, sampled), Metric.CPU_USAGE)
    assert (number.missing, number.coverage_ppm) == (missing, sampled * 100_000)


@pytest.mark.parametrize("metric", [Metric.CPU_USAGE, Metric.MEMORY_USAGE])
def test_a_sample_of_no_container_is_missing_and_not_zero(metric: Metric) -> None:
    on = cluster(1)
    on.samples = [PodUsage("web-0", NOW, 30, {})]
    assert (latest(on, metric).v, latest(on, metric).missing) == (None, "no_data")
    on = cluster(2)
    on.samples[1] = PodUsage("web-1", NOW, 30, {})
    assert latest(on, metric).coverage_ppm == 500_000


def test_a_pod_counts_with_all_its_containers_only() -> None:
    on = cluster(2)
    on.samples[1] = PodUsage("web-1", NOW, 30, {"sidecar": (7, MI)})
    number = latest(on, Metric.CPU_USAGE)
    assert (number.missing, number.coverage_ppm) == ("partial", 500_000)


def test_old_samples_are_none_and_all_old_is_stale() -> None:
    on = cluster(3)
    on.samples[0] = sample("web-0", age_ms=301_000)
    assert latest(on, Metric.CPU_USAGE).missing == "partial"
    on.samples = [sample(f"web-{index}", age_ms=301_000) for index in range(3)]
    assert latest(on, Metric.CPU_USAGE).missing == "stale"


def test_a_sample_of_the_future_is_missing() -> None:
    on = cluster(3)
    on.samples[2] = sample("web-2", age_ms=-600_000)
    assert latest(on, Metric.CPU_USAGE).missing == "future"


def test_other_workloads_pods_do_not_count() -> None:
    """A selector may find more than the workload's own, as an HPA's does."""
    on = cluster(3)
    on.samples.append(sample("web-canary-0", cpu=9_000))
    assert latest(on, Metric.CPU_USAGE).v == 321


def test_without_a_ready_pod_nothing_is_known() -> None:
    on = cluster(0)
    on.found = [pod("web-0", ready=False)]
    on.samples = [sample("web-0")]
    assert latest(on, Metric.CPU_USAGE).missing == "partial"


def test_replicas_are_the_ready_ones() -> None:
    number = latest(cluster(), Metric.REPLICAS)
    assert (number.v, number.age_ms, number.window_s) == (3, 0, 0)


@pytest.mark.parametrize(
    ("metric", "v"),
    [
        (Metric.CPU_REQUESTS, 1500),
        (Metric.CPU_LIMITS, 3000),
        (Metric.MEMORY_REQUESTS, 3 * 256 * MI),
        (Metric.MEMORY_LIMITS, 3 * 512 * MI),
    ],
)
def test_what_was_granted_is_the_sum_over_living_pods(metric: Metric, v: int) -> None:
    on = cluster()
    on.found += [pod("web-8", phase="Failed"), pod("web-9", deleting=True)]
    assert latest(on, metric).v == v


def test_a_pod_says_its_resources_as_a_whole() -> None:
    """Pod-level resources (Kubernetes 1.34) are instead of its containers', amount by amount."""
    bare = pod("web-0", Resources(memory_request=MI))
    whole = replace(bare, resources=Resources(cpu_request=700))
    number = latest(Cluster([whole, pod("web-1")]), Metric.CPU_REQUESTS)
    assert (number.v, number.coverage_ppm) == (1200, 1_000_000)
    assert latest(Cluster([whole]), Metric.MEMORY_REQUESTS).v == MI
    assert latest(Cluster([bare]), Metric.CPU_REQUESTS).missing == "no_data"


def test_a_limit_that_is_not_set_is_missing_and_not_zero() -> None:
    on = cluster(2)
    none = Resources(cpu_request=100)
    on.found = [pod("web-0", none), pod("web-1", none)]
    assert latest(on, Metric.CPU_LIMITS).missing == "no_data"
    on.found = [pod("web-0"), pod("web-1", none)]
    assert latest(on, Metric.CPU_LIMITS).missing == "partial"
    assert latest(on, Metric.CPU_REQUESTS).v == 600


def test_restarts_and_kills_say_since_when() -> None:
    on = cluster(0)
    began = NOW - 7_200_000
    on.found = [
        pod("web-0", restarts=3, last_exit="OOMKilled", started_at_ms=began),
        pod("web-1", restarts=1, last_exit="Error", started_at_ms=NOW),
    ]
    restarts, kills = latest(on, Metric.RESTARTS), latest(on, Metric.OOM_KILLS)
    assert (restarts.v, restarts.window_s) == (4, 7200)
    assert (kills.v, kills.window_s) == (1, 7200)
    assert latest(cluster(0), Metric.RESTARTS).missing == "no_data"


@pytest.mark.parametrize(
    ("restarts", "last_exit", "v"), [(0, "", 0), (1, "Error", 0), (4, "Error", None), (1, "", None)]
)
def test_no_kill_is_known_only_where_every_restart_is(restarts: int, last_exit: str, v: int | None) -> None:
    """The API keeps the last exit alone: what ended the container before may have been memory."""
    on = cluster(0)
    on.found = [pod("web-0", restarts=restarts, last_exit=last_exit, started_at_ms=NOW)]
    number = latest(on, Metric.OOM_KILLS)
    assert (number.v, number.missing) == (v, "partial" if v is None else "")


_SERVED = {
    Metric.CPU_USAGE,
    Metric.MEMORY_USAGE,
    Metric.REPLICAS,
    Metric.RESTARTS,
    Metric.OOM_KILLS,
    Metric.CPU_REQUESTS,
    Metric.CPU_LIMITS,
    Metric.MEMORY_REQUESTS,
    Metric.MEMORY_LIMITS,
}


@pytest.mark.parametrize(
    "metric",
    sorted(set(Metric) - _SERVED),
)
def test_what_it_never_has_is_not_served(metric: Metric) -> None:
    assert latest(cluster(), metric).missing == "not_served"


FAULTS: Sequence[Exception] = (
    ClusterUnavailable(
        "metrics.k8s.io gave no usage: HTTP 404 404 page not found", where="GET x", hint="install", http=404
    ),
    ClusterUnavailable(
        "metrics.k8s.io gave no usage: HTTP 503 service unavailable", where="GET x", hint="hint", http=503
    ),
    NeverHappened("forbidden", where="GET x", hint="give a Role", http=403),
)


@pytest.mark.parametrize("fault", FAULTS, ids=["404", "503", "403"])
def test_a_source_that_cannot_be_asked_is_away(fault: ClusterUnavailable) -> None:
    with pytest.raises(MetricsUnavailable) as caught:
        latest(Cluster([pod()], [], fault), Metric.CPU_USAGE)
    assert (caught.value.what, caught.value.where, caught.value.hint) == (fault.what, fault.where, fault.hint)
    assert caught.value.http == fault.http


def test_a_workload_that_is_not_there_is_said_so() -> None:
    with pytest.raises(NotFound):
        latest(Cluster(fault=NotFound("no web")), Metric.REPLICAS)


def test_it_has_no_history() -> None:
    on = cluster()
    reader = KubernetesMetrics(on, on)  # type: ignore[arg-type]
    with pytest.raises(MetricsUnavailable) as caught:
        asyncio.run(reader.history(Metric.CPU_USAGE, WEB, Span(NOW, NOW, 60)))
    assert "prometheus_url" in caught.value.hint
