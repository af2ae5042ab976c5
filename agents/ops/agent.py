"""The ops agent: a person talks, a model proposes, the governed path decides and acts."""

import re
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from agents import prompts
from agents.errors import ThreadInvalid
from agents.models.types import ModelClient
from agents.ops import summary, tracing
from agents.ops.assent import is_assent
from agents.ops.budget import Budget
from agents.ops.events import Changed, Event, Stopped
from agents.ops.graph import Nodes, build
from agents.ops.run import Drained, Run
from agents.ops.state import State, begun, cut_off, empty
from agents.ops.threads import ThreadInfo, Threads
from agents.ops.trail import Trail
from audit.clock import Clock
from policies.types import Mode, Principal
from tools.ports import Leases
from tools.toolbox.port import Recorder, Toolbox

_NAME = re.compile(r"\A[A-Za-z0-9][-._A-Za-z0-9]{0,63}\Z")
_INTERRUPTED = Stopped("interrupted", "the turn before was cut off; it is closed, nothing of it is repeated")
_DRAINED = Stopped("drained", "the process was asked to end; the turn can be resumed")


class OpsAgent:
    """Conversations with a model that holds the toolbox, and no writer. Use as `async with`.

    `where` is `context/namespace` as the person sees it; a thread stays where it began. In each thread the
    agent acts under that thread's session, whatever session `principal` came with: it says in the log which
    conversation a call came from. Model calls, and turns that we end, are recorded before they are shown.
    A turn holds its thread's lease, so that two processes never continue one thread at once.
    """

    def __init__(
        self,
        model: ModelClient,
        toolbox: Toolbox,
        recorder: Recorder,
        *,
        checkpoints: Path,
        leases: Leases,
        principal: Principal,
        where: str,
        namespace: str | None,
        mode: Mode,
        budget: Budget,
        clock: Clock,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        prompt = prompts.load("ops", where=where, mode=mode)
        self._nodes = Nodes(
            model=model,
            toolbox=toolbox,
            trail=Trail(recorder, principal),
            namespace=namespace,
            mode=mode,
            budget=budget,
            clock=clock,
            prompt={"id": "system", "role": "system", "text": prompt, "calls": [], "answers": ""},
        )
        self._path, self._leases, self._where, self._new_id = checkpoints, leases, where, new_id
        self._human = principal.on_behalf_of or ""
        self._run: Run | None = None
        self._control: RunControl | None = None

    async def __aenter__(self) -> Self:
        tracing.off()
        self._threads = await Threads.open(self._path)
        self._graph = build(self._nodes, self._threads.saver)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._threads.close()

    async def turn(self, thread: str, text: str, *, heard: Sequence[str] = ()) -> AsyncGenerator[Event, None]:
        """One turn of the person in `thread`. `heard`: what the person did by commands since the last turn.

        A turn that was cut off before is closed first; none of its calls is sent again (see `resume`).
        Raises ThreadInvalid, LeaseBusy, and what toolbox and recorder raise when log or cluster fail: the
        turn stays unfinished then, and `resume` goes on where it was, with the same request ids.
        """
        async with self._leases.hold(_lease(thread)):
            state = await self._pinned(thread)
            if not state["stopped"]:
                yield await self._kept(thread, _INTERRUPTED)
                state = cut_off(state)
            if state["waiting"] and is_assent(text):
                what = f"text approves nothing; {state['waiting'][0]} is decided by /approve or /deny"
                yield await self._kept(thread, Stopped("assent", what))
                yield Changed(())
                return
            state = begun(state, self._new_id(), text, heard, self._nodes.budget)
            state, stopped = await self._nodes.reserve(state)
            async with aclosing(self._go(thread, state)) as events:
                async for event in events:
                    yield event
            if stopped:
                yield await self._kept(thread, stopped)
            async for event in self._ended(thread):
                yield event

    async def resume(self, thread: str) -> AsyncGenerator[Event, None]:
        """Go on with a turn that was cut off: the stored reply is acted on, with its request ids."""
        async with self._leases.hold(_lease(thread)):
            state = await self._pinned(thread)
            if state["stopped"]:
                return
            if state["reserved"]:
                state, stopped = await self._nodes.reserve(state)
                await self._graph.aupdate_state(_config(thread), state, as_node="act")
                if stopped:
                    yield await self._kept(thread, stopped)
            async with aclosing(self._go(thread, None)) as events:
                async for event in events:
                    yield event
            async for event in self._ended(thread):
                yield event

    async def unfinished(self, thread: str) -> bool:
        """Whether the last turn of `thread` was cut off."""
        return not (await self._pinned(thread))["stopped"]

    async def threads(self) -> list[ThreadInfo]:
        """All threads, the newest first."""
        return await self._threads.list()

    @property
    def model(self) -> str:
        """The model's name."""
        return self._nodes.model.model

    async def room_in_words(self) -> str:
        """What of the model's context a turn has: its size, what prompt and tools take, what is left."""
        room = await self._nodes.room()
        size = "of unknown size" if room.context is None else f"of {room.context:,} tokens"
        left = room.budget.history_tokens
        return f"context {size}: {room.overhead:,} for prompt and tools, {left:,} for the conversation"

    def cancel(self) -> None:
        """The person cancels the turn under way: no further call is sent, what was sent is waited for."""
        if self._run:
            self._run.cancel()

    def drain(self) -> None:
        """The process is asked to end (SIGTERM): stop where the turn is checkpointed; `resume` can go on."""
        if self._control and self._run:
            self._control.request_drain()
            self._run.drain()

    async def _kept(self, thread: str, stopped: Stopped) -> Stopped:
        await self._nodes.trail.keep(thread, stopped)
        return stopped

    async def _pinned(self, thread: str) -> State:
        state = await self._threads.state(thread) or empty(self._where, self._human)
        if (state["where"], state["human"]) != (self._where, self._human):
            raise ThreadInvalid(
                f"thread `{thread}` belongs to {state['human']} at {state['where']}",
                where=f"{self._human} at {self._where}",
                hint="take another --thread, or the context and namespace that it began in",
            )
        return state

    async def _go(self, thread: str, start: State | None) -> AsyncGenerator[Event, None]:
        self._run, self._control = Run(thread), RunControl()
        stream: Any = self._graph.astream(
            start,
            _config(thread, self._nodes.budget.recursion_limit),
            context=self._run,
            stream_mode="custom",
            durability="sync",
            control=self._control,
        )
        try:
            async with aclosing(stream):
                async for event in stream:
                    yield event
        except (Drained, GraphDrained):
            yield await self._kept(thread, _DRAINED)
        finally:
            self._run = self._control = None
        await self._threads.prune(thread)

    async def _ended(self, thread: str) -> AsyncGenerator[Event, None]:
        """What the turn has come to, if it has ended."""
        state = await self._pinned(thread)
        if state["stopped"]:
            yield Changed(summary.of_turn(state["messages"]))


def _lease(thread: str) -> str:
    if not _NAME.match(thread):
        hint = "letters, digits, `-`, `_` and `.`, at most 64"
        raise ThreadInvalid(f"`{thread[:64]}` is not a thread name", hint=hint)
    return f"thread/{thread}"


def _config(thread: str, limit: int = 25) -> RunnableConfig:
    return {"configurable": {"thread_id": thread}, "recursion_limit": limit}
