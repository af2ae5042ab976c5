"""An agent's run: carried out by itself, asked for, shown or only recorded as its level says | paused | the same run
does nothing twice | who may apply its plan | one policy for a run"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from flyball.exits import UsageError
from flyball.tuning_pass import Tuned, TuningPaused, plan_as, told, tune_as
from flyball.wiring import App
from policies.types import AgentName
from tests.flyball.tune.agents import opened, policy, sizes
from tools.path.tuning_pause import ALL, paused, turn
from tools.plans.plan import Plan, PlanRefused

NIGHT: AgentName = "agent:night"
RUN = "r-000000000001"


def within(
    folder: Path, work: Callable[[App], Awaitable[Any]], autonomy: str = "autonomous", **more: str
) -> Any:
    async def run() -> Any:
        async with opened(folder, autonomy, **more) as app:
            return await work(app)

    return asyncio.run(run())


def statuses(found: Tuned) -> dict[str, str]:
    return {row.proposal.target.name: row.status for row in found.done.rows}


def test_an_autonomous_agent_changes_what_its_rehearsal_chose(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        before = await sizes(app)
        found = await tune_as(app, NIGHT, RUN)
        after = await sizes(app)
        assert statuses(found) == {"web": "simulated", "search": "simulated", "payments": "skipped"}
        assert after["web"] > before["web"]
        assert after["search"] < before["search"]
        assert {n: after[n] for n in after if n not in ("web", "search")} == {
            n: before[n] for n in before if n not in ("web", "search")
        }, "nothing outside of its scope"
        intents = [e.record for e in await app.log.find(kinds=("action.intent",))]
        assert {i.actor.id for i in intents} == {NIGHT}
        assert {i.run_id for i in intents} == {RUN}
        assert {(i.labels or {}).get("strategy") for i in intents} == {"hpa-formula"}
        decided = [
            e.record for e in await app.log.find(kinds=("policy.decision",)) if e.record.mode == "live"
        ]
        requests = [one.request or {} for one in decided]
        assert all(r["expects"] and r["principal"]["scheduled"] for r in requests)

    within(tmp_path, work)


def test_more_changes_than_a_plan_can_hold_wait_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("plan", "plans"):
        monkeypatch.setattr(f"tools.plans.{module}.MAX_STEPS", 1)

    async def work(app: App) -> None:
        found = await tune_as(app, NIGHT, RUN)
        assert (found.later, len(found.plan.steps if found.plan else ())) == (1, 1)
        assert told(found).endswith("1 applied; left for the next run: 1")

    within(tmp_path, work)


def test_the_same_run_again_does_nothing_twice(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        await tune_as(app, NIGHT, RUN)
        after, intents = await sizes(app), await app.log.find(kinds=("action.intent",))
        await tune_as(app, NIGHT, RUN)
        assert await sizes(app) == after
        assert len(await app.log.find(kinds=("action.intent",))) == len(intents)

    within(tmp_path, work)


@pytest.mark.parametrize(
    ("autonomy", "status", "has_plan"),
    [("approve", "simulated", True), ("recommend", "simulated", False), ("observe", "observed", False)],
)
def test_at_a_lower_level_nothing_is_changed(
    tmp_path: Path, autonomy: str, status: str, has_plan: bool
) -> None:
    async def work(app: App) -> None:
        before = await sizes(app)
        found = await tune_as(app, NIGHT, RUN)
        assert await sizes(app) == before
        assert statuses(found)["web"] == status
        assert (found.plan is not None) is has_plan
        assert len(await app.log.find(kinds=("tool.proposed",), run_id=RUN)) == 3
        waits = await app.approvals.plans.waiting()
        assert [one.plan.run_id for one in waits] == ([RUN] if has_plan else [])

    within(tmp_path, work, autonomy)


def test_the_level_is_that_of_the_namespace(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        before = await sizes(app)
        assert (await tune_as(app, NIGHT, RUN)).plan is None
        assert await sizes(app) == before

    within(tmp_path, work, '{"sandbox/shop": recommend, "sandbox": autonomous}')


@pytest.mark.parametrize("scope", [NIGHT, ALL])
def test_a_paused_agent_begins_no_run_until_it_is_resumed(tmp_path: Path, scope: str) -> None:
    async def work(app: App) -> None:
        me = app.identity.by_hand()
        assert await turn(app.context, scope, me, pause=True, reason="a sale") is not None
        assert await turn(app.context, scope, me, pause=True) is None
        with pytest.raises(TuningPaused):
            await tune_as(app, NIGHT, RUN)
        assert not await app.log.find(kinds=("run.started",))
        (told,) = await app.log.find(kinds=("tune.paused",))
        assert (told.record.actor.id, told.record.reason, told.record.labels) == (
            me.on_behalf_of, "a sale", {"scope": scope},
        )  # fmt: skip
        assert await turn(app.context, scope, me, pause=False) is not None
        assert await paused(app.context, NIGHT) is None
        await tune_as(app, NIGHT, RUN)

    within(tmp_path, work)


def test_it_is_paused_for_every_process_and_after_a_restart(tmp_path: Path) -> None:
    async def pause(app: App) -> None:
        await turn(app.context, NIGHT, app.identity.by_hand(), pause=True)

    async def again(app: App) -> None:
        with pytest.raises(TuningPaused):
            await plan_as(app, NIGHT, RUN)

    within(tmp_path, pause)
    within(tmp_path, again)


def test_without_a_schedule_it_does_not_run_by_itself(tmp_path: Path) -> None:
    """The person may still run it; by itself it reads nothing."""

    async def work(app: App) -> None:
        before = await sizes(app)
        with pytest.raises(Exception, match="no schedule"):
            await tune_as(app, NIGHT, RUN)
        assert await sizes(app) == before
        assert (await plan_as(app, NIGHT, "r-000000000002")).plan is not None

    within(tmp_path, work, schedule="")


def test_an_owner_without_rights_is_denied_and_it_is_said(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        before = await sizes(app)
        with pytest.raises(Exception, match="denied"):
            await tune_as(app, NIGHT, RUN)
        assert await sizes(app) == before
        (ended,) = await app.log.find(kinds=("run.finished",))
        assert "denied" in str((ended.record.args or {})["error"])

    within(tmp_path, work, owner="human:nobody")


def test_an_agent_that_policy_does_not_name(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        with pytest.raises(UsageError):
            await tune_as(app, "agent:dawn", RUN)

    within(tmp_path, work)


async def planned(app: App) -> Plan:
    found = await plan_as(app, NIGHT, RUN, scheduled=True)
    assert found.plan is not None
    return found.plan


def test_nobody_but_the_run_itself_or_a_person_applies_its_plan(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        plan, before = await planned(app), await sizes(app)
        mine = plan.principal
        others = [
            mine.model_copy(update={"session": "r-000000000009"}),
            mine.model_copy(update={"scheduled": False}),
            mine.model_copy(update={"agent": "agent:tuner"}),
            mine.model_copy(update={"on_behalf_of": "human:else", "groups": ()}),
            app.agent("agent:ops"),
        ]
        for other in others:
            with pytest.raises(PlanRefused):
                await app.approvals.plans.carry_out(plan.digest, other)
        assert await sizes(app) == before
        await app.approvals.plans.carry_out(plan.digest, app.identity.by_hand())
        assert await sizes(app) != before

    within(tmp_path, work)


def test_an_agent_that_is_not_scheduled_does_not_apply_its_own_plan(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        found = await plan_as(app, NIGHT, RUN)
        assert found.plan is not None
        with pytest.raises(PlanRefused):
            await app.approvals.plans.carry_out(found.plan.digest, found.plan.principal)

    within(tmp_path, work)


def test_a_run_keeps_to_one_policy(tmp_path: Path) -> None:
    """The policy is edited between plan and application: nothing of it is done, though the new one allows it too."""

    async def work(app: App) -> None:
        plan, before = await planned(app), await sizes(app)
        policy(tmp_path, most=19)
        carried = await app.approvals.plans.carry_out(plan.digest, plan.principal)
        assert [(s.status, "policy has changed" in s.detail) for s in carried.steps] == [
            ("refused", True)
        ] * 2
        assert await sizes(app) == before

    within(tmp_path, work)
