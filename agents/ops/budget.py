"""What a turn may spend, reserved before each model call and stored in the checkpoint (threat 27).

Without the model's own tokenizer the reservation is an estimate from above: three bytes a token, while
English text and JSON have about four. The endpoint's own figure replaces it as soon as the reply is there, but
for one that is less than what can be counted here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agents.models.types import Message, Reply

BYTES_PER_TOKEN = 3
MOST_OUTPUT = 64_000
"""Tokens that one reply may be given."""
SURE_BYTES_PER_TOKEN = 4
"""So few tokens at least does a text have, whatever an endpoint reports."""
MESSAGE_TOKENS = 8
"""What a message costs beside its text."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one turn: `steps` model calls, `tokens` in and out; `output_tokens` of one reply, `calls`
    tool calls of one reply, `history_tokens` of what is remembered, `result_chars` of one tool result."""

    steps: int = 12
    tokens: int = 200_000
    output_tokens: int = 4_000
    history_tokens: int = 24_000
    result_chars: int = 8_000
    calls: int = 8

    @property
    def recursion_limit(self) -> int:
        """Supersteps of the graph: a model and an acting node for each step, and one more."""
        return 2 * self.steps + 1


def tokens_of(text: str) -> int:
    """Tokens of `text`, estimated from above."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def tokens_in(messages: Sequence[Message]) -> int:
    """Tokens of `messages`, estimated from above."""
    return sum(
        MESSAGE_TOKENS + tokens_of(m["text"]) + sum(tokens_of(c["name"] + c["arguments"]) for c in m["calls"])
        for m in messages
    )


def tokens_for_tools(tools: Sequence[Mapping[str, object]]) -> int:
    """Tokens of the tools' schemas, estimated from above."""
    return sum(tokens_of(repr(t)) for t in tools)


def spent_by(reply: Reply, *, sent: int, reserved: int) -> int:
    """Tokens that a reply is charged for: what the endpoint reports, never less than the bytes on both sides show;
    all that was `reserved` where it reports nothing. `sent`: tokens of the request, estimated from above."""
    if reply.usage.total is None:
        return reserved
    received = tokens_of(reply.text) + sum(tokens_of(c.name + c.arguments) for c in reply.calls)
    return max(reply.usage.total, (sent + received) * BYTES_PER_TOKEN // SURE_BYTES_PER_TOKEN)


def exceeded(budget: Budget, *, steps: int, spent: int, reserve: int) -> Literal["steps", "tokens"] | None:
    """Which limit one more call would break, after `steps` calls and `spent` tokens."""
    if steps + 1 > budget.steps:
        return "steps"
    return "tokens" if spent + reserve > budget.tokens else None
