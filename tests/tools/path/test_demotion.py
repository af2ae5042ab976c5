"""Threat 34: demotion: an agent falls one level after so many rollbacks, in the commit of the last of them.

| what happens, or attack                              | what must be so                                             |
|------------------------------------------------------|-------------------------------------------------------------|
| as many rollbacks as policy says, within its time    | one level lower, recorded in the rollback's commit          |
| fewer, or too far apart, or by a person              | it stays                                                    |
| a restart in between                                 | they are counted on                                         |
| demoted to `recommend`                               | it acts no more, and its open rollback is carried out       |
| a rollback that policy refuses                       | it counts all the same                                      |
| at `observe`, or gone from policy                    | nothing to fall to                                          |
| the integer is deleted, raised or lowered by hand    | nothing is written (exit 6), and `audit verify` finds it    |
| the record of the fall is taken out of the index     | the same                                                    |
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogTampered
from audit.verify import verify
from policies.types import Request
from tests.kit.installation import LOCAL, doc, target
from tests.kit.log_attacks import execute, hide_from_index
from tests.tools.path.test_verification import becomes, due, replicas, scaled, swept
from tests.tools.rig import Rig, rig
from tests.tools.workloads import pod, workload
from tools.path.outcome import Applied, Refused

HOUR_MS = 3_600_000
TWICE = {"rollbacks": 2, "within": "7d"}


def policy(**agent: Any) -> list[dict[str, Any]]:
    spec = {"owner": "local", "roles": ["operator"], "autonomy": "autonomous", "demotion": TWICE}
    rule = doc(
        "ActionPolicy", "web",
        {"roles": ["operator"], "actions": ["scale"], "target": target(), "effect": "allow",
         "limits": {"replicas": {"min": 2, "max": 40, "maxStep": 40}}, "cooldown": "30m", "tainted": "allow",
         "require": [{"verify": "5m"}]},
    )  # fmt: skip
    return [LOCAL, doc("Agent", "ops", {**spec, **agent}), rule]


def within(folder: Path, work: Callable[[Rig], Awaitable[None]], **agent: Any) -> None:
    async def run() -> None:
        async with rig(folder, policy(**agent)) as one:
            one.cluster.script = [(workload(4), [pod(f"web-{n}") for n in range(4)])]
            await work(one)

    asyncio.run(run())


def wanted(one: Rig, to: int, *, by_hand: bool = False) -> Request:
    request = scaled(one, to)
    return request if by_hand else request.model_copy(update={"principal": one.agent()})


async def made_worse(one: Rig, to: int, *, by_hand: bool = False) -> None:
    """A change that its verdict finds worse, not yet judged."""
    one.clock.advance(HOUR_MS)
    becomes(one, ready=replicas(one))
    result = await one.executor.execute(wanted(one, to, by_hand=by_hand))
    assert isinstance(result, Applied), result
    becomes(one, ready=1)
    due(one)


async def rolled_back(one: Rig, *to: int, by_hand: bool = False) -> None:
    for each in to:
        await made_worse(one, each, by_hand=by_hand)
        (found,) = await swept(one)
        assert isinstance(found.rollback, Applied), found


async def level(one: Rig) -> int:
    return (await one.log.values(("level/agent:ops",)))["level/agent:ops"]


async def falls(one: Rig) -> list[tuple[str, str]]:
    found = await one.log.find(kinds=("agent.demoted",))
    return [((e.record.labels or {})["from"], (e.record.labels or {})["to"]) for e in found]


def test_after_as_many_rollbacks_it_falls_one_level_in_the_commit_of_the_last(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await rolled_back(one, 8)
        assert (await level(one), await falls(one)) == (0, [])
        await rolled_back(one, 9)
        assert (await level(one), await falls(one)) == (3, [("autonomous", "approve")])
        (fall,) = await one.log.find(kinds=("agent.demoted",))
        (_, last) = await one.log.find(kinds=("action.rolled_back",))
        assert fall.seq == last.seq + 1
        assert {"kind": "set", "key": "level/agent:ops", "value": 3} in fall.record.claims
        assert (fall.record.observation or {})["rollbacks"] == 2
        assert verify(tmp_path / "audit.db", one.log.verifier).findings == []

    within(tmp_path, work)


def test_it_is_counted_on_after_a_restart(tmp_path: Path) -> None:
    async def first(one: Rig) -> None:
        await rolled_back(one, 8)

    async def second(one: Rig) -> None:
        one.clock.advance(2 * HOUR_MS)
        await rolled_back(one, 9)
        assert await falls(one) == [("autonomous", "approve")]

    within(tmp_path, first)
    within(tmp_path, second)


def test_it_is_counted_anew_after_a_fall(tmp_path: Path) -> None:
    """Else the next one alone would cost another level."""

    async def work(one: Rig) -> None:
        await rolled_back(one, 8, 9)
        assert await one.log.prefixed("rollbacks/") == {}

    within(tmp_path, work)


def test_what_lies_too_far_apart_or_was_done_by_hand_costs_nothing(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await rolled_back(one, 8)
        one.clock.advance(7 * 24 * HOUR_MS)
        await rolled_back(one, 9)
        assert await falls(one) == []
        await rolled_back(one, 10, 11, 12, by_hand=True)
        assert (await level(one), await falls(one)) == (0, [])

    within(tmp_path, work)


def test_a_rollback_of_a_change_from_before_the_fall_is_carried_out(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await made_worse(one, 8)
        await demoted_meanwhile(one, 2)
        (found,) = await swept(one)
        assert isinstance(found.rollback, Applied)
        assert replicas(one) == 4
        one.clock.advance(HOUR_MS)
        refused = await one.executor.execute(wanted(one, 9))
        assert isinstance(refused, Refused)
        assert refused.stage == "autonomy"

    within(tmp_path, work)


async def demoted_meanwhile(one: Rig, to: int) -> None:
    """As the commit of another change's rollback does it."""
    from policies.types import Claim
    from tools.path.verifier import SYSTEM

    (intent, *_) = await one.log.find(kinds=("action.intent",), newest_first=True)
    labels = {"agent": "agent:ops", "from": "autonomous", "to": "recommend"}
    record = one.context.journal.afterwards("agent.demoted", intent.record, {}, labels, SYSTEM)
    await one.log.commit((record,), (Claim("set", "level/agent:ops", to),))


def test_a_rollback_that_policy_refuses_counts_all_the_same(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await rolled_back(one, 8)
        await made_worse(one, 9)
        path = tmp_path / "p" / "policy.yaml"
        path.write_text(path.read_text().replace('"max": 40, "maxStep": 40', '"max": 40, "maxStep": 1'))
        (found,) = await swept(one)
        assert isinstance(found.rollback, Refused)
        assert await falls(one) == [("autonomous", "approve")]

    within(tmp_path, work)


@pytest.mark.parametrize("agent", [{"demotion": None}, {"autonomy": {"other": "autonomous"}}])
def test_without_the_rule_or_a_level_below_nothing_falls(tmp_path: Path, agent: dict[str, Any]) -> None:
    async def work(one: Rig) -> None:
        await made_worse(one, 8)
        path = tmp_path / "p" / "policy.yaml"
        path.write_text("\n---\n".join(map(_json, policy(**agent))) + "\n...\n")
        await swept(one)
        assert await falls(one) == []

    within(tmp_path, work, demotion={"rollbacks": 1, "within": "1h"})


def _json(document: dict[str, Any]) -> str:
    import json

    spec = {name: value for name, value in document["spec"].items() if value is not None}
    return json.dumps({**document, "spec": spec})


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_claim WHERE key = 'level/agent:ops'",
        "UPDATE audit_claim SET value = 4 WHERE key = 'level/agent:ops'",
        "UPDATE audit_claim SET value = 1 WHERE key = 'level/agent:ops'",
        "INSERT INTO audit_claim VALUES ('retired/agent:ops', 1)",
        "INSERT INTO audit_claim VALUES ('level/agent:other', 4)",
    ],
)
def test_a_level_that_was_set_by_hand_writes_nothing(tmp_path: Path, sql: str) -> None:
    async def work(one: Rig) -> None:
        await rolled_back(one, 8, 9)
        written = len(one.cluster.written)
        execute(tmp_path / "audit.db", sql)
        one.clock.advance(HOUR_MS)
        with pytest.raises(LogTampered, match=r"(level|retired)/agent"):
            await one.executor.execute(wanted(one, 10, by_hand=True))
        assert len(one.cluster.written) == written
        assert {f.check for f in verify(tmp_path / "audit.db", one.log.verifier).findings} == {"claims"}

    within(tmp_path, work)


def test_a_fall_that_is_out_of_the_index_is_missed(tmp_path: Path) -> None:
    async def work(one: Rig) -> None:
        await rolled_back(one, 8, 9)
        (fall,) = await one.log.find(kinds=("agent.demoted",))
        hide_from_index(tmp_path / "audit.db", "audit_entry_kind", f"seq <> {fall.seq}")

    async def later(one: Rig) -> None:
        with pytest.raises(LogTampered, match="level/agent:ops is 3, the records that are found lead to 0"):
            await one.executor.execute(wanted(one, 10, by_hand=True))

    within(tmp_path, work)
    within(tmp_path, later)
