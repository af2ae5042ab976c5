"""What of a turn the agent records by itself: before it is shown | nothing goes on unrecorded | whose session."""

import asyncio
from pathlib import Path

import pytest

from agents.ops.agent import OpsAgent
from agents.ops.events import Asked, Event, Stopped
from audit.errors import LogUnavailable
from tests.agents.chat import chatting, resumed, run, said
from tests.agents.fakes import FakeRecorder, FakeToolbox
from tests.kit.scripted_model import Step, call, say, scale


def test_nothing_is_shown_that_is_not_recorded(tmp_path: Path) -> None:
    async def go() -> None:
        trail = FakeRecorder()
        steps = [call("list_workloads"), scale("deployment/web", 15)]
        async with chatting(steps, FakeToolbox(), tmp_path, recorder=trail) as (ops, _):
            shown = 0
            for text in ("15 please", "yes"):
                async for event in ops.turn("t", text):
                    shown += isinstance(event, Asked | Stopped)
                    assert len(trail.records) >= shown, event
        assert trail.kinds() == ["model.call", "model.call", "annotation"]
        assert [what.get("why") for _, _, what in trail.records] == [None, None, "assent"]
        asked = trail.records[0][2]
        assert (asked["model"], asked["step"], asked["tokens"]) == ("scripted", 1, 2_020)

    run(go)


async def follow(ops: OpsAgent, shown: list[Event]) -> None:
    async for event in ops.turn("t", "6 please"):
        shown.append(event)  # noqa: PERF401 - what was shown before an error counts


def test_a_reply_that_cannot_be_recorded_is_not_acted_on(tmp_path: Path) -> None:
    """The turn ends unfinished; once the log is back, it goes on."""

    async def go() -> None:
        trail, box = FakeRecorder(broken=LogUnavailable("the disk is full")), FakeToolbox()
        steps = [scale("deployment/web", 6), scale("deployment/web", 6), say("done")]
        async with chatting(steps, box, tmp_path, recorder=trail) as (ops, _):
            shown = list[Event]()
            with pytest.raises(LogUnavailable):
                await follow(ops, shown)
            assert (shown, box.calls) == ([], [])
            assert await ops.unfinished("t")
            trail.broken = None
            again = await resumed(ops)
            assert isinstance(again[0], Asked)
            assert box.replicas["deployment/web"] == 6

    run(go)


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([Step(status=503)], "model"),
        ([Step(text="")], "empty"),
        ([call("list_workloads")], "loop"),
    ],
)
def test_an_end_that_cannot_be_recorded_is_an_error(tmp_path: Path, steps: list[Step], why: str) -> None:
    async def go() -> None:
        trail = Selective()
        async with chatting(steps, FakeToolbox(), tmp_path, recorder=trail) as (ops, _):
            with pytest.raises(LogUnavailable, match=why):
                await said(ops, "go on")

    run(go)


class Selective(FakeRecorder):
    """Keeps model calls, and no ends of turns."""

    def _keep(self, kind: str, where: str, what: dict[str, object]) -> None:
        if kind == "annotation":
            raise LogUnavailable(f"{what['why']} was not kept")
        super()._keep(kind, where, what)


def test_a_thread_speaks_under_its_own_session(tmp_path: Path) -> None:
    """One agent that serves many threads: what one of them has read does not taint, or launder, another."""

    async def go() -> None:
        trail, box = FakeRecorder(), FakeToolbox()
        async with chatting([call("list_workloads"), say("x")] * 2, box, tmp_path, recorder=trail) as (
            ops,
            _,
        ):
            for thread in ("a", "b"):
                await said(ops, "look", thread)
        sent = [one.principal for one in box.calls]
        assert [who.session for who in sent] == ["chat-a", "chat-b"]
        assert {(where, what["session"]) for _, where, what in trail.records} == {
            ("a", "chat-a"),
            ("b", "chat-b"),
        }
        assert {(who.agent, who.on_behalf_of) for who in sent} == {("agent:ops", "human:anna")}

    run(go)


def test_a_cancelled_turn_says_so_in_the_log(tmp_path: Path) -> None:
    async def go() -> None:
        trail, gate = FakeRecorder(), asyncio.Event()
        async with chatting([Step(text="late", gate=gate)], FakeToolbox(), tmp_path, recorder=trail) as (
            ops,
            server,
        ):
            turn = asyncio.ensure_future(said(ops, "hello?"))
            while not server.requests:
                await asyncio.sleep(0)
            ops.cancel()
            (last,) = await turn
            assert isinstance(last, Stopped)
            gate.set()
        assert [what["why"] for _, _, what in trail.records] == ["cancelled"]

    run(go)
