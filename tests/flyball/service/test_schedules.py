"""The duty `schedules` on the simulated cluster, whose time the test moves.

policy                                     what must be so
names an agent with a schedule             its run begins when it is due, once, under the id of that due time
no longer names it, or its schedule        no further run; one that is queued is denied, and the log says so
the agent, the cluster, all are stopped    denied, and the log says so; after the resume it runs again
the run's owner may look at nothing        denied, and the log says so
nobody was there at the due time           the log says so, and whether it is made up for
the process died in the run                the same run again, under the same id
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from audit.record import Record
from flyball.jobs.types import Run
from flyball.service.schedules import SchedulesDuty
from tests.kit.installation import LOCAL, App, doc, installation, target, write_policy
from tools.errors import ReadRefused
from tools.path import kill_switch

NIGHT = {"cron": "0 * * * *", "zone": "UTC"}
HOUR_S = 3600
"""A new world begins at 14:00."""


def agent(name: str = "night", schedule: dict[str, str] | None = NIGHT, **more: Any) -> dict[str, Any]:
    planned = {"schedule": schedule} if schedule else {}
    return doc(
        "Agent", name, {"owner": "local", "roles": ["operator"], "autonomy": "autonomous", **planned, **more}
    )


class Rig:
    """An installation with the duty; what is run is noted in `begun`."""

    def __init__(self, app: App, policies: Path) -> None:
        self.app, self._policies, self.begun = app, policies, list[tuple[str, str]]()
        self.bindings = [LOCAL]
        self.fails: Exception | None = None
        self.duty = SchedulesDuty(app, self._tune)

    async def _tune(self, app: App, agent: str, run_id: str) -> str:
        assert app is self.app
        self.begun.append((agent, run_id))
        if self.fails is not None:
            raise self.fails
        return "nothing to change"

    def policy(self, *documents: dict[str, Any]) -> None:
        write_policy(self._policies, [*self.bindings, *documents])

    async def later(self, seconds: int) -> None:
        assert self.app.world is not None
        self.app.world.advance(seconds)
        await self.look()

    async def look(self) -> None:
        now = self.app.context.now_ms()
        if self.duty.due_ms(now) <= now:
            await self.duty.run(now)

    async def runs(self) -> list[Run]:
        return await self.app.jobs.runs()

    async def missed(self) -> list[Record]:
        return [entry.record for entry in await self.app.log.find(kinds=("schedule.missed",))]

    async def why(self) -> str:
        """Why the newest one was missed."""
        return (await self.missed())[-1].reason or ""


def within(
    folder: Path, work: Callable[[Rig], Awaitable[None]], *documents: dict[str, Any], rig: type[Rig] = Rig
) -> None:
    policies = write_policy(folder / "policies", [LOCAL, *(documents or (agent(),))])

    async def run() -> None:
        async with installation(folder, policies) as app:
            await work(rig(app, policies))

    asyncio.run(run())


def test_a_run_begins_when_it_is_due_and_once(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.look()
        assert rig.begun == []
        for _ in range(3):
            await rig.later(HOUR_S // 2)
        (run,) = await rig.runs()
        assert rig.begun == [("agent:night", run.id)]
        assert (run.state, run.why, run.due_ms) == ("done", "nothing to change", 1_772_463_600_000)
        assert await rig.missed() == []

    within(tmp_path, work)


def test_it_is_due_at_the_schedules_minute(tmp_path: Path) -> None:
    """A driver of virtual time goes from one due time to the next."""

    async def work(rig: Rig) -> None:
        await rig.look()
        now = rig.app.context.now_ms()
        assert rig.duty.due_ms(now) == now + 60_000, "policy is looked at each minute"
        await rig.later(HOUR_S - 30)
        assert rig.duty.due_ms(0) == now + HOUR_S * 1000

    within(tmp_path, work)


def test_each_agent_has_its_own_schedule_and_others_have_none(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.look()
        await rig.later(HOUR_S)
        assert sorted(name for name, _ in rig.begun) == ["agent:night", "agent:noon"]

    elsewhere = {"scope": target(clusters=["prod-*"])}
    within(tmp_path, work, agent(), agent("noon"), agent("never", None), agent("far", **elsewhere))


def test_a_schedule_that_policy_no_longer_has_is_dropped(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.look()
        rig.policy(agent("other"))
        await rig.later(60)
        assert [one.schedule.payload["agent"] for one in await rig.app.jobs.schedules()] == ["agent:other"]
        await rig.later(HOUR_S)
        assert [name for name, _ in rig.begun] == ["agent:other"]

    within(tmp_path, work)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (agent("other"), "no longer names `agent:night`"),
        (agent("night", None), "no longer gives `agent:night` a schedule"),
    ],
)
def test_a_queued_run_is_denied_where_policy_has_changed_its_mind(
    tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    async def work(rig: Rig) -> None:
        await rig.look()
        (one,) = await rig.app.jobs.schedules()
        rig.app.world.advance(HOUR_S)  # type: ignore[union-attr]
        await rig.app.jobs.tick((one.schedule.job,), rig.app.context.now_ms())
        rig.policy(changed)
        await rig.look()
        (run,) = await rig.runs()
        assert (rig.begun, run.state) == ([], "failed")
        assert why in run.why
        assert why in await rig.why()

    within(tmp_path, work)


@pytest.mark.parametrize("scope", ["all", "cluster/sandbox", "agent:night"])
def test_a_run_of_a_stopped_agent_is_denied_and_runs_again_after_the_resume(
    tmp_path: Path, scope: str
) -> None:
    async def work(rig: Rig) -> None:
        await rig.look()
        who = rig.app.identity.by_hand()
        await kill_switch.throw(rig.app.context, scope, who, "an incident")
        await rig.later(HOUR_S)
        assert rig.begun == []
        assert await rig.why() == f"denied: {scope} is stopped"
        await kill_switch.lift(rig.app.context, scope, who, "over")
        await rig.later(HOUR_S)
        assert len(rig.begun) == 1

    within(tmp_path, work)


def test_another_agents_stop_is_none_of_its_business(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.look()
        await kill_switch.throw(rig.app.context, "agent:other", rig.app.identity.by_hand(), "")
        await rig.later(HOUR_S)
        assert len(rig.begun) == 1

    within(tmp_path, work)


def test_an_owner_without_rights_is_said(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.fails = ReadRefused("denied: no rule lets human:anna read", where="shop", record=9, stage="rules")
        await rig.look()
        await rig.later(HOUR_S)
        assert await rig.why() == "denied: shop: denied: no rule lets human:anna read"
        (record,) = await rig.missed()
        (run,) = await rig.runs()
        assert (record.run_id, run.state) == (run.id, "failed")
        assert record.actor.id == "flyball:schedules"

    within(tmp_path, work)


def test_a_due_time_that_nobody_was_there_for_is_recorded(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.look()
        await rig.later(2 * HOUR_S + HOUR_S // 2)
        assert rig.begun == []
        assert await rig.why() == "nobody was there to start it: due 2026-03-02T15:00Z to 2026-03-02T16:00Z"

    within(tmp_path, work)


def test_what_was_missed_is_not_lost_with_the_process_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the log's commit and that of the store: another look tells the same, or nothing more."""

    async def work(rig: Rig) -> None:
        await rig.look()
        rig.app.world.advance(2 * HOUR_S + HOUR_S // 2)  # type: ignore[union-attr]

        async def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(rig.app.jobs, "tick", killed)
            with pytest.raises(KeyboardInterrupt):
                await rig.duty._tick()
        assert len(await rig.missed()) == 1
        await rig.duty._tick()
        await rig.duty._tick()
        assert len(await rig.missed()) == 1
        assert "nobody was there" in await rig.why()

    within(tmp_path, work)


def test_a_run_that_kills_its_workers_is_told_in_the_log_once(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.look()
        (one,) = await rig.app.jobs.schedules()
        rig.app.world.advance(HOUR_S)  # type: ignore[union-attr]
        now, job = rig.app.context.now_ms(), one.schedule.job
        await rig.app.jobs.tick((job,), now)
        for _ in range(5):
            await rig.app.jobs.reap(now)
            assert await rig.app.jobs.claim("dies", (job,), now) is not None
            rig.app.jobs._slots._store.changed("UPDATE slot SET until_us = 0", {})  # type: ignore[attr-defined]
        for _ in range(2):
            await rig.later(60)
            rig.duty._failed.clear()
        (told,) = await rig.missed()
        assert (told.reason, told.labels) == (
            "failed: its worker died 5 times", {"agent": "agent:night", "cluster": "sandbox"},
        )  # fmt: skip
        assert rig.begun == []

    within(tmp_path, work)


def test_the_newest_one_is_made_up_for_where_the_schedule_says_so(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.look()
        await rig.later(2 * HOUR_S + HOUR_S // 4)
        (run,) = await rig.runs()
        assert rig.begun == [("agent:night", run.id)]
        assert await rig.why() == "nobody was there to start it: due 2026-03-02T15:00Z"

    within(tmp_path, work, agent(schedule={**NIGHT, "misfire": "once", "within": "30m"}))


def test_a_run_whose_process_died_is_the_same_run_again(tmp_path: Path) -> None:
    """Its worker is gone with its lease; the next one gets the same id, so its requests are the same requests."""

    async def work(rig: Rig) -> None:
        await rig.look()
        (one,) = await rig.app.jobs.schedules()
        rig.app.world.advance(HOUR_S)  # type: ignore[union-attr]
        now = rig.app.context.now_ms()
        await rig.app.jobs.tick((one.schedule.job,), now)
        dead = await rig.app.jobs.claim("dead", (one.schedule.job,), now)
        assert dead is not None
        rig.app.jobs._slots._store.changed("UPDATE slot SET until_us = 0", {})  # type: ignore[attr-defined]
        await rig.look()
        assert rig.begun == [("agent:night", dead.run.id)]
        assert (await rig.runs())[0].attempt == 2

    within(tmp_path, work)
