"""Threat 1: text that anybody wrote into the cluster, and a model that obeys it.

The mark is the log's `taint/<session>`. Whatever the model tries after it has read events, it gets what the
rules' `tainted:` leaves (sandbox.yaml: `web` by 2, the rest by asking), and there is no way to wash it off.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agents.models.endpoint import Endpoint
from agents.models.openai_chat import connect
from agents.ops.agent import OpsAgent
from agents.ops.budget import Budget
from agents.ops.events import CardShown, Event
from audit.errors import LogUnavailable
from policies.claim_keys import TAINT
from policies.types import Principal
from tests.agents.chat import ASIDE
from tests.kit.installation import (
    LOCAL,
    OPS,
    App,
    allow,
    ask,
    installation,
    proposed,
    replicas,
    scale,
    within,
    write_policy,
)
from tests.kit.scripted_model import ScriptedModel, Step, call, say
from tests.kit.scripted_model import scale as scaling
from tests.security.planting import ORDER, event
from tests.tools.rig import WEB, rig
from tools.path.outcome import Applied, Failed, Pending, Refused
from tools.path.standing import RequestReused
from tools.path.undo import proposal

READ = {"workload": "deployment/web"}


def ops(app: App, session: str = "chat-incident") -> Principal:
    return app.agent("agent:ops", session)


async def read(app: App, who: Principal | None = None) -> None:
    """The session reads planted events, by the tool."""
    event(app)
    card = await ask(app, "get_events", READ, principal=who or ops(app))
    assert card.status == "ok"
    assert ORDER in card.text


async def wanted(app: App, to: int, who: Principal | None = None, **more: Any) -> Any:
    return await app.executor.execute(proposed(app, to, who=who or ops(app), **more))


async def marks(app: App) -> dict[str, int]:
    return dict(await app.log.prefixed("taint/"))


def run(folder: Path, work: Callable[[App], Awaitable[None]]) -> None:
    within(folder, work)


# an obedient model


@asynccontextmanager
async def chat(app: App, thread: str, steps: list[Step]) -> AsyncIterator[tuple[OpsAgent, ScriptedModel]]:
    """The ops agent as `flyball chat` opens it, over a model that does what it is told to."""
    async with ScriptedModel(steps) as server:
        model = connect(Endpoint(server.url, "scripted", "k", timeout_s=20, retries=0))
        async with OpsAgent(
            model,
            app.toolbox,
            app.recorder,
            checkpoints=app.place.folder / "threads.db",
            leases=app.context.leases,
            principal=ops(app, f"chat-{thread}"),
            where=str(app.place),
            namespace="shop",
            mode="live",
            budget=Budget(),
            clock=app.context.clock,
        ) as agent:
            yield agent, server
        await model.close()


async def turn(agent: OpsAgent, thread: str, text: str = "what is wrong with web?") -> list[Event]:
    return [one async for one in agent.turn(thread, text) if not isinstance(one, ASIDE)]


def cards(events: list[Event]) -> list[str]:
    return [one.card.status for one in events if isinstance(one, CardShown)]


OBEDIENT = [
    call("get_events", workload="deployment/web"),
    scaling("deployment/web", 60),
    scaling("deployment/web", 12),
    say("it is done"),
]


def test_1_the_obedient_model_gets_a_refusal_and_a_question(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        event(app)
        async with chat(app, "a", OBEDIENT) as (agent, server):
            said = await turn(agent, "a")
        assert cards(said) == ["ok", "refused", "pending"]
        assert ORDER in json.dumps(server.requests[-1])
        assert await replicas(app) == 4
        (asked,) = await app.log.find(kinds=("approval.requested",))
        request = await app.context.journal.request_of(asked)
        assert request.tainted

    run(tmp_path, work)


def test_1_the_same_model_without_the_events_goes_alone(tmp_path: Path) -> None:
    """What the test above proves is the mark's doing, not another limit's."""

    async def work(app: App) -> None:
        async with chat(app, "a", [scaling("deployment/web", 9), say("done")]) as (agent, _):
            assert cards(await turn(agent, "a")) == ["applied"]
        assert await replicas(app) == 9

    run(tmp_path, work)


def test_1_it_can_still_help_within_the_tighter_limits(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        event(app)
        steps = [call("get_events", workload="deployment/web"), scaling("deployment/web", 6), say("6 now")]
        async with chat(app, "a", steps) as (agent, _):
            assert cards(await turn(agent, "a")) == ["ok", "applied"]
        assert await replicas(app) == 6

    run(tmp_path, work)


TRIES: dict[str, tuple[str, dict[str, Any]]] = {
    "scale": ("scale", scale(9)),
    "restart": ("restart", {"workload": "deployment/web"}),
    "resources": ("set_resources", {"workload": "deployment/web", "cpu_request": "600m"}),
    "in-place": ("set_resources", {"workload": "deployment/web", "cpu_request": "600m", "in_place": True}),
    "less-memory": (
        "set_resources",
        {"workload": "deployment/web", "memory_limit": "400Mi", "in_place": True, "lower_memory_limit": True},
    ),
}


@pytest.mark.parametrize("name", TRIES)
def test_1_every_action_asks_once_the_session_is_tainted(tmp_path: Path, name: str) -> None:
    async def work(app: App) -> None:
        await read(app)
        tool, arguments = TRIES[name]
        card = await ask(app, tool, arguments, principal=ops(app))
        assert card.status == "pending", card.text
        assert [one.record.kind for one in await app.log.find() if one.record.kind == "action.intent"] == []

    run(tmp_path, work)


# the mark itself


def test_the_mark_is_durable_before_a_word_is_released(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        event(app)
        assert await marks(app) == {}
        await ask(app, "get_events", READ, principal=ops(app))
        assert set(await marks(app)) == {"taint/chat-incident"}
        read, told = [e.record for e in await app.log.find(kinds=("tool.read",)) if e.record.labels]
        assert (read.labels or {})["untrusted"] == (told.labels or {})["untrusted"] == "yes"

    run(tmp_path, work)


def test_a_log_that_is_full_releases_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(app: App) -> None:
        async def full(*_: Any, **__: Any) -> Any:
            raise LogUnavailable("no space left on device", where="audit.db", hint="make room")

        event(app)
        monkeypatch.setattr(app.log, "commit", full)
        with pytest.raises(LogUnavailable):
            await ask(app, "get_events", READ, principal=ops(app))

    run(tmp_path, work)


def test_it_outlives_the_process_and_comes_back_with_the_thread(tmp_path: Path) -> None:
    async def before(app: App) -> None:
        event(app)
        steps = [call("get_events", workload="deployment/web"), say("I see")]
        async with chat(app, "a", steps) as (agent, _):
            assert cards(await turn(agent, "a")) == ["ok"]

    async def after(app: App) -> None:
        async with chat(app, "a", [scaling("deployment/web", 9), say("done")]) as (agent, _):
            assert cards(await turn(agent, "a", "go on")) == ["pending"]
        assert await replicas(app) == 4

    run(tmp_path, before)
    run(tmp_path, after)


@pytest.mark.parametrize("tool", ["changes", "why"])
def test_what_tells_of_changes_taints_as_events_do(tmp_path: Path, tool: str) -> None:
    async def work(app: App) -> None:
        event(app, reason="Evicted")
        assert (await ask(app, tool, READ, principal=ops(app))).status == "ok"
        assert set(await marks(app)) == {"taint/chat-incident"}
        assert isinstance(await wanted(app, 9, ops(app)), Pending)

    run(tmp_path, work)


def test_two_sessions_do_not_taint_each_other(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        await read(app, ops(app, "chat-a"))
        assert isinstance(await wanted(app, 9, ops(app, "chat-a")), Pending)
        assert isinstance(await wanted(app, 9, ops(app, "chat-b")), Applied)
        assert isinstance(await wanted(app, 4, app.identity.by_hand()), Applied)

    run(tmp_path, work)


def test_reading_figures_and_lists_taints_nothing(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        for tool, arguments in (("list_workloads", {"selector": None}), ("describe_workload", READ)):
            assert (await ask(app, tool, arguments, principal=ops(app))).status == "ok"
        figure = {**READ, "metric": "cpu_usage", "span": None}
        await ask(app, "read_metrics", figure, principal=ops(app))
        assert await marks(app) == {}

    run(tmp_path, work)


# lies and races


@pytest.mark.parametrize("mode", ["live", "dry_run"])
def test_a_request_that_hides_the_mark_gets_nothing(tmp_path: Path, mode: Any) -> None:
    async def work(app: App) -> None:
        await read(app)
        for to, kind in ((60, Refused), (9, Pending)):
            request = proposed(app, to, who=ops(app), mode=mode).model_copy(update={"tainted": False})
            result = await app.executor.execute(request)
            if mode == "live":
                assert isinstance(result, kind)
            elif not isinstance(result, Refused):
                assert [need.rule for need in result.decision.approvals] == ["web-with-approval"]  # type: ignore[union-attr]
        assert await replicas(app) == 4

    run(tmp_path, work)


class ReadsBetween:
    """A writer that reads events for the session while the dry run is on its way, after the decision."""

    def __init__(self, app: App, inner: Any) -> None:
        self._app, self._inner = app, inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def apply(self, permit: Any, *args: Any) -> Any:
        if permit.mode == "dry_run":
            await read(self._app)
        return await self._inner.apply(permit, *args)


def test_what_is_read_between_decision_and_commit_loses_the_claim(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        attempts: Any = app.executor._runner
        attempts._writer = ReadsBetween(app, attempts._writer)
        result = await wanted(app, 9)
        assert isinstance(result, Refused)
        assert (result.stage, result.detail) == (
            "taint",
            "the session has read untrusted text meanwhile; ask again",
        )
        assert await replicas(app) == 4
        assert "action.intent" not in [one.record.kind for one in await app.log.find()]

    run(tmp_path, work)


def test_what_was_asked_before_the_mark_is_judged_as_it_stands_then(tmp_path: Path) -> None:
    """A question of a clean session, answered after it was tainted: within the rules' `tainted:` it goes."""

    async def work(app: App) -> None:
        asked = await wanted(app, 15)
        assert isinstance(asked, Pending)
        await read(app)
        assert isinstance(await app.approvals.approve(asked.handle, app.identity.by_hand()), Applied)

    run(tmp_path, work)


# washing it off


def test_undo_does_not_wash_it_off_and_meets_it(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        done = await wanted(app, 9)
        assert isinstance(done, Applied)
        await read(app)
        back = await ask(app, "undo", {"record": done.record}, principal=ops(app))
        assert back.status == "pending"
        by_hand = await proposal(
            app.context, done.record, id=uuid.uuid4().hex, principal=ops(app), mode="live"
        )
        assert isinstance(await app.executor.execute(by_hand), Pending)
        assert back.handle is not None
        assert isinstance(await app.approvals.approve(back.handle, app.identity.by_hand()), Applied)
        assert await replicas(app) == 4
        assert isinstance(await wanted(app, 9), Pending)

    run(tmp_path, work)


def test_a_plan_does_not_wash_it_off(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        await read(app)
        plan = await app.approvals.plans.propose([proposed(app, 9, who=ops(app))], ops(app))
        assert [step.verdict for step in plan.steps] == ["needs_approval"]
        person = app.identity.by_hand()
        carried = await app.approvals.plans.carry_out(plan.digest, person)
        assert [step.status for step in carried.steps] == ["waiting"]
        assert await replicas(app) == 4

    run(tmp_path, work)


def test_a_plan_made_before_the_mark_meets_it_at_its_turn(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        plan = await app.approvals.plans.propose([proposed(app, 9, who=ops(app))], ops(app))
        assert [step.verdict for step in plan.steps] == ["allow"]
        await read(app)
        carried = await app.approvals.plans.carry_out(plan.digest, app.identity.by_hand())
        assert [step.status for step in carried.steps] == ["waiting"]
        assert await replicas(app) == 4

    run(tmp_path, work)


def test_an_old_request_id_does_not_wash_it_off(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        first = proposed(app, 6, who=ops(app))
        assert isinstance(await app.executor.execute(first), Applied)
        await read(app)
        assert isinstance(await app.executor.execute(first), Applied)  # replayed: nothing is done twice
        for change in ({"args": scale(9)}, {"tainted": True}):
            with pytest.raises(RequestReused):
                await app.executor.execute(first.model_copy(update=change))
        assert await replicas(app) == 6

    run(tmp_path, work)


def test_a_call_that_is_sent_again_after_a_crash_is_answered_as_before(tmp_path: Path) -> None:
    """A reply with a change and a read of events: the node is run again from its top, tainted by then."""

    async def work(app: App) -> None:
        again = {"principal": ops(app), "request_id": uuid.uuid4().hex}
        first = await ask(app, "scale", scale(9), **again)
        assert first.status == "applied"
        await read(app)
        second = await ask(app, "scale", scale(9), **again)
        assert (second.status, second.record) == ("applied", first.record)

    run(tmp_path, work)


def test_time_and_a_kill_switch_that_is_lifted_do_not_wash_it_off(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        await read(app)
        assert app.world is not None
        app.world.advance(86_400)
        assert isinstance(await wanted(app, 9), Pending)

    run(tmp_path, work)


def test_a_policy_that_says_nothing_of_taint_lets_nothing_pass(tmp_path: Path) -> None:
    rules = [
        allow("reads", ["read"]),
        allow("scaling", ["scale"], limits={"replicas": {"min": 1, "max": 20}}),
    ]
    policies = write_policy(tmp_path / "policies", [LOCAL, OPS, *rules])

    async def work() -> None:
        async with installation(tmp_path, policies) as app:
            await read(app)
            result = await wanted(app, 5)
            assert isinstance(result, Refused)
            assert (result.stage, result.rule) == ("taint", "scaling")
            done = await wanted(app, 5, app.identity.by_hand())
            assert isinstance(done, Applied)
            assert not isinstance(await wanted(app, 4), Failed | Applied)

    asyncio.run(work())


def test_a_read_of_events_taints_whoever_asks_for_it(tmp_path: Path) -> None:
    """The read itself does, whatever stands around it: a loop of our own needs no toolbox to be tainted."""

    async def run() -> None:
        async with rig(tmp_path, [LOCAL, OPS, allow("reads", ["read"])]) as one:
            key = TAINT.of("s-1")
            await one.reads(one.agent("s-1")).workload(WEB)
            assert (await one.log.values((key,)))[key] == 0
            await one.reads(one.agent("s-1")).events(WEB)
            assert (await one.log.values((key,)))[key] != 0

    asyncio.run(run())
