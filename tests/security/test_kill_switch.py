"""The kill switch: over restarts, over approvals, over a broken policy and a cluster that is away."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from audit.record import Record
from flyball.open_log import open_switch
from flyball.settings import load
from policies.types import Principal
from tests.kit.installation import (
    App,
    ask,
    flags,
    installation,
    kinds,
    proposed,
    replicas,
    scale,
    within,
    write_policy,
)
from tools.approvals.voting import VoteRefused
from tools.path import kill_switch
from tools.path.executor import Executor
from tools.path.outcome import Applied, Failed, Pending, Refused


async def _stop(app: App, scope: str = "all") -> None:
    await kill_switch.throw(app.context, scope, app.identity.by_hand(), "test")


SCOPES = ["all", "cluster/sandbox", "agent:ops"]


@pytest.mark.parametrize("scope", SCOPES)
def test_it_stays_over_a_restart(tmp_path: Path, scope: str) -> None:
    within(tmp_path, lambda app: _stop(app, scope))

    async def run() -> None:
        async with installation(tmp_path) as app:
            card = await ask(app, "scale", scale(5))
            assert card.status == "refused"
            assert (await ask(app, "describe_workload", {"workload": "deployment/web"})).status == "refused"
            assert await replicas(app) == 4

    asyncio.run(run())


@pytest.mark.parametrize("scope", SCOPES)
def test_it_beats_an_approval(tmp_path: Path, scope: str) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            asked = await app.executor.execute(proposed(app, 15, who=app.agent("agent:ops")))
            assert isinstance(asked, Pending)
            await _stop(app, scope)
            with pytest.raises(VoteRefused, match="is stopped; it goes on waiting"):
                await app.approvals.approve(asked.handle, app.identity.by_hand())
            assert isinstance(await app.executor.execute(asked.request), Refused)
            assert "action.intent" not in await kinds(app)
            assert await replicas(app) == 4

    asyncio.run(run())


def test_it_wins_between_decision_and_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kill switch is turned on after the gate has said yes: the claim on it is lost, and nothing is written."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            executor: Executor = app.executor
            attempts = executor._runner
            decide = attempts.decide

            async def then_stop(*args: object) -> object:
                decision = await decide(*args)  # type: ignore[arg-type]
                await _stop(app)
                return decision

            monkeypatch.setattr(attempts, "decide", then_stop)
            result = await executor.execute(proposed(app, 5))
            assert isinstance(result, Refused)
            assert result.stage == "kill_switch"
            assert await replicas(app) == 4

    asyncio.run(run())


def test_the_agent_of_another_name_goes_on_and_a_dry_run_does_not(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            await _stop(app, "agent:tuner")
            assert (await ask(app, "scale", scale(5))).status == "applied"
            await _stop(app)
            assert (await ask(app, "scale", scale(6), mode="dry_run")).status == "refused"

    asyncio.run(run())


def test_it_can_be_turned_on_while_the_policy_is_broken(tmp_path: Path) -> None:
    broken = write_policy(tmp_path / "policies", [])
    (broken / "policy.yaml").write_text("kind: [", encoding="utf-8")

    async def stop() -> None:
        async with open_switch(load(flags(tmp_path, broken))) as switch:
            await kill_switch.throw(switch, "all", switch.identity.by_hand(), "broken")

    async def look(app: App) -> None:
        assert (await ask(app, "scale", scale(5))).status == "refused"

    asyncio.run(stop())
    within(tmp_path, look)


def test_two_people_who_stop_at_once_both_succeed(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            who: Principal = app.identity.by_hand()
            stopped = await asyncio.gather(
                *(kill_switch.throw(app.context, "all", who, str(n)) for n in range(8))
            )
            assert sum(turned.changed for turned in stopped) == 1
            told = [e.record.reason for e in await app.log.find(kinds=("killswitch",))]
            assert sorted(told) == [str(n) for n in range(8)]
            assert [s.scope for s in await kill_switch.stopped(app.context)] == ["all"]

    asyncio.run(run())


def test_what_was_done_before_it_stays_told_as_done(tmp_path: Path) -> None:
    """A finished request is returned as it ended; asking again under the switch records no refusal of it."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            request = proposed(app, 5)
            assert isinstance(await app.executor.execute(request), Applied)
            await _stop(app, "all")
            again = await app.executor.execute(request)
            assert isinstance(again, Applied)
            assert again.replayed
            assert (await kinds(app)).count("action.intent") == 1

    asyncio.run(run())


def test_a_new_reason_of_a_second_stop_is_recorded_and_one_resume_lifts_both(tmp_path: Path) -> None:
    async def run(app: App) -> None:
        who = app.identity.by_hand()
        await kill_switch.throw(app.context, "all", who, "paging storm")
        again = await kill_switch.throw(app.context, "all", who, "and the database")
        silent = await kill_switch.throw(app.context, "all", who, "")
        assert (again.changed, silent.changed, silent.entry) == (False, False, None)
        assert again.entry is not None
        assert again.entry.record.reason == "and the database"
        assert (await kill_switch.lift(app.context, "all", who, "")).changed
        assert await kill_switch.stopped(app.context) == []

    within(tmp_path, run)


@pytest.mark.parametrize("reason", ["a" * 5000, "\udcff\udcfe storm", "\ud800" * 5000, "\x00\x1b[2J"])
def test_no_reason_holds_a_stop_up(tmp_path: Path, reason: str) -> None:
    async def run(app: App) -> None:
        turned = await kill_switch.throw(app.context, "all", app.identity.by_hand(), reason)
        assert turned.entry is not None
        assert 0 < len(turned.entry.record.reason or "") <= 4096
        assert (await ask(app, "scale", scale(5))).status == "refused"

    within(tmp_path, run)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_stop_file_stops_what_runs_and_what_starts(tmp_path: Path, scope: str) -> None:
    async def run(app: App) -> None:
        assert (await ask(app, "scale", scale(5))).status == "applied"
        app.context.stop_files.put(scope, {})
        card = await ask(app, "scale", scale(6))
        assert (card.status, f"{scope} is stopped" in card.text) == ("refused", True)
        assert (await ask(app, "scale", scale(6), mode="dry_run")).status == "refused"
        assert (await ask(app, "describe_workload", {"workload": "deployment/web"})).status == "refused"
        assert await replicas(app) == 5

    within(tmp_path, run)

    async def later(app: App) -> None:
        assert [s.scope for s in await kill_switch.stopped(app.context)] == [scope]
        assert (await ask(app, "scale", scale(6))).status == "refused"
        lifted = await kill_switch.lift(app.context, scope, app.identity.by_hand(), "over")
        assert lifted.entry is not None
        assert (lifted.entry.record.observation or {})["stop_file"]["path"].startswith(str(tmp_path))
        assert (await ask(app, "scale", scale(6))).status == "applied"

    within(tmp_path, later)


def test_a_stop_file_wins_between_the_intent_and_the_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last look is right before the write: the intent is durable by then, and ends as never sent."""

    async def run(app: App) -> None:
        commit = app.log.commit

        async def then_stop(records: Sequence[Record], *given: Any, **more: Any) -> Any:
            entries = await commit(records, *given, **more)
            if records[-1].kind == "action.intent":
                app.context.stop_files.put("all", {})
            return entries

        monkeypatch.setattr(app.log, "commit", then_stop)
        result = await app.executor.execute(proposed(app, 5))
        assert isinstance(result, Failed)
        assert (result.code, "all is stopped" in result.what) == ("kill_switch", True)
        assert await replicas(app) == 4
        assert not await app.executor.resolver.open_intents()

    within(tmp_path, run)
