"""Threats 27 and 5: a chat that is stopped asks no model any more; which model an agent asks is policy; and who is
asked to approve sees whom the question comes from, by which rule, and what that session has read.
"""

from pathlib import Path
from typing import Any

import pytest

from agents.ops.events import Asked, Event, Stopped
from policies.types import Principal
from tests.agents.chat import ASIDE
from tests.kit.installation import LOCAL, App, allow, ask, doc, scale, within, write_policy
from tests.kit.scripted_model import call, say
from tests.kit.scripted_model import scale as scaling
from tests.security.planting import event
from tests.security.test_taint import chat, ops, turn
from tools.path import kill_switch

SCOPES = ["all", "cluster/sandbox", "agent:ops"]
READS = allow("reads", ["read"])


def end(events: list[Event]) -> Stopped:
    assert isinstance(events[-1], Stopped)
    return events[-1]


@pytest.mark.parametrize("scope", SCOPES)
def test_27_a_chat_under_way_ends_with_the_stop(tmp_path: Path, scope: str) -> None:
    """It once went on asking its model: 108 calls, each of whose proposals was refused."""

    async def work(app: App) -> None:
        async with chat(app, "a", [call("list_workloads"), scaling("deployment/web", 6), say("x")]) as (
            agent,
            server,
        ):
            events = list[Event]()
            async for one in agent.turn("a", "go on"):
                if not isinstance(one, ASIDE):
                    events.append(one)
                if isinstance(one, Asked) and one.step == 1:
                    await kill_switch.throw(app.context, scope, app.identity.by_hand(), "test")
            assert end(events).reason == "refused"
            assert scope in end(events).detail
            for _ in range(3):
                assert end(await turn(agent, "a")).reason == "refused"
            assert len(server.requests) == 1
            await kill_switch.lift(app.context, scope, app.identity.by_hand(), "test")
            await turn(agent, "a")
            assert len(server.requests) > 1

    within(tmp_path, work)


@pytest.mark.parametrize(
    ("spec", "asked", "words"),
    [
        ({}, 1, ""),
        ({"model": "scripted"}, 1, ""),
        ({"model": "another"}, 0, "`another` only, not `scripted`"),
        (None, 0, "is not an agent of this policy"),
    ],
)
def test_27_which_model_an_agent_asks_is_policy(
    tmp_path: Path, spec: dict[str, str] | None, asked: int, words: str
) -> None:
    usual: dict[str, Any] = {"owner": "local", "roles": ["operator"], "autonomy": "autonomous"}
    agents = [doc("Agent", "ops", usual | spec)] if spec is not None else []
    policies = write_policy(tmp_path / "policies", [LOCAL, READS, *agents])

    async def work(app: App) -> None:
        async with chat(app, "a", [say("hello")]) as (agent, server):
            events = await turn(agent, "a")
            assert len(server.requests) == asked
            assert not words or words in end(events).detail

    within(tmp_path, work, policies)


def test_27_an_agent_that_acts_for_somebody_else_asks_nothing(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        for who in (None, "human:somebody-else"):
            stranger: Principal = ops(app).model_copy(update={"on_behalf_of": who})
            assert await app.toolbox.asking_refused(stranger, "scripted")
        assert await app.toolbox.asking_refused(ops(app), "scripted") is None

    within(tmp_path, work)


async def asked(app: App, session: str = "chat-a") -> str:
    card = await ask(app, "scale", scale(9 if session == "chat-a" else 15), principal=ops(app, session))
    assert card.handle is not None
    return card.handle


def test_5_who_approves_sees_asker_rule_taint_and_what_was_read(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        event(app)
        await ask(app, "describe_workload", {"workload": "deployment/web"}, principal=ops(app, "chat-a"))
        await ask(app, "describe_workload", {"workload": "deployment/payments"}, principal=ops(app, "chat-b"))
        clean = await app.approvals.background(await app.approvals.one(await asked(app, "chat-b")))
        assert (clean.tainted_ms, clean.read) == (0, ("describe_workload deployment/payments",))
        await ask(app, "get_events", {"workload": "deployment/web"}, principal=ops(app, "chat-a"))
        found = await app.approvals.background(await app.approvals.one(await asked(app)))
        assert found.asker == f"agent:ops for {app.identity.human}, session chat-a"
        assert found.rules == ("web-with-approval",)
        assert found.tainted_ms == (await app.log.prefixed("taint/"))["taint/chat-a"]
        assert found.read == ("get_events deployment/web (untrusted)", "describe_workload deployment/web")

    within(tmp_path, work)
