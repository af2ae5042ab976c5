"""What of a model's context a call has: the tools that it is shown, what is remembered, and the reply."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agents.models.types import Message
from agents.ops.budget import Budget, tokens_for_tools, tokens_in
from tools.toolbox.port import Toolbox

SMALL = 8_192
"""Tokens of a context up to which the tools are shown without descriptions of their fields."""
_LEAST_HISTORY = 256


@dataclass(frozen=True, slots=True)
class Room:
    """`budget` is the turn's, narrowed to the `context` (None: not known); prompt and tools cost `overhead`."""

    context: int | None
    budget: Budget
    overhead: int
    tools: Sequence[Mapping[str, object]]

    def halved(self) -> "Room":
        """With half of the history: for a context that is too small by an unknown amount."""
        return replace(self, budget=replace(self.budget, history_tokens=self.budget.history_tokens // 2))


def room_of(context: int | None, budget: Budget, prompt: Message, toolbox: Toolbox) -> Room:
    """The room in a context of so many tokens: a quarter of it at most for the reply, and the rest, less prompt and
    tools, for what is remembered."""
    tools = toolbox.schemas(compact=context is not None and context <= SMALL)
    overhead = tokens_in([prompt]) + tokens_for_tools(tools)
    if context is None:
        return Room(None, budget, overhead, tools)
    output = min(budget.output_tokens, context // 4)
    left = max(_LEAST_HISTORY, context - output - overhead)
    kept = replace(budget, output_tokens=output, history_tokens=min(budget.history_tokens, left))
    return Room(context, kept, overhead, tools)
