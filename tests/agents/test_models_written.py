"""Tool calls that a model writes as text: recognised, told of, and never carried out."""

import asyncio
from pathlib import Path

import pytest

from agents.models.written_calls import wrote_calls
from agents.ops.events import CardShown, Changed, Stopped
from tests.agents.chat import chatting, one_turn
from tests.agents.fakes import FakeToolbox
from tests.kit.scripted_model import Step, say

TOOLS = ("scale", "list_workloads")
CALL = '{"name": "scale", "arguments": {"workload": "deployment/web", "replicas": 6}}'
WRITTEN = (
    f"<tool_call>\n{CALL}\n</tool_call>",
    f"I will do it.\n<tool_call>{CALL}",
    "<function=scale><parameter=replicas>6</parameter></function>",
    f"[TOOL_CALLS] [{CALL}]",
    "<|python_tag|>scale(replicas=6)",
    "[scale(workload='deployment/web', replicas=6)]",
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>scale",
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.scale:0",
    f"functools[{CALL}]",
    '<invoke name="scale">',
    CALL,
    f"[{CALL}]",
    f"Here it is:\n```json\n{CALL}\n```\n",
    '{"type": "function", "function": {"name": "scale", "parameters": {}}}',
    '{"function": "scale", "args": {}}',
)
TEXT = (
    "",
    "web has 4 replicas; scale(6) would be more",
    "a `<tool_call>` was in the log",
    '{"name": "web", "arguments": {}}',
    '{"name": "scale"}',
    '```json\n{"replicas": 6}\n```',
    "[" * 50_000,
    '{"name": ["scale"], "arguments": {}}',
    "scale it",
)


@pytest.mark.parametrize("text", WRITTEN)
def test_a_written_call_is_recognised(text: str) -> None:
    assert wrote_calls(text, TOOLS)


@pytest.mark.parametrize("text", TEXT)
def test_an_answer_is_none(text: str) -> None:
    assert not wrote_calls(text, TOOLS)


@pytest.mark.parametrize("text", WRITTEN)
def test_text_calls_nothing_and_the_turn_says_so(text: str, tmp_path: Path) -> None:
    box = FakeToolbox()
    events, requests, _ = one_turn([say(text)], tmp_path, box)
    last = events[-1]
    assert isinstance(last, Stopped)
    assert last.reason == "as_text"
    assert "nothing was called" in last.detail
    assert not any(isinstance(one, CardShown) for one in events)
    assert len(requests) == 1


def test_a_call_beside_such_a_text_is_a_call(tmp_path: Path) -> None:
    events, _, _ = one_turn([Step(text=CALL, calls=[("list_workloads", "{}")]), say("done")], tmp_path)
    assert any(isinstance(one, CardShown) for one in events)
    assert not any(isinstance(one, Stopped) for one in events)


def test_the_turn_after_it_goes_on(tmp_path: Path) -> None:
    async def go() -> None:
        async with chatting([say(CALL), say("fine")], FakeToolbox(), tmp_path) as (ops, server):
            for text in ("scale web", "and now?"):
                events = [event async for event in ops.turn("t", text)]
            assert events[-1] == Changed(())
            assert not any(isinstance(one, Stopped) for one in events)
            assert [m["role"] for m in server.requests[1]["messages"]] == [
                "system",
                "user",
                "assistant",
                "user",
            ]

    asyncio.run(go())
