"""The graph of a turn: ask the model, carry out its tool calls, ask again.

Each superstep is checkpointed before the next begins (durability "sync"), and a node that was interrupted is
run again from its top. So the reply, with its request ids, is stored before the first call is sent: a re-run
sends the same ids, and the governed path answers a request that it knows with the outcome that it has.
"""

from dataclasses import dataclass
from typing import Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agents.errors import ContextExceeded, ModelError
from agents.models.types import Delta, Message, ModelClient, Pause, Reply
from agents.ops import history, results
from agents.ops.acting import Acting
from agents.ops.budget import Budget
from agents.ops.events import Asked, Event, Heard, Reason, Retrying, Said, Stopped, Waiting
from agents.ops.evidence.checked import checked
from agents.ops.room import Room, room_of
from agents.ops.run import Run
from agents.ops.state import State, answered, ended, reserved
from agents.ops.trail import Trail
from audit.clock import Clock
from policies.types import Mode
from tools.toolbox.port import Toolbox

_STOPS: dict[Reason, str] = {
    "steps": "the budget of model calls for one turn is spent",
    "tokens": "the budget of tokens for one turn is spent",
    "empty": "the model answered with nothing",
    "as_text": "the model wrote a tool call as text, and nothing was called; its server has to read tool calls out of"
    " the text (llama.cpp: --jinja; vLLM: --enable-auto-tool-choice and --tool-call-parser)",
    "filtered": "the endpoint's content filter withheld the reply",
    "in_doubt": "the effect of the last change is not known yet; nothing more is proposed until it is",
    "cancelled": "cancelled by the person",
    "loop": "the model asks for the same again and again",
}


@dataclass(frozen=True, slots=True)
class Nodes:
    """The two nodes and what they need. Both take a State and return the next one."""

    model: ModelClient
    toolbox: Toolbox
    trail: Trail
    namespace: str | None
    mode: Mode
    budget: Budget
    clock: Clock
    prompt: Message

    async def room(self) -> Room:
        """What of the model's context each call has, as far as it is known."""
        return room_of(await self.model.context(), self.budget, self.prompt, self.toolbox)

    async def reserve(self, state: State) -> tuple[State, Stopped | None]:
        """Room for the next model call, or the end of the turn."""
        room = await self.room()
        state, no = reserved(state, room.budget, room.overhead)
        return (state, None) if no is None else self.stop(state, no)

    def stop(self, state: State, why: Reason) -> tuple[State, Stopped]:
        """End the turn for one of our own reasons."""
        return ended(state, why, _STOPS[why]), Stopped(why, _STOPS[why])

    async def ask(self, state: State, runtime: Runtime[Run]) -> State:
        """The model node. Its reservation was checkpointed before."""
        run, started = runtime.context, self.clock.mono_us()
        no = await self.toolbox.asking_refused(self.trail.speaker(run.thread), self.model.model)
        if no is not None:  # nothing is asked, so nothing is spent
            state = ended({**state, "reserved": 0}, "refused", no)
            return await self._stopped(runtime, (state, Stopped("refused", no)))
        try:
            reply = await self._reply(state, runtime)
        except ModelError as e:
            await self._tell(runtime, Stopped("model", e.what, e))
            return ended(state, "model", "the model could not be asked")
        if reply is None:
            return await self._stopped(runtime, self.stop(state, "cancelled"))
        before, state = state["spent"], answered(state, run.thread, reply, self.budget)
        message = state["messages"][-1]
        ms = (self.clock.mono_us() - started) // 1_000
        asked = Asked(self.model.model, message["id"], state["steps"], state["spent"] - before, ms)
        await self._tell(runtime, asked)
        if reply.text.strip():
            await self._tell(
                runtime, Said(reply.text, checked(reply.text, results.by_number(state["messages"])))
            )
        if reply.calls:
            return state
        if reply.text.strip() and reply.end == "whole" and not reply.wrote_calls:
            return ended(state, "done")
        return await self._stopped(runtime, self._unanswered(state, reply))

    async def _reply(self, state: State, runtime: Runtime[Run]) -> Reply | None:
        """The model's reply, None where the person has cancelled. What is longer than the model's context is cut to
        it, and asked once more. Raises ModelError."""
        try:
            return await self._complete(state, runtime, await self.room())
        except ContextExceeded:
            room = await self.room()
            return await self._complete(state, runtime, room.halved() if room.context is None else room)

    async def _complete(self, state: State, runtime: Runtime[Run], room: Room) -> Reply | None:
        def heard(piece: Delta | Pause) -> None:
            if isinstance(piece, Pause):
                runtime.stream_writer(Retrying(piece.what, piece.seconds))
            elif piece.text:
                runtime.stream_writer(Heard(piece.text))

        sent = [self.prompt, *history.trimmed(state["messages"], room.budget.history_tokens)]
        output = room.budget.output_tokens
        return await runtime.context.ask(
            self.model.complete(sent, room.tools, max_tokens=output, heard=heard)
        )

    def _unanswered(self, state: State, reply: Reply) -> tuple[State, Stopped]:
        """The end of a turn whose last reply is no whole answer."""
        if reply.end != "length":
            whole: Reason = "as_text" if reply.wrote_calls else "empty"
            return self.stop(state, "filtered" if reply.end == "filtered" else whole)
        tokens = reply.usage.completion or self.budget.output_tokens
        what = f"the reply was cut off at {tokens:,} tokens"
        if reply.reasoned and not reply.text.strip():
            what += ", all of which went into reasoning"
        said = Stopped("length", f"{what}; a larger model_output_tokens leaves it more room")
        return ended(state, "length", what), said

    async def act(self, state: State, runtime: Runtime[Run]) -> State:
        """The acting node: the calls of the last reply, each through the governed path."""
        found = await Acting(
            self.toolbox, self.trail, self.clock, self.budget, self.namespace, self.mode
        ).run(state, runtime.context, runtime.stream_writer)
        messages = history.lightened([*state["messages"], *found.answers])
        state = {**state, "messages": messages, "cards": state["cards"] + found.shown}
        if found.waiting is not None:
            handle = found.waiting.handle or ""
            await self._tell(runtime, Waiting(handle, found.waiting.line))
            return ended({**state, "waiting": [handle]}, "waiting", f"{handle} waits for a person's approval")
        return await self._next(state, runtime, found.stop)

    async def _next(self, state: State, runtime: Runtime[Run], why: Reason | None) -> State:
        if why is None and runtime.context.cancelled:
            why = "cancelled"
        return await self._stopped(runtime, self.stop(state, why) if why else await self.reserve(state))

    async def _stopped(self, runtime: Runtime[Run], found: tuple[State, Stopped | None]) -> State:
        state, stopped = found
        if stopped:
            await self._tell(runtime, stopped)
        return state

    async def _tell(self, runtime: Runtime[Run], event: Event) -> None:
        """Recorded first: what the log does not hold was never shown, and the turn goes no further."""
        await self.trail.keep(runtime.context.thread, event)
        runtime.stream_writer(event)


def build(nodes: Nodes, saver: "BaseCheckpointSaver[str]") -> "CompiledStateGraph[State, Run, State, State]":
    """The compiled graph over a checkpointer."""
    graph = StateGraph(State, context_schema=Run)
    graph.add_node("ask", nodes.ask)
    graph.add_node("act", nodes.act)
    graph.add_conditional_edges(START, _route, ["ask", END])
    graph.add_conditional_edges("ask", _route, ["act", END])
    graph.add_conditional_edges("act", _route, ["ask", END])
    return graph.compile(checkpointer=saver)


def _route(state: State) -> Literal["ask", "act", "__end__"]:
    if state["stopped"]:
        return "__end__"
    last = state["messages"][-1]
    return "act" if last["calls"] else "ask"
