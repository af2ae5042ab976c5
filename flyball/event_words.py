"""An event from plain words through the configured model: one bounded call, recorded, and nothing declared by it."""

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agents.events.words import HINT, MOST_WORDS, OUTPUT_TOKENS, SUMMARY, TOOL, EventWords, NotUnderstood
from base.errors import FlyballError
from flyball.exits import UsageError
from flyball.open_chat import OPS

if TYPE_CHECKING:
    from agents.models.endpoint import Endpoint
    from agents.models.types import ModelClient, Reply
    from flyball.wiring import App
    from policies.types import Principal


class AskingRefused(FlyballError):
    """Policy, or the kill switch, does not let the model be asked now."""

    effect = "refused"


async def understood(app: "App", endpoint: "Endpoint", words: str) -> EventWords:
    """What the model understood, whole. Raises NotUnderstood, which says what was missing, AskingRefused, and
    ModelError."""
    from agents.models.openai_chat import connect

    if not 0 < len(words.strip()) <= MOST_WORDS:
        raise UsageError(f"{len(words)} characters of words", where="--words", hint=f"at most {MOST_WORDS}")
    model = connect(endpoint)
    try:
        reply = await _asked(app, model, words)
    finally:
        await model.close()
    found = _parsed(reply)
    if found.missing:
        raise NotUnderstood(f"the words do not say {', '.join(found.missing)}", where="--words", hint=HINT)
    return found


async def _asked(app: "App", model: "ModelClient", words: str) -> "Reply":
    """One call, as the ops agent for the person here; recorded before anything of it is used."""
    from agents.events.words import conversation
    from tools.toolbox.port import ModelCall
    from tools.toolbox.schema import strict_schema

    thread = f"event-{uuid.uuid4().hex[:12]}"
    who = app.agent(OPS, thread)
    await _allowed(app, who, model.model)
    started, clock = app.context.clock.mono_us(), app.context.clock
    sent = conversation(words, _now(app.context.now_ms()))
    tools = [strict_schema(TOOL, SUMMARY, EventWords)]
    reply = await model.complete(sent, tools, max_tokens=OUTPUT_TOKENS)
    ms = (clock.mono_us() - started) // 1000
    call = ModelCall(model.model, "event", 1, reply.usage.total or 0, ms)
    await app.recorder.model_called(who, thread, call)
    return reply


async def _allowed(app: "App", who: "Principal", model: str) -> None:
    if (no := await app.toolbox.asking_refused(who, model)) is not None:
        raise AskingRefused(f"the model may not be asked: {no}", where="--words", hint=HINT)


def _parsed(reply: "Reply") -> EventWords:
    """Raises NotUnderstood for arguments that are none of the tool's."""
    from agents.events.words import the_call
    from tools.actions.registry import parse
    from tools.errors import ArgumentsInvalid
    from tools.toolbox.schema import decode

    call = the_call(reply.calls)
    try:
        found = parse(EventWords, decode(call.arguments))
    except ArgumentsInvalid as e:
        raise NotUnderstood(f"the model told no event: {e.what}", where=e.where, hint=HINT) from e
    if not isinstance(found, EventWords):
        raise NotUnderstood("the model told no event", hint=HINT)
    return found


def _now(now_ms: int) -> str:
    """With the weekday and the local offset: `Thursday 2026-11-26T14:05:00+01:00`."""
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone()
    return f"{local:%A} {local.isoformat(timespec='seconds')}"
