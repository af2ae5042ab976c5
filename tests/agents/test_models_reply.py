"""Responses in the shapes in which compatible servers really send them, and those that are none."""

import json
from typing import Any

import pytest

from agents.errors import ReplyMalformed
from agents.models.reply import document, from_document
from agents.models.types import RawCall, Reply

WHERE = "http://x/v1"


def read(body: bytes) -> Reply:
    return from_document(document(body, WHERE), WHERE)


def reply(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> Reply:
    return read(json.dumps({"choices": [{"message": message, "finish_reason": finish}], **more}).encode())


def called(*functions: Any) -> tuple[RawCall, ...]:
    calls = [{"id": "call_1", "type": "function", "function": f} for f in functions]
    return reply({"content": None, "tool_calls": calls}, "tool_calls").calls


@pytest.mark.parametrize("nothing", [None, "", "  \n", "null", " null "])
def test_no_arguments_in_any_spelling(nothing: str | None) -> None:
    assert called({"name": "list", "arguments": nothing}) == (RawCall("list", "{}"),)
    assert called({"name": "list"}) == (RawCall("list", "{}"),)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('{"workload": "deployment/web", "n": 6}', '{"workload":"deployment/web","n":6}'),
        ('{"n": 2, "n": 99}', '{"n":2,"n":99}'),  # the toolbox refuses it; the last one must not win here
        ('{"a": [{"n": 1, "n": 2}]}', '{"a":[{"n":1,"n":2}]}'),
        ('{"n": 6.0}', '{"n":6.0}'),
        ("[1]", "[1]"),
        ("7", "7"),
        ("true", "true"),
        ('"{\\"n\\": 1, \\"n\\": 2}"', '{"n": 1, "n": 2}'),
    ],
)
def test_arguments_as_an_object_are_judged_as_their_text(raw: str, text: str) -> None:
    body = '{"choices": [{"message": {"tool_calls": [{"function": {"name": "scale", "arguments": %s}}]}}]}'
    assert read((body % raw).encode()).calls == (RawCall("scale", text),)


def test_an_unknown_call_does_not_spoil_the_others() -> None:
    odd: list[Any] = [
        {"type": "custom", "custom": {"name": "scale", "input": "{}"}},
        {"type": "function", "function": {"name": None, "arguments": "{}"}},
        {"type": "function"},
        "scale",
        {"type": "function", "function": {"name": "list", "arguments": "{}"}},
    ]
    names = [c.name for c in reply({"tool_calls": odd}).calls]
    assert names == ["call of type custom", "", "call of type function", "call of type function", "list"]


def test_a_call_in_the_form_before_tool_calls_is_an_unknown_one() -> None:
    old = {"name": "list", "arguments": "{}"}
    assert [c.name for c in reply({"content": None, "function_call": old}).calls] == [
        "call of type function_call"
    ]


@pytest.mark.parametrize(
    ("content", "text", "reasoned"),
    [
        ([{"type": "text", "text": "All is "}, {"type": "text", "text": "fine."}], "All is fine.", False),
        ([{"type": "thinking", "thinking": [{"text": "hm"}]}, {"type": "text", "text": "ok"}], "ok", True),
        (["a", {"text": "b"}, 5, None, {"type": "image_url", "image_url": {}}], "ab", False),
        ("<think>\nto 60?\n</think>\n\nok", "ok", True),
        ("<think> never ends", "", True),
        ("a <think> b", "a <think> b", False),
        ("half \ud800", "half ?", False),
        (None, "", False),
        ({"text": "x"}, "x", False),
    ],
)
def test_content(content: Any, text: str, reasoned: bool) -> None:
    found = reply({"content": content})
    assert (found.text, found.reasoned) == (text, reasoned)


@pytest.mark.parametrize(
    ("usage", "total"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, 15),
        ({"prompt_tokens": 10.0, "completion_tokens": 5.0}, None),
        ({"prompt_tokens": "10", "completion_tokens": "5"}, None),
        ({"prompt_tokens": -1, "completion_tokens": 5}, None),
        ({"prompt_tokens": True, "completion_tokens": 5}, None),
        ({"prompt_tokens": 10**30, "completion_tokens": 5}, None),
        ({"prompt_tokens": 5, "completion_tokens": 2**53 - 1}, None),
        ({"total_tokens": 15}, None),
        ({}, None),
        (None, None),
        ([1, 2], None),
    ],
)
def test_usage_is_two_whole_numbers_or_unknown(usage: Any, total: int | None) -> None:
    assert reply({"content": "x"}, usage=usage).usage.total == total


@pytest.mark.parametrize(
    ("finish", "end"),
    [("stop", "whole"), (None, "whole"), ("length", "length"), ("max_tokens", "length"), ("tool_calls", "whole"),
     ("content_filter", "filtered"), ("new_reason", "whole")],
)  # fmt: skip
def test_how_it_ended(finish: str | None, end: str) -> None:
    assert reply({"content": "x"}, finish).end == end


def test_a_filtered_question() -> None:
    assert read(b'{"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}').end == "filtered"


def test_reasoning_beside_the_text() -> None:
    found = reply({"content": None, "reasoning_content": "hmm " * 500}, "length")
    assert (found.text, found.end, found.reasoned) == ("", "length", True)


def test_the_choice_that_says_something() -> None:
    calls = [{"function": {"name": "list", "arguments": "{}"}}]
    body = {"choices": [{"message": {"content": ""}}, {"message": {"content": None, "tool_calls": calls}}]}
    assert [c.name for c in read(json.dumps(body).encode()).calls] == ["list"]


def test_a_byte_order_mark() -> None:
    assert read(b'\xef\xbb\xbf{"choices": [{"message": {"content": "ok"}}]}').text == "ok"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>welcome</html>",
        b'data: {"choices": []}\n\n',
        b"\xff\xfe",
        b"\x1b[2J\n\x07 down",
        b"null",
        b"[]",
        b"{}",
        b'{"choices": null}',
        b'{"choices": []}',
        b'{"choices": [{}]}',
        b'{"choices": [5]}',
        b'{"choices": [{"message": null}]}',
        b'{"a":' * 10_000,
        b"[" * 100_000,
        b'{"choices": [{"message": {"tool_calls": [{"function": {"name": "a", "arguments": '
        + b"[" * 600
        + b"]" * 600
        + b"}}]}}]} x",
        b'{"choices": [{"message": {"content": "' + b"x" * (4 * 2**20) + b'"}}]}',
    ],
)
def test_replies_that_are_none(body: bytes) -> None:
    with pytest.raises(ReplyMalformed) as caught:
        read(body)
    assert caught.value.where == WHERE
    assert caught.value.what.isprintable()
