"""Undo has a right of way, so it is worth stealing: other values, other people's changes, things never done."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.kit.installation import (
    LOCAL,
    OPS,
    App,
    allow,
    ask,
    doc,
    installation,
    proposed,
    replicas,
    scale,
    write_policy,
)
from tools.path.outcome import Applied, Failed, Pending, Refused, Simulated
from tools.path.undo import proposal

COOL = [
    LOCAL,
    OPS,
    doc("Agent", "other", {"owner": "local", "roles": ["operator"], "autonomy": "autonomous"}),
    allow("reads", ["read"]),
    allow("scaling", ["scale"], limits={"replicas": {"min": 1, "max": 20}}, cooldown="10m"),
]


async def _done(app: App, count: int = 8, agent: str | None = "agent:ops") -> Applied:
    who = app.agent(agent) if agent else None
    result = await app.executor.execute(proposed(app, count, who=who))
    assert isinstance(result, Applied)
    return result


async def _undo(app: App, record: int, agent: str | None = "agent:ops", **more: Any) -> Any:
    who = app.agent(agent) if agent else app.identity.by_hand()
    usual: dict[str, Any] = {"id": uuid.uuid4().hex, "principal": who, "mode": "live"}
    return await app.executor.execute(await proposal(app.context, record, **{**usual, **more}))


def test_undo_has_the_right_of_way_once_and_its_own_undo_has_none(tmp_path: Path) -> None:
    """Else an agent alternates two states for ever, through cooldown and freeze."""
    policies = write_policy(tmp_path / "policies", COOL)

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            done = await _done(app)
            refused = await app.executor.execute(proposed(app, 9))
            assert isinstance(refused, Refused)
            assert refused.stage == "cooldown"
            back = await _undo(app, done.record)
            assert isinstance(back, Applied)
            again = await _undo(app, back.record)
            assert isinstance(again, Refused)
            assert again.stage == "cooldown"
            assert await replicas(app) == 4

    asyncio.run(run())


def test_undo_is_no_way_around_a_freeze_for_a_second_time(tmp_path: Path) -> None:
    freeze = doc("Freeze", "stop-the-line", {
        "scope": {"clusters": ["sandbox"]},
        "windows": [{"from": "2000-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}],
    })  # fmt: skip
    thawed = write_policy(tmp_path / "policies", [*COOL[:-1], _no_cooldown()])

    async def run() -> None:
        async with installation(tmp_path, thawed) as app:
            done = await _done(app)
            write_policy(thawed, [*COOL[:-1], _no_cooldown(), freeze])
            assert app.context.policy.current().freezes, app.context.policy.problem
            back = await _undo(app, done.record)
            assert isinstance(back, Applied)
            again = await _undo(app, back.record)
            assert isinstance(again, Refused)
            assert again.stage == "freeze"

    asyncio.run(run())


def _no_cooldown() -> dict[str, Any]:
    return allow("scaling", ["scale"], limits={"replicas": {"min": 1, "max": 20}})


@pytest.mark.parametrize("change", [
    {"args": {**scale(12), "current_replicas": 8}},
    {"args": {**scale(4), "current_replicas": None}},
    {"args": {**scale(0), "current_replicas": 8}, "action": "scale_to_zero"},
], ids=["other-value", "no-precondition", "zero"])  # fmt: skip
def test_undo_carries_no_other_values(tmp_path: Path, change: dict[str, Any]) -> None:
    policies = write_policy(tmp_path / "policies", COOL)

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            done = await _done(app)
            who = app.agent("agent:ops")
            right = await proposal(app.context, done.record, id=uuid.uuid4().hex, principal=who, mode="live")
            result = await app.executor.execute(right.model_copy(update=change))
            assert isinstance(result, Failed | Refused)
            assert await replicas(app) == 8

    asyncio.run(run())


def test_undo_of_another_object_or_of_nothing_has_no_effect(tmp_path: Path) -> None:
    policies = write_policy(tmp_path / "policies", [*COOL[:-1], _no_cooldown()])

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            done = await _done(app)
            who = app.agent("agent:ops")
            right = await proposal(app.context, done.record, id=uuid.uuid4().hex, principal=who, mode="live")
            other = right.model_copy(update={
                "id": uuid.uuid4().hex,
                "target": right.target.model_copy(update={"name": "search"}),
                "args": {**right.args, "workload": "deployment/search"},
            })  # fmt: skip
            nothing = proposed(app, 6, who=who, undoes="no-such-intent")
            for request in (other, nothing):
                assert isinstance(await app.executor.execute(request), Failed)
            assert (await replicas(app), await replicas(app, "search")) == (8, 6)

    asyncio.run(run())


def test_what_was_never_done_cannot_be_undone(tmp_path: Path) -> None:
    """A dry-run, a refusal, a question, a read, another kind of record, a number that is none."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            who = app.agent("agent:ops")
            dry = await app.executor.execute(proposed(app, 6, who=who, mode="dry_run"))
            denied = await app.executor.execute(proposed(app, 60, who=who))
            asked = await app.executor.execute(proposed(app, 15, who=who))
            assert isinstance(dry, Simulated)
            assert isinstance(denied, Refused)
            assert isinstance(asked, Pending)
            size = len(await app.log.find())
            for record in (
                dry.record,
                denied.record,
                asked.record,
                0,
                size + 100,
                2**53 - 1,
                -1,
                True,
                "3",
                2**63,
            ):
                card = await ask(app, "undo", {"record": record})
                assert card.status == "invalid", record
            assert await replicas(app) == 4

    asyncio.run(run())


def test_an_agent_undoes_only_what_it_did_itself(tmp_path: Path) -> None:
    policies = write_policy(tmp_path / "policies", [*COOL[:-1], _no_cooldown()])

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            by_hand, by_other = await _done(app, 8, None), await _done(app, 9, "agent:other")
            for record in (by_hand.record, by_other.record):
                card = await ask(app, "undo", {"record": record})
                assert card.status == "invalid"
                assert "another principal" in card.line
            stolen = await proposal(
                app.context,
                by_other.record,
                id=uuid.uuid4().hex,
                principal=app.agent("agent:other"),
                mode="live",
            )
            forged = stolen.model_copy(update={"principal": app.agent("agent:ops")})
            assert isinstance(await app.executor.execute(forged), Failed)
            assert await replicas(app) == 9
            assert isinstance(await _undo(app, by_other.record, None), Applied)

    asyncio.run(run())


def test_what_somebody_has_changed_since_is_not_put_back(tmp_path: Path) -> None:
    policies = write_policy(tmp_path / "policies", [*COOL[:-1], _no_cooldown()])

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            first, _ = await _done(app, 8), await _done(app, 10, None)
            result = await _undo(app, first.record)
            assert isinstance(result, Failed)
            assert "now 10, we left 8; last writer record" in result.what
            assert await replicas(app) == 10

    asyncio.run(run())


def test_undo_meets_limits_and_approvals_like_any_action(tmp_path: Path) -> None:
    """Down from 15 to 4 is more than one step: the approval that brought it up is not one for the way down."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            who = app.agent("agent:ops")
            asked = await app.executor.execute(proposed(app, 15, who=who))
            assert isinstance(asked, Pending)
            up = await app.approvals.approve(asked.handle, app.identity.by_hand())
            assert isinstance(up, Applied)
            down = await _undo(app, up.record)
            assert isinstance(down, Pending)
            assert await replicas(app) == 15

    asyncio.run(run())
