"""The recorder: what it writes | durable when it returns | for nobody that this process does not speak for."""

import asyncio
from pathlib import Path

import pytest

from audit.errors import RecordInvalid
from policies.types import Principal
from tests.kit.installation import App, within
from tools.toolbox.port import ModelCall
from tools.toolbox.recorder import RecordRefused

CALL = ModelCall(model="m" * 600, message="m1.1", step=1, tokens=120, ms=3)


def test_one_record_each(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        who = app.agent("agent:ops", "chat-t")
        await app.recorder.run_started(who, "r-1", {"namespace": "shop"})
        await app.recorder.run_finished(who, "r-1", {"kept": 2})
        await app.recorder.model_called(who, "t", CALL)
        await app.recorder.turn_stopped(who, "t", "steps", "x" * 5_000)
        started, finished, call, stop = [e.record for e in await app.log.find()][-4:]
        assert [r.kind for r in (started, finished, call, stop)] == [
            "run.started", "run.finished", "model.call", "annotation",
        ]  # fmt: skip
        assert (started.run_id, started.args, finished.args) == ("r-1", {"namespace": "shop"}, {"kept": 2})
        assert {(r.actor.id, r.actor.session) for r in (started, finished, call, stop)} == {
            ("agent:ops", "chat-t")
        }
        assert call.actor.model == "m" * 512
        assert call.args == {"message": "m1.1", "step": 1, "tokens": 120, "ms": 3}
        assert (call.labels, stop.labels) == ({"thread": "t"}, {"thread": "t", "stopped": "steps"})
        assert len(stop.reason or "") == 4096

    within(tmp_path, work)


def test_another_persons_agent_leaves_no_trail_here(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        before = len(await app.log.find())
        absent, other = None, "human:somebody"
        for human in (absent, other):
            who = Principal(agent="agent:ops", on_behalf_of=human, groups=("group:local",), session="s")
            with pytest.raises(RecordRefused):
                await app.recorder.run_started(who, "r-1", {})
        assert len(await app.log.find()) == before

    within(tmp_path, work)


def test_what_the_log_cannot_hold_is_an_error_and_not_a_shorter_record(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        with pytest.raises(RecordInvalid):
            await app.recorder.run_started(app.agent("agent:ops"), "r-1", {"share": 0.5})

    within(tmp_path, work)


def test_a_record_is_there_when_the_call_returns(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        who = app.agent("agent:ops")
        await asyncio.gather(*(app.recorder.run_started(who, f"r-{n}", {}) for n in range(20)))
        assert len(await app.log.find(kinds=("run.started",))) == 20

    within(tmp_path, work)
