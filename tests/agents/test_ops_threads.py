"""Threads: pruning | strict revival | kill -9 between reply and call | two processes | pinned place and person |
cut off and closed | cut off and resumed | tracing stays off
"""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ormsgpack
import pytest

from agents.errors import ThreadInvalid
from agents.ops.budget import Budget
from agents.ops.events import Asked, CardShown, Event, Said, Stopped
from agents.ops.threads import Threads
from tests.agents.chat import agent, chatting, client, leases_of, resumed, run, said
from tests.agents.fakes import DiskToolbox, FakeToolbox, LeaseTaken, lines
from tests.kit.scripted_model import ScriptedModel, Step, call, say, scale
from tools.toolbox.port import Call

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_pruning_keeps_fifty_turns_small(tmp_path: Path) -> None:
    async def go() -> None:
        box = FakeToolbox(label="x" * 5_000)
        async with chatting([call("list_workloads"), say("y" * 1_000)] * 50, box, tmp_path) as (ops, server):
            for i in range(50):
                events = await said(ops, f"turn {i}")
                assert isinstance(events[-1], Said)
            (info,) = await ops.threads()
            assert info.turns < 50, "what no longer fits is forgotten"
            sent = len(json.dumps(server.requests[-1]))
        assert sent < 4 * Budget().history_tokens
        rows = sqlite3.connect(tmp_path / "threads.db").execute("SELECT count(*) FROM checkpoints").fetchone()
        assert rows == (1,)
        assert sum(f.stat().st_size for f in tmp_path.glob("threads.db*")) < 2 * 2**20

    run(go)


def test_only_one_thread_is_pruned(tmp_path: Path) -> None:
    async def go() -> None:
        async with chatting([say("hello")], FakeToolbox(), tmp_path) as (ops, _):
            for thread in ("a", "b", "a"):
                await said(ops, f"in {thread}", thread)
            assert {(t.name, t.turns, t.opening) for t in await ops.threads()} == {
                ("a", 2, "in a"),
                ("b", 1, "in b"),
            }

    run(go)


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    async def go() -> None:
        await (await Threads.open(tmp_path / "threads.db")).close()

    run(go)
    assert (tmp_path / "threads.db").stat().st_mode & 0o777 == 0o600


def test_a_planted_checkpoint_revives_no_class(tmp_path: Path) -> None:
    marker = tmp_path / "owned"
    code = ormsgpack.packb(("os", "system", (f"touch {marker}",)))
    planted = ormsgpack.packb(
        {"v": 4, "channel_values": {"stopped": ormsgpack.Ext(1, code)}, "id": "1", "ts": ""}
    )

    async def go() -> None:
        threads = await Threads.open(tmp_path / "threads.db")
        with sqlite3.connect(tmp_path / "threads.db") as db:
            row = ("t", "", "1", None, "msgpack", planted, b"{}")
            db.execute("INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        state: Any = await threads.state("t")
        await threads.close()
        assert isinstance(state["stopped"], tuple | list)

    run(go)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["", "../x", "a b", "x" * 65, "a/b", "é", "a\n"])
def test_odd_thread_names_are_refused(tmp_path: Path, name: str) -> None:
    async def go() -> None:
        async with chatting([say("x")], FakeToolbox(), tmp_path) as (ops, _):
            with pytest.raises(ThreadInvalid):
                await said(ops, "hi", name)
            assert leases_of(ops).held == [], "refused before it names a lease"

    run(go)


def test_a_thread_stays_at_its_place_and_with_its_person(tmp_path: Path) -> None:
    async def go() -> None:
        async with ScriptedModel([say("hello")]) as server:
            model, box = client(server.url), FakeToolbox()
            async with agent(model, box, tmp_path) as ops:
                await said(ops, "hi")
            async with agent(model, box, tmp_path, where="prod/shop") as ops:
                with pytest.raises(ThreadInvalid, match="sandbox/shop"):
                    await said(ops, "hi")
            await model.close()

    run(go)


class Crash(BaseException):
    """The process is gone; nothing after it runs."""


def crash(_: Call) -> None:
    raise Crash


async def cut(steps: Sequence[Step], box: FakeToolbox, folder: Path) -> None:
    """A turn whose process ends as its first call is sent."""
    box.before = crash
    async with chatting(steps, box, folder) as (ops, _):
        with pytest.raises(Crash):
            await said(ops, "6 please")
    box.before = None


def test_a_cut_off_turn_is_resumed_under_the_same_request_id(tmp_path: Path) -> None:
    async def go() -> None:
        box = FakeToolbox()
        await cut([scale("deployment/web", 6)], box, tmp_path)
        async with chatting([say("done")], box, tmp_path) as (ops, server):
            assert await ops.unfinished("t")
            events = await resumed(ops)
            assert isinstance(events[-1], Said)
            assert len(server.requests) == 1
            assert not await ops.unfinished("t")
            assert await resumed(ops) == []
        first, second = box.calls
        assert first == second
        assert box.replicas["deployment/web"] == 6

    run(go)


def test_a_cut_off_turn_is_closed_by_a_new_message_without_repeating(tmp_path: Path) -> None:
    async def go() -> None:
        box = FakeToolbox()
        await cut([scale("deployment/web", 6)], box, tmp_path)
        async with chatting([say("fine")], box, tmp_path) as (ops, server):
            events = await said(ops, "no, leave it")
            assert isinstance(events[0], Stopped)
            assert events[0].reason == "interrupted"
            roles = [m["role"] for m in server.requests[0]["messages"]]
            assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
            assert json.loads(server.requests[0]["messages"][3]["content"])["status"] == "unknown"
        assert len(box.calls) == 1
        assert box.replicas["deployment/web"] == 4

    run(go)


def test_a_model_call_that_was_cut_off_is_spent(tmp_path: Path) -> None:
    async def go() -> None:
        async with ScriptedModel([Step(text="late", gate=asyncio.Event())]) as server:
            model = client(server.url)
            async with agent(model, FakeToolbox(), tmp_path) as ops:
                turn = asyncio.create_task(said(ops, "hi"))
                while not server.requests:
                    await asyncio.sleep(0)
                turn.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await turn
                before = await ops._threads.state("t")
            await model.close()
        assert before is not None
        assert before["reserved"] > 0
        async with chatting([say("hello")], FakeToolbox(), tmp_path) as (ops, _):
            assert (await resumed(ops))[-1] == Said("hello")
            after = await ops._threads.state("t")
        assert after is not None
        assert (after["steps"], after["spent"]) == (2, before["reserved"] + 2_020)

    run(go)


@pytest.mark.parametrize("when", ["asking", "acting"])
def test_a_process_that_is_asked_to_end_leaves_a_turn_to_resume(tmp_path: Path, when: str) -> None:
    async def go() -> None:
        box = FakeToolbox()
        first = replace(scale("deployment/web", 6), gate=asyncio.Event())
        async with chatting([first, say("x")], box, tmp_path) as (ops, server):
            turn = asyncio.create_task(said(ops, "6 please"))
            while not server.requests:
                await asyncio.sleep(0)
            if when == "asking":
                ops.drain()
            else:
                box.before = lambda _: ops.drain()
                first.gate.set()  # type: ignore[union-attr]
            last = (await turn)[-1]
            assert isinstance(last, Stopped)
            assert last.reason == "drained"
            assert await ops.unfinished("t")
        box.before = None
        script = [say("done")] if when == "acting" else [scale("deployment/web", 6), say("done")]
        async with chatting(script, box, tmp_path) as (ops, _):
            assert (await resumed(ops))[-1] == Said("done")
        assert box.replicas["deployment/web"] == 6
        assert len(box.calls) == 1

    run(go)


_CHILD = """
import asyncio, os, sys
from pathlib import Path
from tests.agents.chat import agent, client, resumed, said
from tests.agents.fakes import DiskToolbox
folder, url, how = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

class Dying(DiskToolbox):
    async def call(self, call):
        if how == "before":
            (folder / "calls").open("a").write(call.request_id + "\\n")
            os.kill(os.getpid(), 9)
        card = await super().call(call)
        if how == "after":
            os.kill(os.getpid(), 9)
        return card

async def main():
    model = client(url)
    async with agent(model, Dying(folder), folder) as ops:
        if how == "resume":
            async for event in ops.resume("t"):
                print(type(event).__name__)
        else:
            await said(ops, "6 please")

asyncio.run(main())
"""


def child(folder: Path, url: str, how: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _CHILD, str(folder), url, how]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("how", ["before", "after"])
def test_kill_9_around_the_call_repeats_its_request_id_and_not_its_effect(tmp_path: Path, how: str) -> None:
    async def go() -> None:
        async with ScriptedModel([scale("deployment/web", 6), say("done")]) as server:
            killed = await asyncio.to_thread(child, tmp_path, server.url, how)
            assert killed.returncode == -signal.SIGKILL, killed.stderr
            model = client(server.url)
            async with agent(model, DiskToolbox(tmp_path), tmp_path) as ops:
                events = [type(e) for e in await resumed(ops)]
            await model.close()
            assert events == [CardShown, Asked, Said]
            assert len(server.requests) == 2, "the reply was kept: it is not asked for again"

    run(go)
    first, second = lines(tmp_path / "calls")
    assert first == second
    assert len(lines(tmp_path / "effects")) == 1


def test_two_processes_do_not_continue_one_thread(tmp_path: Path) -> None:
    async def go() -> None:
        gate = asyncio.Event()
        box = DiskToolbox(tmp_path)
        steps = [replace(scale("deployment/web", 6), gate=gate), say("done")]
        async with chatting(steps, box, tmp_path) as (first, server):
            turn = asyncio.create_task(said(first, "6 please"))
            while not server.requests:
                await asyncio.sleep(0)
            other = await asyncio.to_thread(child, tmp_path, server.url, "resume")
            assert "LeaseTaken" in other.stderr
            model = client(server.url)
            async with agent(model, box, tmp_path) as second:
                with pytest.raises(LeaseTaken):
                    await said(second, "me too")
            await model.close()
            gate.set()
            events: list[Event] = await turn
            assert [type(e) for e in events if isinstance(e, CardShown | Said)] == [CardShown, Said]
        assert len(lines(tmp_path / "effects")) == 1

    run(go)


@pytest.mark.slow
def test_tracing_stays_off_whatever_the_shell_says(tmp_path: Path) -> None:
    async def go() -> None:
        async with ScriptedModel([say("hello")]) as server, ScriptedModel([say("x")]) as spy:
            code = _CHILD.replace('"6 please"', '"hi"')
            environment = {
                **os.environ, "PYTHONPATH": str(ROOT), "LANGSMITH_TRACING": "true", "LANGCHAIN_TRACING_V2": "true",
                "LANGCHAIN_TRACING": "true", "LANGSMITH_API_KEY": "x", "LANGSMITH_ENDPOINT": spy.url,
                "OPENAI_API_KEY": "shell-key", "OPENAI_ORG_ID": "shell-org", "OPENAI_BASE_URL": spy.url,
            }  # fmt: skip
            command = [sys.executable, "-c", code, str(tmp_path), server.url, "none"]
            done = await asyncio.to_thread(
                subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, done.stderr
            assert spy.seen == []
            assert "shell-key" not in str(server.headers)
            assert "shell-org" not in str(server.headers)

    run(go)
