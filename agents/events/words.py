"""EventWords: an event as a model may tell it, for a person to look at. Whatever the words do not say is null."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from agents.errors import AgentError
from agents.models.types import Message, RawCall, message
from agents.prompts import load
from tools.arguments import Args

TOOL = "event"
SUMMARY = "Tell the event that the words describe. Null for whatever they do not say."
MOST_WORDS = 500
OUTPUT_TOKENS = 1000

Text = Annotated[str | None, Field(max_length=200)]


class EventWords(Args):
    """`labels` is empty where every workload is meant, and null where the words do not say which."""

    name: Annotated[Text, Field(description="what people call it, e.g. black friday; null if nothing fits")]
    labels: Annotated[Text, Field(description="e.g. tier=frontend; empty: every workload; null: not said")]
    starts: Annotated[
        Text, Field(description="RFC 3339 with offset, e.g. 2026-11-27T00:00:00+01:00; or null")
    ]
    ends: Annotated[Text, Field(description="RFC 3339 with offset; or null")]
    at_least: Annotated[Text, Field(description="times the usual load, e.g. 3x or 2.5x; or null")]

    @property
    def missing(self) -> tuple[str, ...]:
        """What the words did not say, as a person would ask for it."""
        asked = {
            "a name": self.name,
            "which workloads (labels, or all)": self.labels,
            "from when": self.starts,
            "until when": self.ends,
            "how many times the load": self.at_least,
        }
        return tuple(what for what, said in asked.items() if said is None)


class NotUnderstood(AgentError):
    """The model's answer tells no whole event; nothing was declared."""

    effect = "usage"


def conversation(words: str, now: str) -> list[Message]:
    """What is sent: the instructions with the present time, and the person's words."""
    return [message("system", load("event", now=now)), message("user", words)]


def the_call(calls: Sequence[RawCall]) -> RawCall:
    """The one call of the answer. Raises NotUnderstood for none, several or another tool's."""
    if len(calls) != 1 or calls[0].name != TOOL:
        raise NotUnderstood("the model told no event", hint=HINT)
    return calls[0]


HINT = "say it otherwise, or give --to, --at-least and a name yourself: flyball event add --help"
