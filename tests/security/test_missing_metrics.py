"""Missing or stale data never lowers replicas: a tuning pass over the whole path, on a world with little to do.

With true figures the pass takes pods away from search (else the rest would prove nothing). Each fault then is
given once by the simulated source itself, where it can, and once by a reader between source and path.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.tuner.hpa import Hpa
from agents.tuner.run import Pass, TunerPass
from agents.tuner.strategy import Aim
from flyball.tuning_pass import TUNER
from policies.types import Target
from tests.kit.installation import App, installation
from tools.cluster_types import PodUsage
from tools.errors import ClusterUnavailable, MetricsUnavailable
from tools.ports import UsageReader

WORKLOADS = ("deployment/web", "deployment/search", "deployment/report", "deployment/worker")
Change = Callable[[list[PodUsage], int], list[PodUsage]]


async def tuned(app: App, run_id: str = "r-missing") -> Pass:
    who = app.agent(TUNER, run_id)
    tuner = TunerPass(
        app.toolbox,
        app.toolbox.reads(who, run_id),
        app.recorder,
        strategy=Hpa(Aim(80)),
        principal=who,
        mode="live",
        clock=app.context.clock,
    )
    return await tuner.run(run_id, "shop")


async def sizes(app: App) -> dict[str, int]:
    found = await app.context.reader.list_workloads("shop")
    return {str(w.target): w.replicas for w in found}


def idle(app: App, gaps: str = "0%") -> None:
    """Nearly nothing to do for anybody, for long enough that every figure says so; then samples go missing."""
    assert app.world is not None
    _load(app)
    app.world.advance(900)
    if gaps != "0%":
        _load(app, gaps=gaps)
        app.world.disturb(gaps=gaps)
        app.world.advance(900)


def _load(app: App, **more: Any) -> None:
    assert app.world is not None
    known = {str(t) for t in _targets(app)}
    spec = {"cpu": "20m", "swing": "0%", "noise": "0%", **more}
    app.world.load(
        [
            {
                "apiVersion": "sandbox.flyball.io/v1",
                "kind": "Load",
                "metadata": {"name": name.partition("/")[2], "namespace": "shop"},
                "spec": {"target": name, **spec},
            }
            for name in WORKLOADS
            if name in known
        ]
    )


def _targets(app: App) -> list[Target]:
    assert app.world is not None
    with app.world.store.read() as txn:
        found = [
            (kind, one["metadata"]["name"])
            for kind in ("deployment", "statefulset")
            for one in txn.all(kind, "shop")
        ]
    return [Target(cluster="sandbox", namespace="shop", kind=kind, name=name) for kind, name in found]


async def unlowered(app: App) -> Pass:
    before = await sizes(app)
    found = await tuned(app)
    after = await sizes(app)
    assert {name: count for name, count in after.items() if count < before[name]} == {}
    lowering = [
        one.record.request for one in await app.log.find(kinds=("policy.decision",)) if one.record.request
    ]
    assert not [
        r for r in lowering if r["tool"] == "scale" and r["args"]["replicas"] < before[r["args"]["workload"]]
    ]
    return found


def test_true_figures_do_lower(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            idle(app)
            before = await sizes(app)
            await tuned(app)
            assert (await sizes(app))["deployment/search"] < before["deployment/search"]

    asyncio.run(run())


@pytest.mark.parametrize("gaps", ["100%", "95%"], ids=["gone", "partial"])
def test_the_worlds_own_gaps_lower_nothing(tmp_path: Path, gaps: str) -> None:
    """So many that no workload has a sample of all its pods by chance: then it may be lowered."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            idle(app, gaps)
            await unlowered(app)

    asyncio.run(run())


class Between:
    """A usage reader over the real one, with something wrong in what it brings."""

    def __init__(self, inner: UsageReader, now_ms: Callable[[], int], change: Change) -> None:
        self._inner, self._now_ms, self._change = inner, now_ms, change

    async def usage(self, target: Target) -> list[PodUsage]:
        return self._change(await self._inner.usage(target), self._now_ms())


def _away(error: Exception) -> Change:
    def change(_: list[PodUsage], __: int) -> list[PodUsage]:
        raise error

    return change


def _aged(ms: int) -> Change:
    return lambda found, now: [replace(one, at_ms=now - ms) for one in found]


def _used(cpu: Any) -> Change:
    return lambda found, _: [
        replace(one, containers=dict.fromkeys(one.containers, (cpu, cpu))) for one in found
    ]


CHANGES: dict[str, Change] = {
    "empty": lambda *_: [],
    "one-pod": lambda found, _: found[:1],
    "all-but-one": lambda found, _: found[1:],
    "no-containers": lambda found, _: [replace(one, containers={}) for one in found],
    "other-containers": lambda found, _: [replace(one, containers={"istio": (1, 1)}) for one in found],
    "other-pods": lambda found, _: [replace(one, pod=f"old-{one.pod}") for one in found],
    "stale": _aged(301_000),
    "one-stale": lambda found, now: [
        replace(one, at_ms=now - 301_000 * (i == 0)) for i, one in enumerate(found)
    ],
    "from-the-future": _aged(-600_000),
    "epoch": lambda found, _: [replace(one, at_ms=0) for one in found],
    "not-a-number": _used(math.nan),
    "source-away": _away(ClusterUnavailable("503 Service Unavailable", where="metrics.k8s.io")),
    "metrics-away": _away(MetricsUnavailable("half an answer", where="prometheus")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_wrong_on_the_way_lowers_nothing(tmp_path: Path, name: str) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            idle(app)
            toolbox: Any = app.toolbox
            toolbox._usage = Between(toolbox._usage, app.context.now_ms, CHANGES[name])
            found = await unlowered(app)
            assert found.rows

    asyncio.run(run())
