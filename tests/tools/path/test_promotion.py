"""Threat 34: promotion and retirement: by the owner, by hand, after the shadow; and nobody else.

| attack, or what happens                               | what must be so                                            |
|-------------------------------------------------------|------------------------------------------------------------|
| an agent asks for itself, or says it is its person    | refused                                                    |
| a model looks for a tool that does it                 | there is none                                              |
| another person than the owner                         | refused                                                    |
| days of the shadow are missing                        | refused, with how many                                     |
| runs that failed, of another agent, or too long ago   | do not count                                               |
| beyond what policy allows, or no higher than it is    | refused                                                    |
| two promotions, or a demotion and one, at once        | one of them; the other is refused                          |
| the level was raised in the database                  | tampering: nothing is promoted, nothing is written         |
| raised back to a level that it has had                | no shadow is asked for                                     |
| retired                                               | never again: not promoted, not retired twice, after restart|
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogTampered
from audit.record import Actor
from audit.verify import verify
from policies.types import Principal
from tests.kit.log_attacks import execute
from tests.tools.path import test_demotion as demotion
from tests.tools.path.test_demotion import level, rolled_back, wanted
from tests.tools.rig import WEB, Rig
from tools.actions import registry
from tools.metrics.types import Metric
from tools.path.journal import resource_of
from tools.path.outcome import Applied, Refused
from tools.path.promotion import LevelRefused, promote, proposed, retire
from tools.path.shadow import Shadow, shadow_of

DAY_MS = 86_400_000
NAME = "agent:ops"
SHADOW = {"promotion": {"shadow": "3d"}}


def within(folder: Path, work: Callable[[Rig], Awaitable[None]], **agent: Any) -> None:
    demotion.within(folder, work, **{**SHADOW, **agent})


async def run_of(one: Rig, name: str = NAME, *, replicas: int | None = 6, end: str | None = "ok") -> None:
    """A run of the agent as its strategies leave it in the log: it wants so many replicas of `web`."""
    number = len(await one.log.find(kinds=("run.started",)))
    actor, run_id = Actor(type="agent", id=name, on_behalf_of=one.identity.human), f"r-{number:012d}"
    begun = one.log.draft("run.started", actor=actor, run_id=run_id, args={"strategies": {"forecast": 1}})
    args = {"change": {"action": "scale", "args": {"workload": "deployment/web", "replicas": replicas}}}
    wants = one.log.draft(
        "tool.proposed", actor=actor, run_id=run_id, resource=resource_of(WEB), args=args if replicas else {}
    )
    await one.log.commit((begun, wants))
    if end is not None:
        result = {"kept": 1} if end == "ok" else {"error": end}
        await one.log.commit((one.log.draft("run.finished", actor=actor, run_id=run_id, args=result),))


async def watched(one: Rig, days: int, **of_each: Any) -> None:
    for _ in range(days):
        await run_of(one, **of_each)
        one.clock.advance(DAY_MS)


async def promoted(one: Rig, who: Principal | None = None, to: Any = None) -> None:
    by = who or one.identity.by_hand()
    await promote(one.context, await proposed(one.context, NAME, by, to), by, "it did well")


async def shadow(one: Rig, days: int = 3) -> Shadow:
    return await shadow_of(one.context, NAME, days * 86_400)


def test_after_its_shadow_the_owner_raises_it_step_by_step(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        refused = await one.executor.execute(wanted(one, 8))
        assert isinstance(refused, Refused)
        await watched(one, 3)
        await promoted(one)
        assert await level(one) == 3
        await promoted(one)
        assert await level(one) == 4
        assert isinstance(await one.executor.execute(wanted(one, 9)), Applied)
        (first, _) = await one.log.find(kinds=("agent.promoted",))
        assert first.record.labels == {"agent": NAME, "from": "recommend", "to": "approve"}
        told = (first.record.observation or {})["shadow"]
        assert (told["days"], told["needed"], told["runs"]) == (3, 3, 3)
        assert told["sha256"] == (await shadow(one)).digest
        assert verify(tmp_path / "audit.db", one.log.verifier).findings == []

    within(tmp_path, work)


@pytest.mark.parametrize("days", [0, 1, 2])
def test_days_that_are_missing_are_counted(tmp_path: Path, days: int) -> None:
    async def work(one: Rig) -> None:
        await watched(one, days)
        await run_of(one)
        with pytest.raises(LevelRefused, match=f"watched on {min(days + 1, 3)} of 4 days"):
            await promoted(one)
        assert (await level(one), await one.log.find(kinds=("agent.promoted",))) == (0, [])

    within(tmp_path, work, promotion={"shadow": "4d"})


def test_what_is_no_run_of_it_does_not_count(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await watched(one, 3)
        one.clock.advance(9 * DAY_MS)  # too long ago
        await watched(one, 1, name="agent:other")
        await watched(one, 1, end=None)
        await watched(one, 1, end="the cluster was away")
        assert ((await shadow(one)).days, (await shadow(one)).runs) == (0, 0)
        for _ in range(5):
            await run_of(one)  # five on one day
        assert ((await shadow(one)).days, (await shadow(one)).runs) == (1, 5)

    within(tmp_path, work)


def test_what_it_would_have_done_is_held_against_what_happened(tmp_path: Path) -> None:
    """Four pods of 500 millicores each used 1,800: above 85 %. Six would have been enough, eight too many."""

    async def work(one: Rig) -> None:
        one.metrics.lines = {
            Metric.REPLICAS: (4,) * 289, Metric.CPU_USAGE: (1800,) * 289, Metric.CPU_REQUESTS: (2000,) * 289,
        }  # fmt: skip
        await watched(one, 1, replicas=6)
        await watched(one, 1, replicas=None)
        await watched(one, 1, replicas=8)
        (line,) = (await shadow(one)).lines
        assert (line.workload, line.proposals, line.compared) == ("deployment/web", 2, 2)
        assert (line.pod_minutes, line.pod_minutes_proposed) == (4 * 2 * 1445, (6 + 8) * 1445)
        assert (line.busy_minutes, line.busy_minutes_proposed) == (2 * 1445, 0)

    within(tmp_path, work)


def test_of_a_large_fleet_some_are_compared_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(one: Rig) -> None:
        await watched(one, 3)
        whole = await shadow(one)
        assert (len(whole.lines), whole.workloads) == (1, 1)
        monkeypatch.setattr("tools.path.shadow.MOST", 0)
        monkeypatch.setattr("tools.path.log_span.PAGE", 1)
        part = await shadow(one)
        assert (part.days, part.runs, part.lines, part.workloads) == (whole.days, whole.runs, (), 1)

    within(tmp_path, work)


def test_where_nothing_was_measured_nothing_is_compared(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await watched(one, 3)
        one.context.metrics = None
        (line,) = (await shadow(one)).lines
        assert (line.proposals, line.compared, line.pod_minutes) == (3, 0, 0)

    within(tmp_path, work)


@pytest.mark.parametrize("who", ["itself", "in its person's name", "another person"])
def test_nobody_but_the_owner_by_hand(tmp_path: Path, who: str) -> None:
    async def work(one: Rig) -> None:
        await watched(one, 3)
        by = {
            "itself": one.agent(),
            "in its person's name": one.identity.by_hand().model_copy(update={"groups": ()}),
            "another person": Principal(agent=None, on_behalf_of="human:mallory", session="s"),
        }[who]
        for act in (lambda: promoted(one, by), lambda: retire(one.context, NAME, by, "")):
            with pytest.raises(LevelRefused):
                await act()
        assert await one.log.prefixed("level/") | await one.log.prefixed("retired/") == {}

    within(tmp_path, work)


def test_another_owner_is_another_person(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await watched(one, 3)
        with pytest.raises(LevelRefused, match="belongs to human:anna"):
            await promoted(one)

    within(tmp_path, work, owner="human:anna")


def test_no_tool_changes_a_level() -> None:
    names = " ".join(info.name for info in registry.catalogue())
    assert not any(word in names for word in ("promote", "demote", "retire", "level"))


def test_no_further_than_policy_and_no_step_that_is_none(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await watched(one, 3)
        with pytest.raises(LevelRefused, match="no further than `approve`"):
            await promoted(one, to="autonomous")
        await promoted(one)
        for to in ("approve", "recommend", "observe"):
            with pytest.raises(LevelRefused, match="only raises, and the log already lets"):
                await promoted(one, to=to)
        with pytest.raises(LevelRefused, match="policy names no"):
            await proposed(one.context, "agent:nobody", one.identity.by_hand(), None)

    within(tmp_path, work, autonomy={"sandbox": "approve"})


def test_of_two_at_once_one_is_refused(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await watched(one, 3)
        by = one.identity.by_hand()
        asked = await proposed(one.context, NAME, by, None)
        both = await asyncio.gather(
            *(promote(one.context, asked, by, "") for _ in range(2)), return_exceptions=True
        )
        assert [isinstance(each, LevelRefused) for each in both].count(True) == 1
        assert len(await one.log.find(kinds=("agent.promoted",))) == 1
        stale = await proposed(one.context, NAME, by, None)
        await promoted(one)
        with pytest.raises(LevelRefused, match="changed meanwhile"):
            await promote(one.context, stale, by, "")

    within(tmp_path, work)


@pytest.mark.parametrize("sql", [
    "INSERT INTO audit_claim VALUES ('level/agent:ops', 4)",
    "INSERT INTO audit_claim VALUES ('retired/agent:ops', 1)",
])  # fmt: skip
def test_what_was_set_in_the_database_is_not_built_on(tmp_path: Path, sql: str) -> None:
    async def work(one: Rig) -> None:
        await watched(one, 3)
        execute(tmp_path / "audit.db", sql)
        with pytest.raises(LogTampered):
            await promoted(one)
        with pytest.raises(LogTampered):
            await retire(one.context, NAME, one.identity.by_hand(), "")

    within(tmp_path, work)


def test_back_to_what_it_has_had_takes_no_shadow(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await watched(one, 3)
        await promoted(one)
        await promoted(one)
        await rolled_back(one, 8, 9)
        assert await level(one) == 3
        one.clock.advance(90 * DAY_MS)
        asked = await proposed(one.context, NAME, one.identity.by_hand(), None)
        assert (asked.before, asked.after, asked.shadow) == ("approve", "autonomous", None)
        await promoted(one)
        assert (await level(one), await one.log.prefixed("rollbacks/")) == (4, {})

    within(tmp_path, work)


def test_where_policy_asks_for_no_shadow_none_is_needed(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await rolled_back(one, 8, 9)
        await promoted(one)
        assert await level(one) == 4

    demotion.within(tmp_path, work)


def test_who_is_retired_never_comes_back(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await retire(one.context, NAME, one.identity.by_hand(), "it is replaced")

    async def later(one: Rig) -> None:
        by = one.identity.by_hand()
        refused = await one.executor.execute(wanted(one, 8))
        assert isinstance(refused, Refused)
        assert "retired" in refused.detail
        for act in (lambda: promoted(one), lambda: retire(one.context, NAME, by, "")):
            with pytest.raises(LevelRefused, match="retired, for good"):
                await act()
        assert isinstance(await one.executor.execute(wanted(one, 8, by_hand=True).model_copy(
            update={"id": "by-hand-1"})), Applied)  # fmt: skip

    demotion.within(tmp_path, work)
    demotion.within(tmp_path, later)


def test_what_a_retired_agent_left_open_is_still_put_back(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await demotion.made_worse(one, 8)
        await retire(one.context, NAME, one.identity.by_hand(), "")
        (found,) = await demotion.swept(one)
        assert isinstance(found.rollback, Applied)

    demotion.within(tmp_path, work)
