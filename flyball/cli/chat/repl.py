"""The chat's prompt: turns, the person's own commands, and Ctrl-C that cancels a turn and nothing else."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from agents.errors import AgentError
from agents.ops.agent import OpsAgent
from agents.ops.events import Asked, CardShown, Event, Stopped
from audit.errors import AuditError
from flyball.cli.change.pending import item
from flyball.cli.chat.ends import AGENT, code_of
from flyball.cli.chat.show import Show
from flyball.cli.kit import output, render
from flyball.cli.kit.output import note, safe, say, table
from flyball.exits import Exit, UsageError
from flyball.wiring import App
from policies.claim_keys import TAINT
from policies.errors import PolicyError
from tools.errors import ToolError
from tools.path.journal import actor_of

_OURS = (AgentError, AuditError, PolicyError, ToolError, UsageError)
_HELP = """\
/approve H          approve what waits, by its handle; it is carried out then
/deny H [reason]    decline it
/show H | N         what waits under handle H; result N in full
/resume             go on with a turn that was cut off
/threads            the conversations that are kept
/help               this
Ctrl-C cancels a turn, Ctrl-D leaves. Text approves nothing."""
_MARKED = "this thread has read untrusted text (events or the like): tighter limits hold for it from now on"


async def one_turn(app: App, ops: OpsAgent, thread: str, text: str, show: Show) -> Exit:
    """One turn for a script: events shown and recorded, and the exit code."""
    events = [event async for event in _followed(app, ops, ops.turn(thread, text), thread, show)]
    code = code_of(events)
    show.done(code)
    return code


async def _followed(
    app: App, ops: OpsAgent, turn: AsyncIterator[Event], thread: str, show: Show
) -> AsyncIterator[Event]:
    before = await _marked(app, thread)
    with _interrupts(ops):
        async for event in turn:
            await _record(app, thread, event)
            show.event(event)
            yield event
            if isinstance(event, CardShown) and not before and (before := await _marked(app, thread)):
                note(_MARKED)


async def _marked(app: App, thread: str) -> bool:
    """Whether the thread's session has read text that anybody may have written."""
    session = app.agent(AGENT, f"chat-{thread}"[:128]).session
    mark = TAINT.of(session)
    return bool((await app.log.values((mark,)))[mark])


async def _record(app: App, thread: str, event: Event) -> None:
    """Model calls, and turns that ended for a reason of ours, go into the log; tool calls are there already."""
    actor = actor_of(app.agent(AGENT, f"chat-{thread}"[:128]))
    if isinstance(event, Asked):
        record = app.log.draft(
            "model.call",
            actor=actor.model_copy(update={"model": event.model[:512]}),
            args={"message": event.message, "step": event.step, "tokens": event.tokens, "ms": event.ms},
            labels={"thread": thread},
        )
    elif isinstance(event, Stopped):
        labels = {"thread": thread, "stopped": event.reason}
        record = app.log.draft("annotation", actor=actor, reason=event.detail[:4096], labels=labels)
    else:
        return
    await app.log.commit((record,))


@contextmanager
def _interrupts(ops: OpsAgent) -> Iterator[None]:
    """While a turn runs, SIGINT cancels it and SIGTERM lets it stop where `/resume` can go on."""
    loop = asyncio.get_running_loop()

    def cancel() -> None:
        note("cancelling; a call that was sent is waited for")
        ops.cancel()

    loop.add_signal_handler(signal.SIGINT, cancel)
    loop.add_signal_handler(signal.SIGTERM, ops.drain)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)


class Repl:
    """One session at the prompt, in one thread of conversation."""

    def __init__(self, app: App, ops: OpsAgent, thread: str, show: Show) -> None:
        self._app, self._ops, self._thread, self._show = app, ops, thread, show
        self._terminal = sys.stdin.isatty()
        self._cards = dict[int, CardShown]()
        self._heard = list[str]()
        self._drained = False

    async def run(self) -> Exit:
        """Until Ctrl-D."""
        note(f"thread {self._thread}; /help for commands, Ctrl-D leaves")
        if await self._ops.unfinished(self._thread):
            note("the last turn was cut off: /resume goes on with it, any other message closes it")
        if await _marked(self._app, self._thread):
            note(_MARKED)
        while not self._drained and (line := self._ask(f"{self._app.place} ▸ ")) is not None:
            if line.strip():
                await self._answer(line.strip())
        return Exit.TERMINATED if self._drained else Exit.DONE

    def _ask(self, prompt: str) -> str | None:
        """A line of the person, None at the end. Nothing else runs meanwhile: no turn is under way."""
        # asyncio's own handler would cancel the session: at the prompt Ctrl-C only clears the line.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        while True:
            try:
                return input(prompt) if self._terminal else (sys.stdin.readline() or None)
            except EOFError:
                note("")
                return None
            except KeyboardInterrupt:
                note("\nCtrl-D leaves")

    async def _answer(self, line: str) -> None:
        try:
            if line.startswith("/"):
                await self._command(*line[1:].split(maxsplit=1))
            else:
                heard, self._heard = self._heard, []
                await self._follow(self._ops.turn(self._thread, line, heard=heard))
        except _OURS as e:
            output.error(e.what, e.where, e.hint)

    async def _follow(self, turn: AsyncIterator[Event]) -> None:
        events = []
        async for event in _followed(self._app, self._ops, turn, self._thread, self._show):
            events.append(event)
            if isinstance(event, CardShown):
                self._cards[event.number] = event
        code = code_of(events)
        self._drained = code is Exit.TERMINATED
        self._show.done(code)

    async def _command(self, name: str = "", rest: str = "") -> None:
        match name:
            case "approve":
                await self._approve(rest)
            case "deny":
                handle, _, reason = rest.partition(" ")
                entry = await self._app.approvals.deny(handle, self._app.identity.by_hand(), reason.strip())
                self._heard.append(f"declined {handle}")
                say(f"{self._app.place}  declined  {safe(handle)}   record {entry.seq}")
            case "show":
                await self._unfold(rest)
            case "resume":
                await self._follow(self._ops.resume(self._thread))
            case "threads":
                await self._list()
            case "help":
                say(_HELP)
            case _:
                raise UsageError(f"/{name} is no command", hint="/help")

    async def _approve(self, handle: str) -> None:
        waiting = await self._app.approvals.one(handle)
        request = waiting.request
        if not self._terminal:
            hint = f"flyball approve {waiting.handle} --yes"
            raise UsageError("nobody is there to be asked", where="standard input is no terminal", hint=hint)
        say(f"{self._app.place}  {request.action} {request.target} {waiting.diff}   {waiting.handle}")
        if (self._ask("approve? [y/N] ") or "").strip().lower() not in ("y", "yes"):
            note("nothing was done")
            return
        result = await self._app.approvals.approve(handle, self._app.identity.by_hand(), shown=waiting)
        self._heard.append(f"approved {waiting.handle}: {'; '.join(render.lines(result)[:1])}")
        render.show(result)

    async def _unfold(self, what: str) -> None:
        if what.isdecimal() and int(what) in self._cards:
            card = self._cards[int(what)].card
            for line in json.dumps(json.loads(card.text), indent=2, ensure_ascii=False).splitlines():
                say(safe(line))
            return
        facts: dict[str, Any] = item(await self._app.approvals.one(what))
        for name, value in facts.items():
            say(f"{name + ':':<16} {safe(str(value))}")

    async def _list(self) -> None:
        found = await self._ops.threads()
        rows = [(t.name, t.where, t.turns, _state(t), t.updated[:19], t.opening) for t in found]
        for line in table(("THREAD", "WHERE", "TURNS", "STATE", "UPDATED", "OPENING"), rows):
            say(line)


def _state(thread: Any) -> str:
    return "cut-off" if thread.unfinished else f"waits:{thread.waiting}" if thread.waiting else "-"
