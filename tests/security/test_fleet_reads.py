"""Threat 20: figures of many workloads at once show no more than one by one, and are recorded first."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from policies.types import Target
from tests.kit.installation import LOCAL, OPS, App, allow, deny, installation, target, write_policy
from tools.errors import MetricsUnavailable
from tools.metrics.types import Metric

WEB = Target(cluster="sandbox", namespace="shop", kind="deployment", name="web")
RULES: dict[str, list[dict[str, Any]]] = {
    "a deny by name": [allow("all", ["read"]), deny("no", ["read_metrics"], target(names=["web"]))],
    "a deny by a label": [
        allow("all", ["read"]),
        deny("no", ["read_metrics"], target(labels={"app": "web"})),
    ],
    "no rule for figures": [allow("names", ["list_workloads", "describe_workload"])],
}


async def shown(app: App) -> tuple[set[str], set[str]]:
    """The workloads whose series are released, and those whose newest figures are."""
    reads = app.toolbox.reads(app.agent("agent:ops"))
    listed = await reads.workloads("shop")
    assert "web" in {w.target.name for w in listed}
    series = await reads.fleet_series(listed, Metric.CPU_USAGE, 3600, 60)
    newest = await reads.fleet_latest(listed, Metric.CPU_USAGE)
    return {t.name for t in series}, {t.name for t in newest}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_what_may_not_be_read_alone_is_not_among_them(rules: list[dict[str, Any]], tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path, write_policy(tmp_path / "p", [LOCAL, OPS, *rules])) as app:
            series, newest = await shown(app)
            assert "web" not in series | newest
            assert ("search" in series) is ("search" in newest) is (rules is not RULES["no rule for figures"])

    asyncio.run(run())


def test_the_same_figures_as_one_by_one_and_one_record(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            reads = app.toolbox.reads(app.agent("agent:ops"))
            listed = await reads.workloads("shop")
            before = len(await app.log.find(kinds=("tool.read",)))
            many = await reads.fleet_series(listed, Metric.CPU_USAGE, 3600, 60)
            records = (await app.log.find(kinds=("tool.read",)))[before:]
            assert [e.record.observation["shown"] for e in records] == [len(listed)]  # type: ignore[index]
            assert many[WEB] == await reads.series(WEB, Metric.CPU_USAGE, 3600, 60)
            newest = await reads.fleet_latest(listed, Metric.CPU_USAGE)
            assert newest[WEB] == await reads.metric(WEB, Metric.CPU_USAGE)

    asyncio.run(run())


def test_a_source_that_is_away_is_recorded_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise MetricsUnavailable("silent", where="there", hint="wait")

    async def run() -> None:
        async with installation(tmp_path) as app:
            reads = app.toolbox.reads(app.agent("agent:ops"))
            listed = await reads.workloads("shop")
            monkeypatch.setattr(app.toolbox._metrics, "fleet_latest", away)
            with pytest.raises(MetricsUnavailable):
                await reads.fleet_latest(listed, Metric.CPU_USAGE)
            newest = (await app.log.find(kinds=("tool.read",), newest_first=True, limit=1))[0]
            assert newest.record.observation == {"error": "MetricsUnavailable", "code": ""}

    asyncio.run(run())


@pytest.mark.parametrize(
    "rules",
    [
        [allow("all", ["read"]), deny("no", ["describe_workload"], target(names=["web"]))],
        [allow("all", ["read"]), deny("no", ["describe_workload"], target(labels={"app": "web"}))],
    ],
    ids=["by name", "by label"],
)
def test_what_is_listed_of_what_may_not_be_described_is_not_among_them(
    rules: list[dict[str, Any]], tmp_path: Path
) -> None:
    async def run() -> None:
        async with installation(tmp_path, write_policy(tmp_path / "p", [LOCAL, OPS, *rules])) as app:
            everything = await app.context.reader.list_workloads("shop")
            found = await app.toolbox.reads(app.agent("agent:ops")).fleet_pods(everything)
            assert WEB not in found
            search = next(w for w in everything if w.target.name == "search")
            assert len(found[search.target]) == search.replicas
            reads = app.toolbox.reads(app.agent("agent:ops"))
            hpas, bounds = await reads.fleet_autoscalers(everything), await reads.fleet_restraints(everything)
            assert hpas.keys() == bounds.keys() == found.keys()
            assert any(hpa is not None for hpa in hpas.values())
            told = await app.log.find(kinds=("tool.read",), newest_first=True, limit=2)
            assert [e.record.observation["shown"] for e in told] == [len(found)] * 2  # type: ignore[index]


def test_a_stopped_agent_reads_of_none_of_them(tmp_path: Path) -> None:
    async def run() -> None:
        rules = [LOCAL, OPS, allow("all", ["read"])]
        async with installation(tmp_path, write_policy(tmp_path / "p", rules)) as app:
            everything = await app.context.reader.list_workloads("shop")
            reads = app.toolbox.reads(app.agent("agent:ops"))
            assert len(await reads.fleet_pods(everything)) == len(everything)
            app.context.stop_files.put("agent:ops", {})
            assert not await reads.fleet_pods(everything)
            assert not await reads.fleet_restraints(everything)
            assert not await reads.fleet_series(everything, Metric.CPU_USAGE, 3600, 60)
            app.context.stop_files.clear("agent:ops")

    asyncio.run(run())
