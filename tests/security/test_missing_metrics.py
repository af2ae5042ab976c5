"""Missing or stale data never lowers replicas: a tuning pass over the whole path, and its plan applied.

With true figures the pass takes pods away from search (else the rest would prove nothing). Each fault then is
given once by the simulated source itself, where it can, and once by a reader between source and path.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.tuner.hpa_formula import HpaFormula
from agents.tuner.strategy import Aim
from flyball.tuning_pass import Tuned, apply_plan, tune
from policies.types import Target
from tests.kit.installation import App, installation
from tools.errors import ClusterUnavailable, MetricsUnavailable
from tools.metrics.kubernetes import KubernetesMetrics
from tools.metrics.types import Metric, MetricsReader, Number, OneByOne, Series, Span

Change = Callable[[Series], Series]


async def tuned(app: App) -> Tuned:
    """A pass, and whatever of its plan policy allows."""
    found = await tune(app, HpaFormula(Aim(80)))
    if found.plan is not None and not found.plan.hopeless:
        await apply_plan(app, found.plan)
    return found


async def sizes(app: App) -> dict[str, int]:
    found = await app.context.reader.list_workloads("shop")
    return {str(w.target): w.replicas for w in found}


async def unlowered(app: App) -> None:
    before = await sizes(app)
    with suppress(MetricsUnavailable, ClusterUnavailable):
        assert (await tuned(app)).done.rows
    after = await sizes(app)
    assert {name: count for name, count in after.items() if count < before[name]} == {}
    lowering = [
        one.record.request for one in await app.log.find(kinds=("policy.decision",)) if one.record.request
    ]
    assert not [
        r for r in lowering if r["tool"] == "scale" and r["args"]["replicas"] < before[r["args"]["workload"]]
    ]


def test_true_figures_do_lower(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            before = await sizes(app)
            await tuned(app)
            assert (await sizes(app))["deployment/search"] < before["deployment/search"]

    asyncio.run(run())


@pytest.mark.parametrize("gaps", ["100%", "95%", "20%", "3%"])
def test_the_worlds_own_gaps_lower_nothing(tmp_path: Path, gaps: str) -> None:
    """A peak may hide in what is missing of a day."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            assert app.world is not None
            app.world.disturb(gaps=gaps)
            await unlowered(app)

    asyncio.run(run())


class Between(OneByOne):
    """A metrics reader over the real one, with something wrong in what it brings."""

    source = "sandbox"

    def __init__(self, inner: MetricsReader, change: Change) -> None:
        self._inner, self._change = inner, change

    async def latest(self, metric: Metric, target: Target, now_ms: int) -> Number:
        return await self._inner.latest(metric, target, now_ms)

    async def history(self, metric: Metric, target: Target, span: Span) -> Series:
        return self._change(await self._inner.history(metric, target, span))


def _away(error: Exception) -> Change:
    def change(_: Series) -> Series:
        raise error

    return change


def _kept(keep: Callable[[int, int], bool]) -> Change:
    """Of the points (by index, of so many) only some."""

    def change(found: Series) -> Series:
        n = len(found.values)
        return replace(found, values=tuple(v if keep(i, n) else None for i, v in enumerate(found.values)))

    return change


def _moved(ms: int) -> Change:
    """At other times than they were measured at."""

    def change(found: Series) -> Series:
        span = found.span
        return replace(found, span=replace(span, start_ms=span.start_ms + ms, end_ms=span.end_ms + ms))

    return change


CHANGES: dict[str, Change] = {
    "empty": _kept(lambda *_: False),
    "one-sample": _kept(lambda i, n: i == n - 1),
    "ten-minutes": _kept(lambda i, n: i >= n - 11),
    "half-a-day": _kept(lambda i, n: i >= n // 2),
    "every-other": _kept(lambda i, _: i % 2 == 0),
    "stale": _kept(lambda i, n: i < n - 7),
    "a-gap-of-20-minutes": _kept(lambda i, _: not 300 <= i < 320),
    "of-yesterday": _moved(-86_400_000),
    "from-the-future": _moved(86_400_000),
    "source-away": _away(MetricsUnavailable("HTTP 503", where="prometheus")),
    "no-history": _away(
        MetricsUnavailable("the latest sample only", where="metrics.k8s.io", code="NoHistory")
    ),
    "cluster-away": _away(ClusterUnavailable("503 Service Unavailable", where="the apiserver")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_wrong_on_the_way_lowers_nothing(tmp_path: Path, name: str) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            toolbox: Any = app.toolbox
            toolbox._metrics = Between(toolbox._metrics, CHANGES[name])
            await unlowered(app)

    asyncio.run(run())


def test_without_history_the_pass_refuses_and_nothing_is_sent(tmp_path: Path) -> None:
    """metrics.k8s.io keeps the latest sample only: one sample is no reason to change anything."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            toolbox: Any = app.toolbox
            toolbox._metrics = KubernetesMetrics(app.context.reader, toolbox._usage)
            with pytest.raises(MetricsUnavailable) as no:
                await tune(app, HpaFormula(Aim(80)))
            assert (no.value.code, no.value.effect) == ("NoHistory", "unavailable")
            assert not [
                r for r in await app.log.find() if r.record.kind in ("policy.decision", "action.intent")
            ]
            (ended,) = await app.log.find(kinds=("run.finished",))
            assert ended.record.args == {"error": no.value.what}

    asyncio.run(run())
