"""A scheduled run as it is: the duty, the tuner, the path, on the simulated cluster; no part is a fake.

policy                                   what must be so
the agent is autonomous                  its changes are made under the run's id, for its owner
the agent may only recommend             looked at and recorded, nothing is changed
its owner has no rights                  denied, and the log says so
its tuning is paused                     denied, and the log says so
"""

from pathlib import Path
from typing import Any

import pytest

from flyball.service.duties import duties_of
from flyball.service.schedules import SchedulesDuty
from tests.flyball.service.test_schedules import HOUR_S, NIGHT, Rig, agent, within
from tests.kit.installation import App, allow, target
from tools.path import tuning_pause

ALL = target()
LIMITS = {"replicas": {"min": 1, "max": 20, "maxStep": 20}}
READING = allow("reading", ["list_workloads", "describe_workload", "read_metrics", "get_events"])
SCALING = allow("scaling", ["scale"], limits=LIMITS)
HPA = {"strategy": ["hpa-formula"], "scope": ALL}


class Real(Rig):
    """The duty as `flyball serve` has it."""

    def __init__(self, app: App, policies: Path) -> None:
        super().__init__(app, policies)
        (self.duty,) = [duty for duty in duties_of(app) if isinstance(duty, SchedulesDuty)]

    async def night(self) -> None:
        await self.look()
        await self.later(HOUR_S)

    async def changed(self) -> list[Any]:
        """The live intents."""
        found = [entry.record for entry in await self.app.log.find(kinds=("action.intent",))]
        return [one for one in found if one.mode == "live"]


def test_an_autonomous_agent_changes_what_it_may(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        assert isinstance(rig, Real)
        await rig.night()
        (run,) = await rig.runs()
        intents = await rig.changed()
        assert (run.state, bool(intents)) == ("done", True), run.why
        assert {one.run_id for one in intents} == {run.id}
        assert {(one.actor.id, one.actor.on_behalf_of) for one in intents} == {
            ("agent:night", rig.app.identity.human)
        }
        assert "applied" in run.why

    within(tmp_path, work, agent(**HPA), READING, SCALING, rig=Real)


def test_one_that_may_only_recommend_changes_nothing(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        assert isinstance(rig, Real)
        await rig.night()
        (run,) = await rig.runs()
        assert run.state == "done", run.why
        assert await rig.changed() == []

    within(tmp_path, work, agent(**{**HPA, "autonomy": "recommend"}), READING, SCALING, rig=Real)


def test_the_same_run_again_changes_nothing_twice(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        assert isinstance(rig, Real)
        await rig.night()
        before = len(await rig.changed())
        (run,) = await rig.runs()
        rig.app.jobs._queue._store.changed(  # type: ignore[attr-defined]
            "UPDATE run SET state = 'queued', ended_ms = NULL WHERE id = :id", {"id": run.id}
        )
        rig.app.world.advance(60)  # type: ignore[union-attr]
        await rig.duty.run(rig.app.context.now_ms())
        (again,) = await rig.runs()
        assert (again.state, again.attempt) == ("done", 2), again.why
        assert len(await rig.changed()) == before

    within(tmp_path, work, agent(**HPA), READING, SCALING, rig=Real)


@pytest.mark.parametrize("owner", ["human:nobody-knows", "local"])
def test_an_owner_without_rights_is_denied_and_it_is_said(tmp_path: Path, owner: str) -> None:
    async def work(rig: Rig) -> None:
        assert isinstance(rig, Real)
        if owner == "local":
            rig.bindings = []
            rig.policy(agent(**HPA), READING, SCALING)
        await rig.night()
        (run,) = await rig.runs()
        assert (run.state, await rig.changed()) == ("failed", []), run.why
        assert "denied" in await rig.why()

    within(tmp_path, work, agent(owner=owner, **HPA), READING, SCALING, rig=Real)


def test_a_paused_agent_is_denied_and_it_is_said(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        assert isinstance(rig, Real)
        await tuning_pause.turn(rig.app.context, "agent:night", rig.app.identity.by_hand(), pause=True)
        await rig.night()
        assert (await rig.runs())[0].state == "failed"
        assert "paused" in await rig.why()

    within(tmp_path, work, agent(**HPA, schedule=NIGHT), READING, SCALING, rig=Real)
