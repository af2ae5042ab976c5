"""`flyball tune backtest` on a workload's own two weeks: what a real Prometheus holds, asked for through the governed
reads of a real cluster.

The history is written at once (remote write), so that each sample's time and the demand behind it are known.
"""

import csv
import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.consoles import measured
from tests.kit.console import Console
from tests.real import assets, modules
from tests.real.cluster import Namespace
from tests.real.written import Scrapes, Written

pytestmark = pytest.mark.real
DAY_S = 86_400
DAYS = 14
EVERY_S = 30
PODS = ("web-7d8f9b6c5d-bbbbb", "web-7d8f9b6c5d-ccccc")
AWAY_S = range(3 * DAY_S, 3 * DAY_S + 7200)
"""Seconds before now at which nothing was scraped."""


def cores(at_s: int) -> float:
    """What each pod uses: a course of the day."""
    return 4 + 2 * math.sin(at_s / DAY_S * 2 * math.pi)


def used(at_s: int) -> float:
    """Its integral, as cAdvisor counts it."""
    return 4 * at_s - 2 * DAY_S / (2 * math.pi) * math.cos(at_s / DAY_S * 2 * math.pi)


@pytest.fixture
def console(kube: Namespace, tmp_path: Path) -> Iterator[Console]:
    prometheus = Written(tmp_path / "prometheus", assets.locate(modules.METRICS_STORE)["prometheus"])
    try:
        prometheus.write(_two_weeks(kube.name, int(time.time())))
        kube.workload("web", len(PODS))
        kube.settled("web")
        yield measured(kube, tmp_path, prometheus.url)
    finally:
        prometheus.close()


def _two_weeks(namespace: str, now_s: int) -> Scrapes:
    scrapes = Scrapes()
    ages = range(DAYS * DAY_S, 0, -EVERY_S)
    times = [(now_s - age) * 1000 for age in ages if age not in AWAY_S]
    for pod in PODS:
        of = {"namespace": namespace, "pod": pod, "uid": f"uid-{pod}"}
        scrapes.put("kube_pod_status_ready", {**of, "condition": "true"}, times, 1)
        scrapes.put("kube_pod_start_time", of, times, now_s - 2 * DAYS * DAY_S)
        scrapes.put("kube_pod_container_info", {**of, "container": "app"}, times, 1)
        counted = {"namespace": namespace, "pod": pod, "container": "app", "id": f"/{pod}"}
        scrapes.put(
            "container_cpu_usage_seconds_total", counted, times, lambda at: used(at // 1000) - used(0)
        )
    return scrapes


def test_two_weeks_of_its_own(console: Console, tmp_path: Path) -> None:
    document = console.ask("tune", "backtest", "deploy/web", "--since", f"{DAYS}d", code=0)
    (trace,) = document["traces"]
    assert trace["minutes"] == pytest.approx(DAYS * DAY_S / 120, abs=5)
    assert trace["coverage_ppm"] == pytest.approx(1_000_000 * (1 - len(AWAY_S) / DAYS / DAY_S), abs=1000)
    assert trace["per_replica_microcores"] == pytest.approx(1_000_000 * 2 * 6 / 40, rel=0.01)
    rows = {row["policy"]: row for row in document["total"]}
    assert rows["oracle"]["violation_seconds"] == 0
    assert rows["oracle"]["replica_seconds"] < rows["hpa"]["replica_seconds"]
    table = console.run("tune", "backtest", "deploy/web", "--since", f"{DAYS}d")
    assert f"deployment/web: 99% of the last {DAYS}d measured" in table.err
    assert [line.split()[0] for line in table.out.splitlines()[1:4]] == ["POLICY", "quantile-0.02", "hpa-70%"]
    out = tmp_path / "plan"
    words = ("--policy", "static", "--per-replica", "1", "--out", str(out))
    console.ask("tune", "backtest", "deploy/web", *words, code=0)
    with next(out.iterdir()).open(newline="") as file:
        plan = [(int(row["ts"]), int(row["replicas"])) for row in csv.DictReader(file)]
    assert {replicas for _, replicas in plan} == {math.ceil(2 * 6 / 0.85)}
    assert plan[-1][0] == pytest.approx(time.time(), abs=300)
