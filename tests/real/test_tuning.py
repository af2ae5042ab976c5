"""`flyball tune run` with a real Prometheus and apiserver: the window decides, and a source that is away ends it.

The day behind it is written at once (remote write): all of it idle but the last minutes, or busy all along.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.consoles import measured
from tests.kit.console import Console
from tests.real import assets, modules
from tests.real.cluster import Namespace
from tests.real.written import Scrapes, Written

pytestmark = pytest.mark.real
DAY_S = 86_400 + 900
EVERY_S = 30
PODS = ("web-7d8f9b6c5d-bbbbb", "web-7d8f9b6c5d-ccccc")


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Written]:
    found = Written(tmp_path / "prometheus", assets.locate(modules.METRICS_STORE)["prometheus"])
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def console(kube: Namespace, prometheus: Written, tmp_path: Path) -> Console:
    kube.workload("web", len(PODS))
    kube.settled("web")
    return measured(kube, tmp_path, prometheus.url)


def a_day(namespace: str, cores: Callable[[int], float]) -> Scrapes:
    """`cores(age)` is what each pod used that many seconds ago."""
    scrapes, now_s = Scrapes(), int(time.time())
    ages = range(DAY_S, -1, -EVERY_S)
    times = [(now_s - age) * 1_000 for age in ages]
    counter, total = dict[int, float](), 0.0
    for age, at in zip(ages, times, strict=True):
        total += cores(age) * EVERY_S
        counter[at] = total
    for pod in PODS:
        of = {"namespace": namespace, "pod": pod, "uid": f"uid-{pod}"}
        scrapes.put("kube_pod_status_ready", {**of, "condition": "true"}, times, 1)
        scrapes.put("kube_pod_container_info", {**of, "container": "main"}, times, 1)
        counted = {"namespace": namespace, "pod": pod, "container": "main", "id": f"/{pod}"}
        scrapes.put("container_cpu_usage_seconds_total", counted, times, lambda at: counter[at])
    return scrapes


def test_a_demand_that_lasts_raises(kube: Namespace, console: Console, prometheus: Written) -> None:
    prometheus.write(a_day(kube.name, lambda _: 0.2))
    ran = console.ask("tune", "run", "--yes", code=0)
    (item,) = ran["items"]
    assert (item["status"], item["why"], item["wanted"]) == ("applied", "cpu-above-target", 5), ran
    assert kube.get("web")["spec"]["replicas"] == 5


def test_a_spike_does_not(kube: Namespace, console: Console, prometheus: Written) -> None:
    prometheus.write(a_day(kube.name, lambda age: 0.2 if age < 300 else 0.07))
    (item,) = console.ask("tune", "run", "--yes", code=0)["items"]
    assert (item["status"], item["why"]) == ("kept", "not-lasting")
    assert kube.get("web")["spec"]["replicas"] == 2


def test_a_prometheus_that_is_away_ends_the_pass(
    kube: Namespace, console: Console, prometheus: Written
) -> None:
    """The cluster serves metrics.k8s.io all the same, and every pod is busy by it."""
    kube.demand("web", "400m")
    prometheus.close()
    answer = console.run("tune", "run", "--yes", "-o", "json")
    assert answer.code == 7, answer
    assert kube.get("web")["spec"]["replicas"] == 2
    assert not [e for e in kube.audit_events(verb="patch") if e.get("userAgent") == "flyball"]
