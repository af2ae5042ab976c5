"""What a person does in a chat by commands of their own: votes, looking, listing. None of it reaches the model but
as one line of the next turn."""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from agents.ops.events import Event
from agents.ops.threads import ThreadInfo
from flyball.cli.change.pending import behind, item
from flyball.cli.chat import speaker
from flyball.cli.chat.turns import Chat
from flyball.cli.chat.typed import Typed, as_exit
from flyball.cli.chat.waiting import only_waiting
from flyball.cli.chat.words import Own, helped, no_command, slash
from flyball.cli.kit import render
from flyball.cli.kit.output import note, safe, say, table
from flyball.exits import Exit, UsageError

OWN: Own = {
    **speaker.VOTES,
    "ask": ("/ask H QUESTION", "ask the model about what waits under handle H"),
    "show": ("/show H | N", "what waits under handle H; result N in full"),
    "resume": ("/resume", "go on with a turn that was cut off"),
    "threads": ("/threads", "the stored conversations"),
    **speaker.OWN,
    "context": ("/context", "where this chat is, and how much of the model's context it may use"),
    "exit": ("/exit, /quit", "leave, as Ctrl-D does; Ctrl-C cancels a turn"),
}
"""The chat's own commands where a model listens."""

Ask = Callable[[str], str | None]
"""A question to the person, answered with a line, or None at the end of input."""


class Commands:
    """The commands of one session; their effects are reported to the model with the next turn."""

    def __init__(self, chat: Chat, typed: Typed, ask: Ask) -> None:
        self._chat, self._app, self._typed, self._ask = chat, chat.app, typed, ask
        self._done = list[str]()

    def heard(self) -> list[str]:
        """What was done since the last turn; reported once."""
        done, self._done = self._done, []
        return done

    async def run(self, name: str = "", rest: str = "") -> tuple[AsyncIterator[Event] | None, Exit]:
        """One command: the turn that it goes on with, or its exit code. Raises UsageError for what is none, and what
        approving and declining raise."""
        if name == "resume":
            return self._chat.ops.resume(self._chat.thread), Exit.DONE
        if name == "ask":
            return await self._about(*rest.split(maxsplit=1)), Exit.DONE
        own = self._own().get(name)
        if own is None:
            return None, await self._by_words(name, rest)
        await own(rest)
        return None, Exit.DONE

    async def _about(self, handle: str = "", question: str = "") -> AsyncIterator[Event]:
        """A turn about what waits: the model is told what a person is shown of it. Raises UsageError."""
        if not question:
            raise UsageError("/ask wants a handle and a question", hint="/ask 9f3c41d2 why not 8?")
        waiting = await self._app.approvals.one(handle)
        facts = item(waiting, await self._app.approvals.background(waiting))
        text = f"{question}\n\n[about what waits: {json.dumps(facts, ensure_ascii=False, default=str)}]"
        return self._chat.ops.turn(self._chat.thread, text, heard=self.heard())

    def _own(self) -> Mapping[str, Callable[[str], Awaitable[None]]]:
        return {
            "approve": self._approve,
            "deny": self._deny,
            "show": self._show,
            "threads": self._threads,
            "context": self._context,
            "model": self._model,
            "help": self._help,
        }

    async def _by_words(self, name: str, rest: str) -> Exit:
        """A command of the command line; the model is told that it was given, and how it ended."""
        words = slash(name, rest)
        if words is None:
            raise no_command(name, OWN)
        code = as_exit(await self._typed.run(words))
        self._done.append(f"/{name} {rest}".strip() + f" (exit code {int(code)})")
        return code

    async def _threads(self, _: str) -> None:
        _list(await self._chat.ops.threads())

    async def _context(self, _: str) -> None:
        say(f"{self._app.place}  thread {self._chat.thread}  {await self._chat.ops.room_in_words()}")

    async def _model(self, _: str) -> None:
        say(self._chat.ops.model)

    async def _help(self, _: str) -> None:
        for line in helped(OWN):
            say(line)
        say("Anything else goes to the model. Only /approve approves.")

    async def _approve(self, handle: str) -> None:
        waiting = await self._app.approvals.one(handle or await only_waiting(self._app))
        request = waiting.request
        if not sys.stdin.isatty():
            hint = f"flyball approve {waiting.handle} --yes"
            raise UsageError(
                "confirmation needs a terminal", where="standard input is not a terminal", hint=hint
            )
        say(f"{self._app.place}  {request.action} {request.target} {waiting.diff}   {waiting.handle}")
        for line in behind(await self._app.approvals.background(waiting)):
            say(line)
        if (self._ask("approve? [y/N] ") or "").strip().lower() not in ("y", "yes"):
            note("nothing was done")
            return
        voter = self._app.identity.by_hand()
        result = await self._app.approvals.approve(request.digest, voter, shown=waiting)
        self._done.append(f"approved {waiting.handle}: {'; '.join(render.lines(result)[:1])}")
        render.show(result)

    async def _deny(self, rest: str) -> None:
        handle, _, reason = rest.partition(" ")
        entry = await self._app.approvals.deny(handle, self._app.identity.by_hand(), reason.strip())
        self._done.append(f"declined {handle}")
        say(f"{self._app.place}  declined  {safe(handle)}   record {entry.seq}")

    async def _show(self, what: str) -> None:
        if what.isdecimal() and int(what) in self._chat.cards:
            card = self._chat.cards[int(what)].card
            for line in json.dumps(json.loads(card.text), indent=2, ensure_ascii=False).splitlines():
                say(safe(line))
            return
        waiting = await self._app.approvals.one(what)
        for name, value in item(waiting, await self._app.approvals.background(waiting)).items():
            say(f"{name + ':':<16} {safe(str(value))}")


def _list(found: list[ThreadInfo]) -> None:
    rows = [(t.name, t.where, t.turns, _state(t), t.updated[:19], t.opening) for t in found]
    for line in table(("THREAD", "WHERE", "TURNS", "STATE", "UPDATED", "OPENING"), rows):
        say(line)


def _state(thread: ThreadInfo) -> str:
    return "cut-off" if thread.unfinished else f"waits:{thread.waiting}" if thread.waiting else "-"
