"""Replies that come piece by piece."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agents.errors import ContextExceeded, ModelUnavailable, ReplyMalformed
from agents.models.stream import Assembly
from agents.models.types import Delta, Reply
from agents.ops.events import Heard, Said
from tests.agents.chat import agent, client, run
from tests.agents.fakes import FakeToolbox
from tests.kit.scripted_model import ScriptedModel, Step, call, say, streamed


def asked(step: Step, *more: Step) -> tuple[Reply, list[Delta], list[dict[str, Any]]]:
    """One reply, what was heard of it, and what was asked."""

    async def go() -> tuple[Reply, list[Delta], list[dict[str, Any]]]:
        heard = list[Delta]()
        async with ScriptedModel([step, *more]) as server:
            model = client(server.url)
            try:
                reply = await model.complete([], [], max_tokens=100, heard=heard.append)
            finally:
                await model.close()
            return reply, heard, server.requests

    return asyncio.run(go())


def test_a_reply_is_heard_in_pieces_and_is_whole_in_the_end() -> None:
    reply, heard, requests = asked(say("web has 4 replicas"))
    assert reply.text == "".join(piece.text for piece in heard) == "web has 4 replicas"
    assert len(heard) > 2
    assert (reply.usage.prompt, reply.usage.completion) == (2_000, 20)
    assert requests[0]["stream_options"] == {"include_usage": True}


def test_calls_are_put_together() -> None:
    reply, heard, _ = asked(Step(text="look", calls=[("a", '{"x": 1}'), ("b", "{}")]))
    assert [(one.name, one.arguments) for one in reply.calls] == [("a", '{"x": 1}'), ("b", "{}")]
    assert "".join(piece.text for piece in heard) == "look"


def sse(*deltas: dict[str, Any], finish: str = "stop") -> list[bytes]:
    """Chunks of a server of its own kind."""
    made = [{"choices": [{"delta": delta}]} for delta in deltas]
    made.append({"choices": [{"delta": {}, "finish_reason": finish}]})
    return [b"data: " + json.dumps(one).encode() + b"\n\n" for one in made]


@pytest.mark.parametrize("cut_at", range(1, 12))
def test_a_thought_in_the_text_is_not_heard_as_text(cut_at: int) -> None:
    text = "<think>4 is few</think>\n\nscale it"
    parts = [text[at : at + cut_at] for at in range(0, len(text), cut_at)]
    reply, heard, _ = asked(Step(chunks=sse(*({"content": part} for part in parts))))
    assert reply.text == "scale it"
    assert "".join(piece.text for piece in heard) == "scale it"
    assert "few" in "".join(piece.reasoning for piece in heard)
    assert reply.reasoned


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_beside_the_text_is_kept_apart(field: str) -> None:
    reply, heard, _ = asked(Step(chunks=sse({field: "hm"}, {"content": "6"})))
    assert (reply.text, reply.reasoned) == ("6", True)
    assert heard == [Delta(reasoning="hm"), Delta("6")]


def test_text_that_only_begins_like_a_thought_is_told() -> None:
    reply, heard, _ = asked(Step(chunks=sse({"content": "<thi"})))
    assert reply.text == "".join(piece.text for piece in heard) == "<thi"


@pytest.mark.parametrize("deltas", [
    [{"tool_calls": [{"function": {"name": "scale", "arguments": '{"a":'}}]},
     {"tool_calls": [{"function": {"arguments": "1}"}}]}],
    [{"tool_calls": [{"index": 0, "function": {"name": "scale", "arguments": '{"a":'}}]},
     {"tool_calls": [{"index": 0, "function": {"name": "scale", "arguments": "1}"}}]}],
    [{"tool_calls": [{"index": 0, "function": {"name": "scale", "arguments": {"a": 1}}}]}],
    [{"tool_calls": [{"index": 7, "id": "x", "function": {"name": "scale", "arguments": '{"a":1}'}}]}],
])  # fmt: skip
def test_calls_as_servers_differ(deltas: list[dict[str, Any]]) -> None:
    reply, _, _ = asked(Step(chunks=sse(*deltas, finish="tool_calls")))
    assert [(one.name, json.loads(one.arguments)) for one in reply.calls] == [("scale", {"a": 1})]


def test_bytes_are_cut_anywhere() -> None:
    whole = b": a comment\r\n\r\n" + b"".join(streamed(say("größer — 日本 👍"), "m"))
    reply, heard, _ = asked(Step(chunks=[whole[at : at + 3] for at in range(0, len(whole), 3)]))
    assert reply.text == "".join(piece.text for piece in heard) == "größer — 日本 👍"


def test_a_server_that_does_not_stream_is_asked_again_and_answers_at_once() -> None:
    no = Step(status=400, body=b'{"error": {"message": "stream is not supported"}}')
    reply, heard, requests = asked(no, say("fine"))
    assert (reply.text, heard) == ("fine", [])
    assert "stream" not in requests[1]
    reply, _, _ = asked(
        Step(chunks=None, status=200, body=b'{"choices": [{"message": {"content": "whole"}}]}')
    )
    assert reply.text == "whole"


@pytest.mark.parametrize(("chunks", "error"), [
    ([b"data: {\n\n"], ReplyMalformed),
    ([b"data: [1]\n\n"], ReplyMalformed),
    ([b"data: 7\n\n"], ReplyMalformed),
    ([b"garbage\n\n"], ModelUnavailable),
    ([], ModelUnavailable),
    (sse({"content": "half"})[:1], ModelUnavailable),
    ([b'data: {"error": {"message": "overloaded", "code": 503}}\n\n'], ModelUnavailable),
    ([b'data: {"error": {"message": "exceeds the context size", "n_ctx": 4096}}\n\n'], ContextExceeded),
])  # fmt: skip
def test_what_is_no_reply_is_an_error(chunks: list[bytes], error: type[Exception]) -> None:
    with pytest.raises(error):
        asked(Step(chunks=chunks))


def test_a_connection_that_is_cut_is_an_error() -> None:
    with pytest.raises(ModelUnavailable):
        asked(Step(text="a long answer that nobody hears the end of", cut=True))


def test_odd_fields_of_a_chunk_are_passed_over() -> None:
    assembly = Assembly()
    for chunk in (
        {},
        {"choices": 7},
        {"choices": [7]},
        {"choices": [{"delta": 7}]},
        {"choices": [{"index": 1, "delta": {"content": "n=2"}}]},
    ):
        assert assembly.add(chunk) == Delta()
    assert assembly.document()["choices"][0]["message"]["content"] == ""


def test_a_turn_tells_the_pieces_and_then_the_whole(tmp_path: Path) -> None:
    async def go() -> None:
        async with ScriptedModel([call("list_workloads"), say("done, all is well")]) as server:
            model = client(server.url)
            async with agent(model, FakeToolbox(), tmp_path) as ops:
                events = [event async for event in ops.turn("t", "look")]
            await model.close()
        assert "".join(one.text for one in events if isinstance(one, Heard)) == "done, all is well"
        assert Said("done, all is well") in events

    run(go)
