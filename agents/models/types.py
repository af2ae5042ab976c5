"""Requests to a model and its answers, free of any provider's library.

Messages are plain dicts (TypedDict), because they are checkpointed: no class is restored from a file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict


class ToolCall(TypedDict):
    """A tool call of a reply. `arguments` is the model's raw text; `id` and `request_id` are ours."""

    id: str
    request_id: str
    name: str
    arguments: str


class Message(TypedDict):
    """One message of a thread. `id` is ours; `calls` only with `assistant`, `answers` only with `tool`."""

    id: str
    role: Literal["system", "user", "assistant", "tool"]
    text: str
    calls: list[ToolCall]
    answers: str


def message(role: Literal["system", "user"], text: str) -> Message:
    """A message of a conversation of one call; its role is its id."""
    return {"id": role, "role": role, "text": text, "calls": [], "answers": ""}


@dataclass(frozen=True, slots=True)
class RawCall:
    """A tool call as the model wrote it: nothing of it is checked."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the endpoint reports; None where it reports none."""

    prompt: int | None
    completion: int | None

    @property
    def total(self) -> int | None:
        """The sum, if both are known."""
        return None if self.prompt is None or self.completion is None else self.prompt + self.completion


End = Literal["whole", "length", "filtered"]
"""How a reply ended: by itself, cut off at a limit of tokens, or withheld by the endpoint's content filter."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: text, tool calls, or both. `reasoned`: it came with reasoning, which is dropped. `wrote_calls`: it
    calls nothing, and its text is a tool call written out."""

    text: str
    calls: tuple[RawCall, ...]
    usage: Usage
    end: End = "whole"
    reasoned: bool = False
    wrote_calls: bool = False


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a reply as it comes. `reasoning` is what the model thinks aloud: it is no part of the answer."""

    text: str = ""
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """The endpoint gave no reply (`what`, in one harmless line); it is asked again in `seconds`."""

    what: str
    seconds: float


HeardBy = Callable[[Delta | Pause], None]
"""Who is told of a reply piece by piece, and of each pause before it is asked for again; it must not wait."""


class ModelClient(Protocol):
    """A chat model. One call, one reply; retries are the adapter's."""

    @property
    def model(self) -> str:
        """The model's name, as records give it."""

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, object]],
        *,
        max_tokens: int,
        heard: HeardBy | None = None,
    ) -> Reply:
        """Ask once. `tools` in OpenAI's format. Where somebody listens (`heard`) the reply is streamed. Raises
        ModelError."""

    async def context(self) -> int | None:
        """How many tokens fit into the model's context, prompt and reply together; None where nobody says. Raises
        nothing: it is asked before a turn, and a turn can be had without it."""

    async def close(self) -> None:
        """Give connections back."""
