"""The chat with a model: plain lines are turns, lines that begin with `/` are the person's own commands."""

from flyball.cli.chat.commands import Commands
from flyball.cli.chat.turns import TAINTED, Chat
from flyball.exits import Exit


class WithModel:
    """Answers each line by a turn of the ops agent, or by a command."""

    def __init__(self, chat: Chat, commands: Commands) -> None:
        self._chat, self._commands = chat, commands

    async def greeting(self) -> list[str]:
        chat = self._chat
        lines = [f"thread {chat.thread}; /help for commands, Ctrl-D leaves"]
        if await chat.ops.unfinished(chat.thread):
            lines.append("the last turn was cut off: /resume goes on with it, any other message closes it")
        return [*lines, TAINTED] if await chat.tainted() else lines

    async def answer(self, line: str) -> Exit:
        chat = self._chat
        if not line.startswith("/"):
            return await chat.follow(chat.ops.turn(chat.thread, line, heard=self._commands.heard()))
        turn, code = await self._commands.run(*line[1:].split(maxsplit=1))
        return await chat.follow(turn) if turn is not None else code
