"""What a person does in a chat by commands of their own: votes, looking, listing. None of it reaches the model but
as one line of the next turn."""

import json
import sys
from collections.abc import AsyncIterator, Callable

from agents.ops.events import Event
from agents.ops.threads import ThreadInfo
from flyball.cli.change.pending import behind, item
from flyball.cli.chat.turns import Chat
from flyball.cli.kit import render
from flyball.cli.kit.output import note, safe, say, table
from flyball.exits import UsageError

HELP = """\
/approve H          approve what waits, by its handle; it is carried out then
/deny H [reason]    decline it
/show H | N         what waits under handle H; result N in full
/resume             go on with a turn that was cut off
/threads            the stored conversations
/help               this
Ctrl-C cancels a turn, Ctrl-D leaves. Only /approve approves."""

Ask = Callable[[str], str | None]
"""A question to the person, answered with a line, or None at the end of input."""


class Commands:
    """The commands of one session; their effects are reported to the model with the next turn."""

    def __init__(self, chat: Chat, ask: Ask) -> None:
        self._chat, self._app, self._ask = chat, chat.app, ask
        self._done = list[str]()

    def heard(self) -> list[str]:
        """What was done since the last turn; reported once."""
        done, self._done = self._done, []
        return done

    async def run(self, name: str = "", rest: str = "") -> AsyncIterator[Event] | None:
        """One command, and the turn that it goes on with. Raises UsageError for what is none, and what approving
        and declining raise."""
        match name:
            case "approve":
                await self._approve(rest)
            case "deny":
                await self._deny(*rest.split(maxsplit=1))
            case "show":
                await self._show(rest)
            case "resume":
                return self._chat.ops.resume(self._chat.thread)
            case "threads":
                _list(await self._chat.ops.threads())
            case "help":
                say(HELP)
            case _:
                raise UsageError(f"/{name} is not a command", hint="/help")
        return None

    async def _approve(self, handle: str) -> None:
        waiting = await self._app.approvals.one(handle)
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
        result = await self._app.approvals.approve(handle, self._app.identity.by_hand(), shown=waiting)
        self._done.append(f"approved {waiting.handle}: {'; '.join(render.lines(result)[:1])}")
        render.show(result)

    async def _deny(self, handle: str = "", reason: str = "") -> None:
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
