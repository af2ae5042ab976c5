"""The tools as an agent sees them: strict JSON schemas out, raw arguments in, a card back. No writer in sight."""

from dataclasses import dataclass
from typing import Literal, Protocol

from policies.types import Mode, Principal

CardStatus = Literal["ok", "applied", "simulated", "refused", "pending", "in_doubt", "failed", "invalid"]


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call. `arguments` is the raw JSON text of the model; `request_id` is ours (H of thread, message
    and index), because models reuse their own ids."""

    name: str
    arguments: str
    principal: Principal
    namespace: str | None
    mode: Mode
    request_id: str
    reason: str = ""
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What came of a call. `text` goes to the model (JSON), `line` to the person; `handle` names a pending
    approval, `record` the number in the log that proves it."""

    status: CardStatus
    line: str
    text: str
    record: int | None = None
    handle: str | None = None


class Toolbox(Protocol):
    """What agents hold. `call` never raises for what a model did wrong: that is a card `invalid`, recorded."""

    def schemas(self) -> list[dict[str, object]]:
        """The tools in OpenAI's `tools` format, with `strict: true` schemas."""

    async def call(self, call: Call) -> Card:
        """Carry out one call down the governed path."""
