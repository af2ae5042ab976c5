"""What an endpoint and its model can do of what the chat needs: tried, not looked up, with a hint for each lack.

Nothing of a cluster is sent. What only a tool call can answer is asked: a gauge whose value the model cannot know.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agents.errors import ModelError, ModelUnavailable
from agents.models.gauges import READ, SET, asked_both, asked_one, asked_set, given_back
from agents.models.types import Delta, Message, ModelClient, Pause, Reply, message

LEAST_CONTEXT = 4_096
"""Tokens; into less do prompt and tools of a first turn not fit."""
_PARSES = (
    "the server has to read tool calls out of the model's text: llama.cpp `--jinja`, vLLM"
    " `--enable-auto-tool-choice --tool-call-parser NAME`; or take a model whose template it knows"
)
_TOOLS = "take a model that is trained to call tools, and a server that hands them to it"
_STREAMS = "the answer is shown late; set model_timeout to the seconds that the longest one takes"
_USAGE = "each call is charged with all that it reserves, so the budget of tokens is spent sooner"
_CONTEXT = "set model_context, so that a long conversation is cut in time"
_ONE_BY_ONE = "nothing is lost but time: what could be read side by side is read one by one"
_STRICT = "such calls are refused, and the model is told why; an endpoint that enforces `strict` avoids them"

End = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried: `end`, what was seen, and for a lack a hint. Without a `needed` one there is no
    chat."""

    name: str
    end: End
    seen: str
    hint: str = ""
    needed: bool = False


async def checked(model: ModelClient, value: int, *, max_tokens: int) -> list[Finding]:
    """All findings, in the order of the trials; `value` is the gauge's, which nobody can guess. Raises ModelError
    where the endpoint gives no reply at all."""
    return [
        *await _replies(model, max_tokens),
        _context(await model.context()),
        *await _calls(model, value, max_tokens),
    ]


async def _replies(model: ModelClient, max_tokens: int) -> list[Finding]:
    pieces = list[Delta]()

    def heard(piece: Delta | Pause) -> None:
        if isinstance(piece, Delta):
            pieces.append(piece)

    asked = [message("user", "Count from one to twenty, in words.")]
    reply = await model.complete(asked, (), max_tokens=max_tokens, heard=heard)
    said = bool(reply.text.strip())
    empty = "raise model_output_tokens: reasoning counts too" if reply.reasoned else "take another model"
    tokens = reply.usage.total
    return [
        _found("answers", said, "in text" if said else f"with nothing ({reply.end})", empty, needed=True),
        _found("streaming", len(pieces) > 1, f"{len(pieces)} pieces", _STREAMS),
        _found("usage", tokens is not None, "not told" if tokens is None else f"{tokens} tokens", _USAGE),
    ]


def _context(size: int | None) -> Finding:
    if size is None:
        return Finding("context", "unknown", "not told", _CONTEXT)
    hint = f"give the model at least {LEAST_CONTEXT:,} tokens at its server"
    return _found("context", size >= LEAST_CONTEXT, f"{size:,} tokens", hint)


async def _calls(model: ModelClient, value: int, max_tokens: int) -> list[Finding]:
    """Whether it calls, uses what comes back, calls twice in one reply, and keeps to a schema."""
    one = await _tried(model, asked_one(), READ, max_tokens)
    tools = _called(one, {"boiler"})
    found = [Finding("tools", "yes" if tools else "no", _seen(one), "" if tools else _hint(one), needed=True)]
    if not tools or isinstance(one, ModelError):
        return found
    told = await _tried(model, given_back(one.calls[0], value), READ, max_tokens)
    used = not isinstance(told, ModelError) and str(value) in told.text.replace(",", "")
    both = await _tried(model, asked_both(), READ, max_tokens)
    strict = await _tried(model, asked_set(), SET, max_tokens)
    kept = not isinstance(strict, ModelError) and [_read(c.arguments) for c in strict.calls] == [
        {"gauge": "tank", "level": 7, "note": None}
    ]
    return [
        *found,
        _found("results", used, "used in the answer" if used else _seen(told), _TOOLS, needed=True),
        _found("parallel calls", _called(both, {"boiler", "tank"}), _seen(both), _ONE_BY_ONE),
        _found("strict schemas", kept, "kept" if kept else _seen(strict), _STRICT),
    ]


async def _tried(
    model: ModelClient, asked: Sequence[Message], tool: dict[str, Any], max_tokens: int
) -> Reply | ModelError:
    """The reply, or why there is none; an endpoint that is away is no finding. Raises ModelUnavailable."""
    try:
        return await model.complete(asked, [tool], max_tokens=max_tokens)
    except ModelUnavailable:
        raise
    except ModelError as error:
        return error


def _called(found: Reply | ModelError, gauges: set[str]) -> bool:
    if isinstance(found, ModelError):
        return False
    calls = [_read(call.arguments) for call in found.calls if call.name == READ["function"]["name"]]
    return len(calls) == len(found.calls) == len(gauges) and {str(c.get("gauge")) for c in calls} == gauges


def _read(arguments: str) -> dict[str, Any]:
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seen(found: Reply | ModelError) -> str:
    if isinstance(found, ModelError):
        return found.what
    if found.wrote_calls:
        return "a call written as text"
    if found.calls:
        return ", ".join(f"{call.name} {call.arguments}"[:80] for call in found.calls[:3])
    return "no call, but text" if found.text.strip() else f"nothing ({found.end})"


def _hint(found: Reply | ModelError) -> str:
    if isinstance(found, ModelError):
        return found.hint
    return _PARSES if found.wrote_calls else _TOOLS


def _found(name: str, good: bool, seen: str, hint: str, *, needed: bool = False) -> Finding:
    return Finding(name, "yes" if good else "no", seen, "" if good else hint, needed)
