"""The chat's prompt: lines of the person become turns or commands; Ctrl-C at the prompt only clears the line."""

import signal
import sys

from base.errors import FlyballError
from flyball.cli.chat.commands import Commands
from flyball.cli.chat.turns import TAINTED, Chat
from flyball.cli.kit import output
from flyball.cli.kit.output import note
from flyball.exits import Exit


class Repl:
    """One session at the prompt, in one thread of conversation."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._terminal = sys.stdin.isatty()
        self._commands = Commands(chat, self._ask)
        self._drained = False

    async def run(self) -> Exit:
        """Until Ctrl-D."""
        chat = self._chat
        note(f"thread {chat.thread}; /help for commands, Ctrl-D leaves")
        if await chat.ops.unfinished(chat.thread):
            note("the last turn was cut off: /resume goes on with it, any other message closes it")
        if await chat.tainted():
            note(TAINTED)
        while not self._drained and (line := self._ask(f"{chat.app.place} ▸ ")) is not None:
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
        chat = self._chat
        try:
            if line.startswith("/"):
                turn = await self._commands.run(*line[1:].split(maxsplit=1))
            else:
                turn = chat.ops.turn(chat.thread, line, heard=self._commands.heard())
            if turn is not None:
                self._drained = await chat.follow(turn) is Exit.TERMINATED
        except FlyballError as e:
            output.error(e.what, e.where, e.hint)
