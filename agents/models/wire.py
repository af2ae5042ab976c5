"""Our messages as a Chat Completions request. Reference: https://platform.openai.com/docs/api-reference/chat."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from agents.models.types import Message, ToolCall

MAX_ARGUMENTS = 16 * 2**10
"""Characters of a call's arguments that are sent back as history."""

_NAME = re.compile(r"\A[A-Za-z0-9_-]{1,64}\Z")


def to_wire(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Our messages as the endpoint takes them."""
    return [_message(m) for m in messages]


def names_of(tools: Sequence[Mapping[str, object]]) -> list[str]:
    """The names of tools in OpenAI's format."""
    functions = [tool.get("function") for tool in tools]
    return [str(one["name"]) for one in functions if isinstance(one, Mapping) and one.get("name")]


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
