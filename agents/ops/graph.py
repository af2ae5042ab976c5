"""The graph of a turn: ask the model, carry out its tool calls, ask again.

Each superstep is checkpointed before the next begins (durability "sync"), and a node that was interrupted is
run again from its top. So the reply, with its request ids, is stored before the first call is sent: a re-run
sends the same ids, and the governed path answers a request that it knows with the outcome that it has.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agents.errors import ModelError
from agents.models.types import Message, ModelClient, Reply, ToolCall
from agents.ops import history, results
from agents.ops.budget import Budget, tokens_for_tools, tokens_in
from agents.ops.events import Asked, CardShown, Event, Reason, Said, Stopped, Waiting
from agents.ops.state import State, answered, ended, reserved
from agents.ops.trail import Trail
from audit.clock import Clock
from base.interrupts import shield_until_done
from policies.types import Mode
from tools.toolbox.port import Call, Card, Toolbox

_STOPS: dict[Reason, str] = {
    "steps": "the budget of model calls for one turn is spent",
    "tokens": "the budget of tokens for one turn is spent",
    "empty": "the model answered with nothing",
    "filtered": "the endpoint's content filter withheld the reply",
    "in_doubt": "the effect of the last change is not known yet; nothing more is proposed until it is",
    "cancelled": "cancelled by the person",
}


class Drained(Exception):
    """The process has been asked to end; the turn stays where it was checkpointed."""


@dataclass(slots=True)
class Run:
    """One turn under way: whose thread, and whether the person cancelled it or the process was asked to end."""

    thread: str
    cancelled: bool = False
    drained: bool = False
    _asking: "asyncio.Task[Reply] | None" = field(default=None, repr=False)

    def cancel(self) -> None:
        """Stop asking at once; a tool call that was sent is waited for, since its outcome must be known."""
        self.cancelled = True
        if self._asking:
            self._asking.cancel()

    def drain(self) -> None:
        """Stop asking, and leave the turn where it is."""
        self.drained = True
        if self._asking:
            self._asking.cancel()

    async def ask(self, call: Coroutine[Any, Any, Reply]) -> Reply | None:
        """The reply, or None where the person has cancelled. Raises Drained."""
        self._asking = asyncio.ensure_future(call)
        try:
            return await self._asking
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            if self.drained:
                raise Drained from None
            return None
        finally:
            self._asking = None


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

    @property
    def overhead(self) -> int:
        """Tokens that each model call costs beside the history."""
        return tokens_in([self.prompt]) + tokens_for_tools(self.toolbox.schemas())

    def reserve(self, state: State) -> tuple[State, Stopped | None]:
        """Room for the next model call, or the end of the turn."""
        state, no = reserved(state, self.budget, self.overhead)
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
        sent = [self.prompt, *history.trimmed(state["messages"], self.budget.history_tokens)]
        try:
            reply = await run.ask(
                self.model.complete(sent, self.toolbox.schemas(), max_tokens=self.budget.output_tokens)
            )
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
            await self._tell(runtime, Said(reply.text))
        if reply.calls:
            return state
        if reply.text.strip() and reply.end == "whole":
            return ended(state, "done")
        return await self._stopped(runtime, self._unanswered(state, reply))

    def _unanswered(self, state: State, reply: Reply) -> tuple[State, Stopped]:
        """The end of a turn whose last reply is no whole answer."""
        if reply.end != "length":
            return self.stop(state, "filtered" if reply.end == "filtered" else "empty")
        tokens = reply.usage.completion or self.budget.output_tokens
        what = f"the reply was cut off at {tokens:,} tokens"
        if reply.reasoned and not reply.text.strip():
            what += ", all of which went into reasoning"
        said = Stopped("length", f"{what}; a larger model_output_tokens leaves it more room")
        return ended(state, "length", what), said

    async def act(self, state: State, runtime: Runtime[Run]) -> State:
        """The acting node: the calls of the last reply, one after the other, each through the governed path."""
        why, answers = "", list[Message]()
        waiting: Card | None = None
        doubt = False
        number = state["cards"]
        for index, call in enumerate(state["messages"][-1]["calls"]):
            why = why or self._skip(index, runtime.context)
            if why:
                answers.append(history.answer(call["id"], results.not_run(why)))
                continue
            number += 1
            shown = await self._call(runtime.context.thread, number, call)
            await self._tell(runtime, shown)
            answers.append(
                history.answer(call["id"], results.result(number, shown.card, self.budget.result_chars))
            )
            if shown.card.status == "pending":
                waiting, why = shown.card, "an earlier call of this reply waits for a person"
            elif shown.card.status == "in_doubt":
                doubt, why = True, "the effect of an earlier call of this reply is not known yet"
        state = {**state, "messages": history.lightened([*state["messages"], *answers]), "cards": number}
        if waiting is not None:
            handle = waiting.handle or ""
            await self._tell(runtime, Waiting(handle, waiting.line))
            return ended({**state, "waiting": [handle]}, "waiting", f"{handle} waits for a person's approval")
        return await self._next(state, runtime, "in_doubt" if doubt else None)

    def _skip(self, index: int, run: Run) -> str:
        if run.cancelled:
            return "the person cancelled the turn"
        return f"at most {self.budget.calls} calls in one reply" if index >= self.budget.calls else ""

    async def _call(self, thread: str, number: int, call: ToolCall) -> CardShown:
        started = self.clock.mono_us()
        sent = Call(
            name=call["name"],
            arguments=call["arguments"],
            principal=self.trail.speaker(thread),
            namespace=self.namespace,
            mode=self.mode,
            request_id=call["request_id"],
        )
        # A turn that is interrupted ends, but half a governed write would be in doubt.
        card = await shield_until_done(self.toolbox.call(sent), interrupted="raises")
        ms = (self.clock.mono_us() - started) // 1_000
        return CardShown(number, call["name"], call["request_id"], card, ms)

    async def _next(self, state: State, runtime: Runtime[Run], why: Reason | None) -> State:
        if why is None and runtime.context.cancelled:
            why = "cancelled"
        return await self._stopped(runtime, self.reserve(state) if why is None else self.stop(state, why))

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
