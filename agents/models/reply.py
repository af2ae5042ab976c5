"""A Chat Completions response as our reply.

Compatible servers differ: content as parts, arguments as an object or as null, a usage of floats. What they mean
is taken where it is plain; what is not plain is left to the toolbox, which refuses it, so that one odd call does
not end the turn. An error inside of HTTP 200 is an error (see `endpoint_errors`).
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from agents.errors import ReplyMalformed
from agents.models.types import End, RawCall, Reply, Usage
from base.text import harmless

MAX_REPLY = 4 * 2**20
"""Bytes of one reply; a tool call's own limits are the toolbox's business."""

_MAX_TOKENS = 10**9
"""More is no count: no model reads that much, and the sums of a day must fit a record."""
_URL = "check that model_url ends where /chat/completions begins, usually in /v1"
_THOUGHT = re.compile(r"\A\s*<think>.*?(?:</think>\s*|\Z)", re.DOTALL)
_ENDS: dict[object, End] = {
    "length": "length",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "content_filter": "filtered",
    "SAFETY": "filtered",
}
"""By `finish_reason`; gateways pass on what Anthropic's and Gemini's APIs say."""


class _Object(dict[str, Any]):
    """A JSON object that remembers its pairs: a key that is there twice must reach the toolbox, which refuses it."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def document(body: bytes, where: str) -> dict[str, Any]:
    """The JSON object in `body`. Raises ReplyMalformed, naming `where` it came from."""
    if len(body) > MAX_REPLY:
        raise ReplyMalformed(
            f"the model's reply has {len(body)} bytes; at most {MAX_REPLY} are read", where=where
        )
    try:
        found = json.loads(body.decode("utf-8-sig"), object_pairs_hook=_Object)
    except (ValueError, RecursionError) as e:
        raise ReplyMalformed(f"the reply is not JSON ({_first(body)})", where=where, hint=_URL) from e
    if not isinstance(found, dict):
        raise ReplyMalformed("the reply is not a JSON object", where=where, hint=_URL)
    return found


def from_document(found: dict[str, Any], where: str) -> Reply:
    """The reply in a response that is no error. Raises ReplyMalformed."""
    try:
        return _reply(found, where)
    except RecursionError as e:
        raise ReplyMalformed("the reply is nested too deep", where=where) from e


def _reply(found: dict[str, Any], where: str) -> Reply:
    choices = [c for c in _list(found.get("choices")) if isinstance(c, dict)]
    messages = [(c, c["message"]) for c in choices if isinstance(c.get("message"), dict)]
    if not messages:
        if "prompt_filter_results" in found:  # Azure: the question itself was filtered
            return Reply("", (), _usage(found), "filtered")
        raise ReplyMalformed("the reply holds no message (`choices`)", where=where, hint=_URL)
    choice, message = next((one for one in messages if _says(one[1])), messages[0])
    text, reasoned = _text(message)
    end = _ENDS.get(choice.get("finish_reason"), "whole")
    return Reply(text, tuple(_calls(message)), _usage(found), end, reasoned)


def _says(message: dict[str, Any]) -> bool:
    return bool(_text(message)[0].strip()) or next(_calls(message), None) is not None


def _text(message: dict[str, Any]) -> tuple[str, bool]:
    """The text, and whether there was reasoning beside it or in it."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    text = "".join(_part(part) for part in parts) or _string(message.get("refusal"))
    thought = _THOUGHT.match(text)
    reasoned = thought is not None or any(message.get(k) for k in ("reasoning_content", "reasoning"))
    thinking = any(isinstance(p, dict) and p.get("type") in ("thinking", "reasoning") for p in parts)
    return text[thought.end() :] if thought else text, reasoned or thinking


def _part(part: object) -> str:
    """The text of one part of a content; of anything else (thinking, images) nothing."""
    if isinstance(part, dict):
        kind = part.get("type", "text")
        return _string(part.get(kind)) if kind in ("text", "refusal") else ""
    return _string(part)


def _calls(message: dict[str, Any]) -> Iterator[RawCall]:
    for call in _list(message.get("tool_calls")):
        yield _call(call if isinstance(call, dict) else {})
    if message.get("function_call"):  # the form before tool calls, which is not offered
        yield RawCall("call of type function_call", "{}")


def _call(call: dict[str, Any]) -> RawCall:
    """A call of another type gets a name that no tool has."""
    kind, function = call.get("type") or "function", call.get("function")
    if kind == "function" and isinstance(function, dict):
        return RawCall(_string(function.get("name")), _arguments(function.get("arguments")))
    return RawCall(f"call of type {_string(kind)[:32]}", "{}")


def _arguments(given: object) -> str:
    """The arguments as JSON text; nothing at all, in any of its spellings, is an empty object. Lone surrogates are
    escaped: they fit no checkpoint, and the toolbox refuses them in that form too."""
    text = given.encode("utf-8", "backslashreplace").decode() if isinstance(given, str) else _json(given)
    return "{}" if text.strip() in ("", "null") else text


def _json(value: object) -> str:
    if isinstance(value, _Object):
        return "{" + ",".join(f"{json.dumps(k)}:{_json(v)}" for k, v in value.pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_json(v) for v in value) + "]"
    return json.dumps(value)


def _usage(found: dict[str, Any]) -> Usage:
    """Unknown unless it is two whole numbers, zero or more, and no more than a model could take."""
    usage = found.get("usage")
    both = [usage.get(k) for k in ("prompt_tokens", "completion_tokens")] if isinstance(usage, dict) else []
    if len(both) == 2 and all(type(n) is int and 0 <= n <= _MAX_TOKENS for n in both):
        return Usage(both[0], both[1])
    return Usage(None, None)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _string(value: object) -> str:
    """Text, without lone surrogates: they fit no checkpoint."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _first(body: bytes) -> str:
    start = harmless(body[:64].decode("utf-8", "replace"), 32)
    return f"it begins with `{start}`" if start else "it is empty"
