"""The client: what is sent, what is read, and each way in which it goes wrong (what, where, hint)."""

import asyncio
import json
import socket
from typing import Any

import pytest

from agents.errors import ModelError, ModelMissing, ModelRefused, ModelUnavailable, ReplyMalformed
from agents.models.endpoint import Endpoint
from agents.models.openai_chat import OpenAIChat, connect
from agents.models.types import Reply
from agents.models.wire import from_wire, to_wire
from agents.ops import history
from tests.agents.chat import client
from tests.kit.scripted_model import ScriptedModel, Step, say

TOOLS = [{"type": "function", "function": {"name": "scale", "parameters": {}, "strict": True}}]


def ask(*steps: Step, retries: int = 0, timeout_s: int = 20, url: str = "") -> tuple[Reply, ScriptedModel]:
    async def go() -> tuple[Reply, ScriptedModel]:
        async with ScriptedModel(steps) as server:
            model = client(url or server.url, retries=retries, timeout_s=timeout_s)
            try:
                return await model.complete([history.user("u", "hi")], TOOLS, max_tokens=50), server
            finally:
                await model.close()

    return asyncio.run(go())


def refused(*steps: Step, **more: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ask(*steps, **more)
    assert caught.value.where.startswith("http://127.0.0.1:")
    return caught.value


def test_a_reply_and_what_was_sent() -> None:
    reply, server = ask(Step(text="ok", calls=[("scale", "{}"), ("scale", "{}")]))
    assert (reply.text, [c.name for c in reply.calls], reply.usage.total) == ("ok", ["scale", "scale"], 120)
    (sent,) = server.requests
    assert sent["tools"] == TOOLS
    assert (sent["model"], sent["max_tokens"]) == ("scripted", 50)
    assert server.headers[0]["Authorization"] == "Bearer k"


def test_no_usage_is_unknown_usage() -> None:
    reply, _ = ask(Step(text="ok", usage=None))
    assert reply.usage.total is None


@pytest.mark.parametrize(
    ("url", "name"), [("", ""), ("http://x/v1", ""), ("", "m"), ("ftp://x", "m"), ("http://", "m")]
)
def test_no_model_says_how_to_connect_one(url: str, name: str) -> None:
    with pytest.raises(ModelMissing) as caught:
        connect(Endpoint(url, name))
    assert "FLYBALL_MODEL_URL=" in caught.value.hint
    assert "model_" in caught.value.where


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (401, ModelRefused, "model_key"),
        (403, ModelRefused, "model_key"),
        (404, ModelRefused, "model_name"),
        (400, ModelRefused, "tools"),
        (422, ModelRefused, "tools"),
        (429, ModelUnavailable, "wait"),
        (500, ModelUnavailable, "its own log"),
        (503, ModelUnavailable, "its own log"),
    ],
)
def test_statuses(status: int, kind: type[ModelError], hint: str) -> None:
    error = refused(Step(status=status, body=b'{"error": {"message": "because of this"}}'))
    assert isinstance(error, kind)
    assert hint in error.hint
    assert "because of this" in error.what
    assert str(status) in error.what


def test_nobody_listens() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    error = refused(say("x"), url=f"http://127.0.0.1:{port}/v1")
    assert isinstance(error, ModelUnavailable)
    assert "is it running" in error.hint


def test_no_answer_in_time() -> None:
    error = refused(Step(text="late", gate=asyncio.Event()), timeout_s=1)
    assert isinstance(error, ModelUnavailable)
    assert "within 1 s" in error.what


def test_an_overloaded_endpoint_is_asked_again() -> None:
    reply, server = ask(Step(status=503), say("now"), retries=1)
    assert reply.text == "now"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>welcome</html>",
        b"null",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": {"tool_calls": [{"function": {}}]}}]}',
        b'{"choices": [{"message": {"tool_calls": [{"function": {"name": 5}}]}}]}',
        b'{"choices": [{"message": {"content": "\\ud800"}}]}',
        b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 1.5}}',
        b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": -1}}',
        b'{"a":' * 10_000,
        b"[" * 100_000,
        b'{"choices": [{"message": {"content": "' + b"x" * (4 * 2**20) + b'"}}]}',
    ],
)
def test_replies_that_are_none(body: bytes) -> None:
    with pytest.raises(ReplyMalformed) as caught:
        from_wire(body, "http://x/v1")
    assert caught.value.where == "http://x/v1"


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_a_web_page_is_no_reply(kind: str) -> None:
    error = refused(Step(body=b"<html>log in</html>", content_type=kind))
    assert isinstance(error, ReplyMalformed)
    assert "/v1" in error.hint


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://x.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("https://api.openai.com.evil.example/v1", "max_tokens"),
        ("http://127.0.0.1:11434/v1", "max_tokens"),
    ],
)
def test_the_limits_name_goes_by_the_host(url: str, field: str) -> None:
    assert OpenAIChat(Endpoint(url, "m"))._limit == field


def test_keys_are_not_shown() -> None:
    assert "secret" not in repr(Endpoint("http://x/v1", "m", "secret"))


def test_history_goes_out_as_endpoints_want_it() -> None:
    call = {"id": "abc", "request_id": "r", "name": "scale", "arguments": '{"a": 1}'}
    bad = {"id": "abd", "request_id": "r", "name": "rm -rf", "arguments": "[1]"}
    message: Any = {**history.assistant("a", ""), "calls": [call, bad]}
    sent = to_wire([message, history.answer("abc", "{}")])
    functions = [c["function"] for c in sent[0]["tool_calls"]]
    assert functions[0] == {"name": "scale", "arguments": '{"a": 1}'}
    assert functions[1]["name"] == "invalid_name"
    assert isinstance(json.loads(functions[1]["arguments"]), dict)
    assert sent[0]["content"] is None
    assert sent[1] == {"role": "tool", "tool_call_id": "abc", "content": "{}"}
