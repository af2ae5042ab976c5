"""Which parts of a turn are recorded in the log before they are shown. The path records the tool calls."""

from dataclasses import dataclass
from typing import assert_never

from agents.ops.events import (
    Asked,
    Calling,
    CardShown,
    Changed,
    Event,
    Heard,
    Retrying,
    Said,
    Stopped,
    Waiting,
)
from policies.types import Principal
from tools.toolbox.port import ModelCall, Recorder


def session_of(thread: str) -> str:
    """The session that a thread's calls are recorded under, and that is tainted by what was read in it."""
    return f"chat-{thread}"


@dataclass(frozen=True, slots=True)
class Trail:
    """The trail of one agent's conversations; `agent` speaks in each thread under that thread's session."""

    recorder: Recorder
    agent: Principal

    def speaker(self, thread: str) -> Principal:
        """The agent as it acts in `thread`: two threads never share a session, no matter who uses them."""
        return self.agent.model_copy(update={"session": session_of(thread)})

    async def keep(self, thread: str, event: Event) -> None:
        """Record `event`; durable on return. Raises what Recorder raises, and then nothing of it is shown."""
        match event:
            case Asked(model, message, step, tokens, ms):
                call = ModelCall(model, message, step, tokens, ms)
                await self.recorder.model_called(self.speaker(thread), thread, call)
            case Stopped(reason, detail):
                await self.recorder.turn_stopped(self.speaker(thread), thread, reason, detail)
            case Heard() | Retrying() | Calling() | Said() | CardShown() | Waiting() | Changed():
                return
            case _:
                assert_never(event)
