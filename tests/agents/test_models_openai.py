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
from agents.models.wire import to_wire
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
    assert (reply.text, [c.name for c in reply.calls], reply.usage.total) == ("ok", ["scale", "scale"], 2_020)
    (sent,) = server.requests
    assert sent["tools"] == TOOLS
    assert (sent["model"], sent["max_tokens"]) == ("scripted", 50)
    assert server.headers[0]["Authorization"] == "Bearer k"


def test_no_usage_is_unknown_usage() -> None:
    reply, _ = ask(Step(text="ok", usage=None))
    assert reply.usage.total is None


@pytest.mark.parametrize(
    ("url", "name"),
    [("", ""), ("http://x/v1", ""), ("", "m"), ("ftp://x", "m"), ("http://", "m"), ("http://x/v1#y", "m")],
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
        (400, ModelRefused, "own log"),
        (422, ModelRefused, "own log"),
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
        ("https://x.services.ai.azure.com/openai/v1", "max_completion_tokens"),
        ("https://api.openai.com.evil.example/v1", "max_tokens"),
        ("https://evil-api.openai.com.example/v1", "max_tokens"),
        ("http://127.0.0.1:11434/v1", "max_tokens"),
    ],
)
def test_the_limits_name_goes_by_the_host(url: str, field: str) -> None:
    assert OpenAIChat(Endpoint(url, "m"))._limit == field


UNSUPPORTED = (
    b'{"error": {"message": "Unsupported parameter: \'%s\' is not supported with this model.",'
    b' "type": "invalid_request_error", "param": "%s", "code": "unsupported_parameter"}}'
)


def test_the_other_name_of_the_limit_is_tried_once_and_remembered() -> None:
    async def go() -> None:
        refusal = Step(status=400, body=UNSUPPORTED % (b"max_tokens", b"max_tokens"))
        async with ScriptedModel([refusal, say("one"), say("two")]) as server:
            model = client(server.url)
            for text in ("one", "two"):
                reply = await model.complete([history.user("u", "hi")], TOOLS, max_tokens=50)
                assert reply.text == text
            await model.close()
        limits = [sorted(set(r) & {"max_tokens", "max_completion_tokens"}) for r in server.requests]
        assert limits == [["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"]]

    asyncio.run(go())


def test_neither_name_is_an_end_and_a_set_name_is_kept() -> None:
    refusal = Step(status=400, body=UNSUPPORTED % (b"max_tokens", b"max_tokens"))
    error = refused(refusal)
    assert "model_output_field" in error.hint
    kept = OpenAIChat(Endpoint("https://api.openai.com/v1", "m", limit_field="max_tokens"))
    assert kept._limit == "max_tokens"
    with pytest.raises(ModelMissing):
        connect(Endpoint("http://x/v1", "m", limit_field="n_predict"))


def test_azures_version_goes_behind_the_path_and_its_key_as_api_key() -> None:
    async def go() -> None:
        async with ScriptedModel([say("ok")]) as server:
            model = client(f"{server.url}/?api-version=2024-10-21&region=eu")
            await model.complete([history.user("u", "hi")], TOOLS, max_tokens=50)
            await model.close()
        assert server.seen == ["POST /v1/chat/completions?api-version=2024-10-21&region=eu"]
        assert server.headers[0]["api-key"] == "k"
        assert "Authorization" not in server.headers[0]

    asyncio.run(go())


def test_an_address_shows_neither_password_nor_query() -> None:
    with pytest.raises(ModelMissing) as caught:
        connect(Endpoint("http://me:hunter2@x/v1", "m"))
    assert "hunter2" not in f"{caught.value.said} {caught.value.hint}"
    assert Endpoint("https://x/v1?key=hunter2", "m").where == "https://x/v1"


@pytest.mark.parametrize(
    ("body", "kind", "cause", "hint"),
    [
        ({"error": {"message": "rate limited upstream", "code": 429}}, ModelUnavailable, "upstream", "wait"),
        ({"error": "model is loading"}, ModelRefused, "model is loading", ""),
        ({"error": {"message": "x", "code": "503"}}, ModelUnavailable, "HTTP 503", "its own log"),
        ({"object": "error", "message": "no such field", "code": 400}, ModelRefused, "such field", "own log"),
        ({"error": {"message": "slow", "code": "rate_limit_exceeded"}}, ModelUnavailable, "HTTP 429", "wait"),
        ({"error": "slow", "code": 429}, ModelUnavailable, "HTTP 429: slow", "wait"),
        ({"errors": [{"code": 7009, "message": "upstream away"}]}, ModelRefused, "(upstream away)", ""),
        ({"error": {"error": {"error": {"message": "deep"}}}}, ModelRefused, "(deep)", ""),
        ({"detail": "not ready"}, ModelRefused, "not ready", ""),
        (
            {"choices": [{"error": {"code": 502, "message": "upstream died"}, "message": {"content": ""}}]},
            ModelUnavailable,
            "upstream died",
            "its own log",
        ),
    ],
)
def test_an_error_inside_of_200_is_the_endpoints_own(
    body: dict[str, Any], kind: type[ModelError], cause: str, hint: str
) -> None:
    error = refused(Step(body=json.dumps(body).encode()))
    assert isinstance(error, kind)
    assert cause in error.what
    assert hint in error.hint


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4096 tokens.",
        "max context 4096 exceeded",
        "exceeds the available context size",
        "prompt is too long: 210000 tokens > 200000 maximum",
    ],
)
def test_a_context_that_is_too_short_says_so(message: str) -> None:
    body = {"error": {"message": message, "param": "messages"}}
    error = refused(Step(status=400, body=json.dumps(body).encode()))
    assert "longer than the model's context" in error.what
    assert "--thread" in error.hint


REFUSALS: dict[str, tuple[object, str, str]] = {
    "google": (
        [{"error": {"message": "no such role", "status": "INVALID_ARGUMENT"}}],
        "HTTP 400: no such role",
        "log",
    ),
    "key": (
        [{"error": {"code": 400, "message": "Please pass a valid API key"}}],
        "refuses the key",
        "model_key",
    ),
    "fastapi": (
        {"detail": [{"loc": ["body", "top"], "msg": "not permitted"}]},
        "HTTP 400: not permitted",
        "log",
    ),
    "tools": (
        {"error": {"message": "m does not support tools"}},
        "not support tools",
        "does this model take tools?",
    ),
    "limit": (
        {"error": {"message": "max_tokens is too large: 2000"}},
        "output limit",
        "lower model_output_tokens",
    ),
    "list": ([], "HTTP 400", "log"),
    "odd": ({"error": [[[[[[1]]]]]]}, "HTTP 400: [[", "log"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_told_in_its_own_words_with_a_hint_that_fits(name: str) -> None:
    body, cause, hint = REFUSALS[name]
    error = refused(Step(status=400, body=json.dumps(body).encode()))
    assert isinstance(error, ModelRefused)
    assert cause in error.what
    assert hint in error.hint


@pytest.mark.parametrize("body", [
    {"error": {"message": "Unrecognized request argument supplied: max_completion_tokens"}},
    {"detail": [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": "Extra inputs"}]},
])  # fmt: skip
def test_the_limits_other_name_is_the_hint(body: dict[str, Any]) -> None:
    error = refused(Step(status=422, body=json.dumps(body).encode()))
    assert error.hint == "set model_output_field to max_tokens"


def test_an_error_that_is_nested_deep_is_an_error() -> None:
    body = '{"error":' * 400 + '"x"' + "}" * 400
    assert isinstance(refused(Step(body=body.encode())), ModelRefused)


def test_what_an_endpoint_says_is_untrusted_text() -> None:
    said = "\x1b[2J\u202eno: key sk-abcdefgh12345678 password=hunter22\n" + "x" * 9_000
    for step in (
        Step(status=400, body=json.dumps({"error": {"message": said}}).encode()),
        Step(body=json.dumps({"error": {"message": said}}).encode()),
        Step(status=401, body=said.encode(), content_type="text/html"),
    ):
        error = refused(step)
        assert error.what.isprintable()
        assert len(error.what) < 500
        assert "hunter22" not in error.what
        assert "sk-abc" not in error.what


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
