"""An agent's whole run while half of the series are stale, while others are at work on what it is about to change,
and while the metrics are away for hours."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from flyball.service.duties import duties_of
from flyball.service.night import Night
from flyball.tuning_pass import Tuned, plan_as, tune_as
from flyball.wiring import App
from policies.types import AgentName
from sandbox.api.store import Key
from tests.flyball.tune.agents import opened, sizes
from tests.kit import others
from tests.kit.absence import Absence
from tools.plans.plan import StepDone

NIGHT: AgentName = "agent:night"
RUN = "r-000000000001"
TUNED = ("search", "web")
"""What an undisturbed run changes (test_agent_run.py)."""


def within(folder: Path, work: Callable[[App], Awaitable[Any]], **more: str) -> Any:
    async def run() -> Any:
        async with opened(folder, **more) as app:
            return await work(app)

    return asyncio.run(run())


def whys(found: Tuned) -> dict[str, str]:
    return {row.proposal.target.name: row.proposal.why for row in found.done.rows}


def changed(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name for name in before if before[name] != after.get(name)}


@pytest.mark.parametrize("how", [{"lag": "10m"}, {"gaps": "100%"}], ids=["stale", "gone"])
@pytest.mark.parametrize("stale", TUNED)
def test_what_is_stale_is_left_alone_and_the_others_are_tuned(
    tmp_path: Path, stale: str, how: dict[str, str]
) -> None:
    (fresh,) = set(TUNED) - {stale}

    async def work(app: App) -> None:
        others.world_of(app).disturb(Key("deployment", "shop", stale), **how)
        before = await sizes(app)
        found = await tune_as(app, NIGHT, RUN)
        assert {row.proposal.target.name for row in found.done.rows if row.proposal.change} == {fresh}
        assert changed(before, await sizes(app)) == {fresh}

    within(tmp_path, work)


@pytest.mark.parametrize(
    ("happening", "status"),
    [(others.delete, "failed"), (others.make_anew, "refused"), (others.roll_out, "refused")],
    ids=["deleted", "anew", "rolled-out"],
)
def test_what_others_change_in_the_middle_of_a_run_is_left_to_them_and_the_others_are_done(
    tmp_path: Path, happening: others.Happening, status: str
) -> None:
    """After the first step of the plan, before the second."""

    async def work(app: App) -> None:
        found = await plan_as(app, NIGHT, RUN, scheduled=True)
        assert found.plan is not None
        assert [step.request.target.name for step in found.plan.steps] == [*TUNED]
        before, seen = await sizes(app), list[StepDone]()

        def told(done: StepDone) -> None:
            seen.append(done)
            if len(seen) == 1:
                happening(app)

        await app.approvals.plans.carry_out(found.plan.digest, found.plan.principal, told=told)
        assert [done.status for done in seen] == ["applied", status], seen
        after = await sizes(app)
        assert after["search"] < before["search"]
        assert after.get("web", before["web"]) == before["web"]
        assert not await app.executor.resolver.open_intents()

    within(tmp_path, work, quiet="[rollouts]")


@pytest.mark.parametrize(
    ("happening", "why"),
    [(others.pause, "paused"), (others.roll_out, "rolling-out")],
    ids=["paused", "rolled-out"],
)
def test_what_others_are_at_work_on_is_not_looked_at(
    tmp_path: Path, happening: others.Happening, why: str
) -> None:
    async def work(app: App) -> None:
        before = await sizes(app)
        happening(app)
        found = await tune_as(app, NIGHT, RUN)
        assert whys(found)["web"] == why
        assert changed(before, await sizes(app)) == {"search"}

    within(tmp_path, work)


def test_runs_end_without_a_change_while_the_metrics_are_away_and_go_on_when_they_are_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Absence(monkeypatch)

    async def work(app: App) -> None:
        before, night = await sizes(app), Night(others.world_of(app), duties_of(app), app.context.clock)
        source.away = True
        await night.run(2 * 3600)
        assert await sizes(app) == before
        ended = [(entry.record.args or {}) for entry in await app.log.find(kinds=("run.finished",))]
        assert len(ended) == 2
        assert all("refused" in str(one["error"]) for one in ended), ended
        source.away = False
        await night.run(3600)
        assert set(TUNED) <= changed(before, await sizes(app))
        assert not await app.executor.resolver.open_intents()

    within(tmp_path, work, schedule='schedule: {cron: "30 * * * *", zone: UTC}')


def test_metrics_that_go_in_the_middle_of_a_run_end_it_before_anything_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first question of the pass is answered, the next is not."""
    source = Absence(monkeypatch)

    async def work(app: App) -> None:
        before = await sizes(app)
        source.goes_after(1)
        with pytest.raises(Exception, match="refused"):
            await tune_as(app, NIGHT, RUN)
        assert await sizes(app) == before
        source.away = False
        await tune_as(app, NIGHT, RUN)
        assert changed(before, await sizes(app)) == set(TUNED), "the same run again, whole"

    within(tmp_path, work)
