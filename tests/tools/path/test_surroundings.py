"""What is looked at beside the object: only where a guard wants it; what cannot be seen is not known."""

import asyncio
from collections.abc import Set
from dataclasses import replace
from typing import Any

import pytest

from policies.types import Observation
from tests.tools.rig import ScriptedCluster, ScriptedMetrics
from tests.tools.workloads import workload
from tools.cluster.rollout import rolling_out
from tools.cluster_types import ClusterIdentity, Workload
from tools.errors import ClusterUnavailable, MetricsUnavailable
from tools.metrics.types import Metric
from tools.path.observe import observation
from tools.path.surroundings import COUNTED_MS, Surroundings

NOW = 1_800_000_000_000


class Counting(ScriptedCluster):
    """Three workloads, unless it is away; `lists` is how often they were listed."""

    lists = 0
    away = False

    async def list_workloads(self, namespace: str | None, *_: object) -> list[Workload]:
        self.lists += 1
        if self.away:
            raise ClusterUnavailable("away", where="", hint="")
        return [workload()] * 3


def look(
    wanted: Set[str], cluster: Any = None, metrics: Any = None, kept: Any = None, at: int = NOW
) -> Observation:
    one = workload()
    seen = observation(one, ClusterIdentity("sandbox", "u", ""), at, {}, (), None)
    around = (kept or Surroundings()).seen(cluster or Counting(), metrics, wanted, seen, one)
    return asyncio.run(around)


def test_nothing_is_looked_for_that_nobody_wants() -> None:
    cluster = Counting()
    seen = look(frozenset(), cluster)
    assert (seen.peers, seen.alerts, seen.rolling_out, cluster.lists) == (None, None, None, 0)


def test_the_count_of_a_namespace_holds_for_a_minute() -> None:
    cluster, kept = Counting(), Surroundings()
    for after in (0, 1, COUNTED_MS - 1):
        assert look({"peers"}, cluster, kept=kept, at=NOW + after).peers == 3
    assert cluster.lists == 1
    look({"peers"}, cluster, kept=kept, at=NOW + COUNTED_MS)
    assert cluster.lists == 2
    look({"peers"}, cluster, kept=kept, at=NOW - 1)
    assert cluster.lists == 3


def test_a_count_that_failed_is_not_known_and_not_kept() -> None:
    cluster, kept = Counting(), Surroundings()
    cluster.away = True
    assert look({"peers"}, cluster, kept=kept).peers is None
    cluster.away = False
    assert look({"peers"}, cluster, kept=kept).peers == 3


@pytest.mark.parametrize(
    ("figures", "alerts"),
    [
        ({Metric.ALERTS: 0}, 0),
        ({Metric.ALERTS: 2}, 2),
        ({}, None),
        ({Metric.ALERTS: MetricsUnavailable("away", where="", hint="")}, None),
    ],
)
def test_alerts_are_what_the_source_says_or_not_known(figures: Any, alerts: int | None) -> None:
    assert look({"alerts"}, metrics=ScriptedMetrics(figures)).alerts == alerts


def test_without_a_source_of_metrics_alerts_are_not_known() -> None:
    assert look({"alerts"}).alerts is None


@pytest.mark.parametrize(
    ("change", "rolling"),
    [
        ({}, False),
        ({"generation": 8, "observed_generation": 7}, True),
        ({"updated": 2}, True),
        ({"updated": 2, "paused": True}, False),
        ({"updated": 2, "strategy": "OnDelete"}, False),
        ({"ready": 1}, False),
    ],
)
def test_a_rollout_goes_on_while_pods_wait_for_the_newest_template(change: Any, rolling: bool) -> None:
    settled = replace(workload(), generation=7, observed_generation=7, replicas=4, updated=4, ready=4)
    assert rolling_out(replace(settled, **change)) is rolling
