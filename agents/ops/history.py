"""What is remembered of a thread: the newest messages within a token budget, tool calls and results together.

A call without its result, or a result without its call, makes endpoints refuse the whole conversation.
"""

from collections.abc import Sequence

from agents.models.types import Message
from agents.models.wire import MAX_ARGUMENTS
from agents.ops.budget import tokens_in


def user(id: str, text: str) -> Message:
    """A message of the person."""
    return {"id": id, "role": "user", "text": _whole(text), "calls": [], "answers": ""}


def assistant(id: str, text: str) -> Message:
    """A reply without tool calls, or our own note in its place."""
    return {"id": id, "role": "assistant", "text": text, "calls": [], "answers": ""}


def answer(call_id: str, text: str) -> Message:
    """The result of a tool call."""
    return {"id": call_id, "role": "tool", "text": _whole(text), "calls": [], "answers": call_id}


def _whole(text: str) -> str:
    # Lone surrogates (odd bytes on a command line, half an emoji in an annotation) fit no checkpoint.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def blocks(messages: Sequence[Message]) -> list[list[Message]]:
    """Messages that stand or fall together: one, or a reply with the results of its calls."""
    found: list[list[Message]] = []
    for message in messages:
        if message["role"] == "tool" and found:
            found[-1].append(message)
        else:
            found.append([message])
    return found


def trimmed(messages: Sequence[Message], tokens: int) -> list[Message]:
    """The newest of `messages` that fit in `tokens`, beginning with a message of the person.

    The newest message of the person is always kept, and so is the newest block, whatever their size.
    """
    units = blocks(messages)
    last = max((i for i, unit in enumerate(units) if unit[0]["role"] == "user"), default=0)
    room = tokens - tokens_in(units[last]) if units else 0
    tail = _newest(units[last + 1 :], room)
    kept = [*units[last : last + 1], *tail]
    if len(tail) == len(units) - last - 1:
        room -= sum(tokens_in(unit) for unit in tail)
        kept = [*_whole_turns(units[:last], room), *kept]
    return [message for unit in kept for message in unit]


def _newest(units: Sequence[list[Message]], room: int) -> list[list[Message]]:
    kept: list[list[Message]] = []
    for unit in reversed(units):
        room -= tokens_in(unit)
        if room < 0 and kept:
            break
        kept.insert(0, unit)
    return kept


def _whole_turns(units: Sequence[list[Message]], room: int) -> list[list[Message]]:
    start = len(units)
    for i in range(len(units) - 1, -1, -1):
        room -= tokens_in(units[i])
        if room < 0:
            break
        if units[i][0]["role"] == "user":
            start = i
    return list(units[start:])


def lightened(messages: Sequence[Message]) -> list[Message]:
    """`messages` without arguments too long to be sent back; call it only after those calls were acted on."""
    return [
        {**m, "calls": [{**c, "arguments": c["arguments"][: MAX_ARGUMENTS + 1]} for c in m["calls"]]}
        for m in messages
    ]
