"""Chat Completions as bytes: our messages become the request, the response becomes our reply.

The reply is parsed by strict models of our own: the client library builds its objects without validating, and
compatible servers differ. Reference: https://platform.openai.com/docs/api-reference/chat.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.errors import ReplyMalformed
from agents.models.types import Message, RawCall, Reply, ToolCall, Usage

MAX_REPLY = 4 * 2**20
"""Bytes of one reply; a tool call's own limits are the toolbox's business."""
MAX_ARGUMENTS = 16 * 2**10
"""Characters of a call's arguments that are sent back as history."""

_NAME = re.compile(r"\A[A-Za-z0-9_-]{1,64}\Z")


def to_wire(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Our messages as the endpoint takes them."""
    return [_message(m) for m in messages]


def _message(message: Message) -> dict[str, Any]:
    role, text = message["role"], message["text"]
    if role == "tool":
        return {"role": "tool", "tool_call_id": message["answers"], "content": text}
    if role == "assistant" and message["calls"]:
        return {"role": role, "content": text or None, "tool_calls": [_call(c) for c in message["calls"]]}
    return {"role": role, "content": text}


def _call(call: ToolCall) -> dict[str, Any]:
    # Endpoints refuse a history whose names or arguments do not parse: one bad call would end the thread.
    name = call["name"] if _NAME.match(call["name"]) else "invalid_name"
    return {"id": call["id"], "type": "function", "function": {"name": name, "arguments": _arguments(call)}}


def _arguments(call: ToolCall) -> str:
    text = call["arguments"]
    if len(text) <= MAX_ARGUMENTS:
        try:
            if isinstance(json.loads(text), dict):
                return text
        except (ValueError, RecursionError):
            pass
    return '{"left_out": "these arguments were too long, or no JSON object"}'


class _Function(BaseModel):
    name: str
    arguments: str = ""


class _WireCall(BaseModel):
    function: _Function


class _WireMessage(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_WireCall] | None = None


class _Choice(BaseModel):
    message: _WireMessage


class _Usage(BaseModel):
    model_config = ConfigDict(strict=True)

    prompt_tokens: int | None = Field(default=None, ge=0)
    completion_tokens: int | None = Field(default=None, ge=0)


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


def from_wire(body: bytes, where: str) -> Reply:
    """The reply in `body`. Raises ReplyMalformed, naming `where` it came from."""
    if len(body) > MAX_REPLY:
        raise ReplyMalformed(
            f"the model's reply has {len(body)} bytes; at most {MAX_REPLY} are read", where=where
        )
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"]) or "body"
        raise ReplyMalformed(
            f"the reply is not a Chat Completions reply ({path}: {first['msg']})",
            where=where,
            hint="check that model_url ends where /chat/completions begins, usually in /v1",
        ) from e
    message = completion.choices[0].message
    calls = tuple(RawCall(c.function.name, c.function.arguments) for c in message.tool_calls or ())
    usage = completion.usage or _Usage()
    return Reply(
        message.content or message.refusal or "",
        calls,
        Usage(usage.prompt_tokens, usage.completion_tokens),
    )
