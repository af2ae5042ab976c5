"""Volumes that fill up, on a world: one finding with its moment, and a reasoned no with what a person can do.

| what happens | then |
|---|---|
| the volume of `worker` fills | one finding, whoever looks and however often; nothing is tried |
| it is full | open still |
| it is expanded | unknown for a while: open still; then resolved |
| figures are away, late or may not be read | neither opened nor resolved |
| two workloads mount one claim | a finding of each: each stops where it is full |
| a claim has a name that is none of Kubernetes' | it is in no line that somebody may paste |
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agents.sentinel.advice import advice
from agents.sentinel.checks import Checked, Seen
from agents.sentinel.words import said
from flyball.sentinel_pass import look_once
from forecasting.sentinel.live import Foreseen
from policies.types import Target
from sandbox.metrics import SimulatedMetrics
from tests.flyball.facts import WEB, workload
from tests.flyball.sentinel.test_live import MAY, WORKER, claim, count
from tests.kit.installation import App, within, write_policy
from tests.sandbox.test_volumes import mounting
from tools.errors import MetricsUnavailable
from tools.findings.findings import Findings
from tools.metrics.types import Metric, Series, Span

HOUR_S = 3600
FILLED_H = 24
"""After so many hours the volumes of `worker` are nearly full."""
GIB = 2**30


def filled(folder: Path, work: Callable[[App], Awaitable[None]], hours: int = FILLED_H) -> None:
    async def run(app: App) -> None:
        assert app.world is not None
        app.world.advance(hours * HOUR_S)
        await work(app)

    within(folder, run, write_policy(folder / "policy", MAY))


async def disks(app: App) -> list[str]:
    found = await Findings(app.context).opened()
    return [str(one.finding.target) for one in found if one.finding.what == "disk"]


def expand(app: App, storage: str) -> None:
    assert app.world is not None
    app.world.load([claim(f"spool-worker-{ordinal}", storage) for ordinal in (0, 1)])


def test_it_is_opened_once_with_its_moment_and_a_reasoned_no(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        await look_once(app)
        (one,) = [o for o in await Findings(app.context).opened() if o.finding.what == "disk"]
        found, figures = one.finding, one.finding.figures
        assert str(found.target) == WORKER
        assert figures["limit"] == 10 * GIB
        left = 10 * GIB - figures["level"]
        assert figures["eta_s"] == pytest.approx(left / figures["slope_per_h"] * HOUR_S, rel=0.05)
        assert found.said.startswith("its fullest volume reaches 10Gi in ")
        assert found.tried == ""
        assert "nothing that Flyball does makes a volume larger" in found.advice
        assert "spool-worker-0, spool-worker-1" in found.advice
        assert found.command.startswith("kubectl patch pvc CLAIM -n shop -p ")
        assert '"storage":"15Gi"' in found.command
        for _ in range(2):
            assert (await look_once(app)).opened == ()
        assert await count(app, "action.intent") == await count(app, "plan.proposed") == 0

    filled(tmp_path, work)


def test_what_is_full_stays_open_until_it_is_expanded(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        await look_once(app)
        for _ in range(4):
            app.world.advance(6 * HOUR_S)
            await look_once(app)
            assert await disks(app) == [WORKER]
        expand(app, "100Gi")
        for _ in range(4):
            app.world.advance(1200)
            await look_once(app)
            assert await disks(app) == [WORKER], "too early to tell"
        app.world.advance(2400)
        await look_once(app)
        assert await disks(app) == []
        (gone,) = [
            e
            for e in await app.log.find(kinds=("finding.resolved",))
            if (e.record.labels or {})["what"] == "disk"
        ]
        assert (gone.record.observation or {})["said"] == "it is no longer so"

    filled(tmp_path, work)


@pytest.mark.slow
def test_an_expansion_that_is_too_small_changes_nothing(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        await look_once(app)
        expand(app, "10500Mi")
        for _ in range(40):
            app.world.advance(600)
            await look_once(app)
            assert await disks(app) == [WORKER]
        assert await count(app, "finding.resolved") == 0

    filled(tmp_path, work, hours=25)


def test_figures_that_are_away_neither_open_nor_resolve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(
        self: SimulatedMetrics, metric: Metric, targets: Sequence[Target], span: Span
    ) -> Mapping[Target, Series]:
        raise MetricsUnavailable("away", where="prometheus")

    async def work(app: App) -> None:
        assert app.world is not None
        with monkeypatch.context() as patched:
            patched.setattr(SimulatedMetrics, "fleet_history", away, raising=False)
            await look_once(app)
        assert await disks(app) == []
        await look_once(app)
        app.world.disturb(lag="2h")
        app.world.advance(HOUR_S)
        await look_once(app)
        assert await disks(app) == [WORKER]

    filled(tmp_path, work)


def test_a_claim_of_two_workloads_is_a_finding_of_each(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        loads = [
            {"kind": "Load", "metadata": {"name": name, "namespace": "shop"},
             "spec": {"target": f"deployment/{name}", "disk": "5100Mi"}}
            for name in ("one", "two")
        ]  # fmt: skip
        app.world.load([claim("common", "5Gi"), mounting("one", "common"), mounting("two", "common"), *loads])
        app.world.advance(HOUR_S)
        await look_once(app)
        assert await disks(app) == ["deployment/one", "deployment/two"]
        await look_once(app)
        assert await count(app, "finding.opened") == 2
        found = await Findings(app.context).opened()
        assert {one.finding.command.split()[3] for one in found} == {"common"}

    filled(tmp_path, work, hours=0)


FULL = Foreseen("open", "", (("eta_s", 0), ("level", 9 * GIB), ("limit", 10 * GIB), ("coverage_ppm", 1)))


@pytest.mark.parametrize("name", ["x; rm -rf /", "$(id)", "`id`", "-A", "a b", "A", "a\n", "", "x" * 254])
def test_a_name_that_is_none_of_kubernetes_is_in_no_command(name: str) -> None:
    seen = Seen(workload(mounts_claims=True), None, {}, 0, 999_000)
    found = advice(Checked("disk", WEB, FULL), seen, (name,))
    size = '{"spec":{"resources":{"requests":{"storage":"15Gi"}}}}'
    assert found.command == f"kubectl patch pvc CLAIM -n shop -p '{size}'"
    assert found.action is None
    assert "its claims" not in found.reason


def test_what_is_full_is_said_so() -> None:
    assert said(Checked("disk", WEB, FULL)) == "its fullest volume is full: 9Gi of 10Gi"


def test_many_claims_are_not_all_named() -> None:
    seen: Any = Seen(workload(mounts_claims=True), None, {}, 0, 999_000)
    found = advice(Checked("disk", WEB, FULL), seen, [f"data-db-{i}" for i in range(9)])
    assert "(its claims: data-db-0, data-db-1, data-db-2, data-db-3, …)" in found.reason
