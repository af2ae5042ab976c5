"""Who answers the lines of a chat: a model with the chat's commands beside it, or the commands alone."""

from typing import TYPE_CHECKING, Protocol

from flyball.cli.chat.typed import Typed, as_exit
from flyball.cli.chat.waiting import only_waiting
from flyball.cli.chat.words import SENTENCES, SLASH, Own, helped, nearest, no_command, sentence, slash, split
from flyball.cli.kit.output import say
from flyball.exits import Exit, UsageError

if TYPE_CHECKING:
    from flyball.wiring import App

CONNECT = """\
to talk in plain words, connect a model (docs/chat.md), e.g. a local Ollama:
  export FLYBALL_MODEL_URL=http://127.0.0.1:11434/v1 FLYBALL_MODEL_NAME=qwen3"""


class Speaker(Protocol):
    """Answers what a person types."""

    async def greeting(self) -> list[str]:
        """What is said first."""

    async def answer(self, line: str) -> Exit:
        """Answer one line. Raises FlyballError."""


class CommandMode:
    """The chat without a model: commands, and the few plain sentences of a table. It never guesses."""

    def __init__(self, app: "App", typed: Typed) -> None:
        self._app, self._typed = app, typed

    async def greeting(self) -> list[str]:
        return ["no model is connected: commands and a few plain sentences only; /help shows them"]

    async def answer(self, line: str) -> Exit:
        if line.startswith("/"):
            return await self._command(*line[1:].split(maxsplit=1))
        if (words := sentence(line)) is None:
            raise not_understood(line)
        return as_exit(await self._typed.run(words))

    async def _command(self, name: str = "", rest: str = "") -> Exit:
        told = {"help": help_text(), "model": CONNECT, "context": str(self._app.place)}
        if name in told:
            say(told[name])
            return Exit.DONE
        if name == "approve" and not rest:
            rest = await only_waiting(self._app)
        words = [name, *split(rest)] if name in VOTES else slash(name, rest)
        if words is None:
            raise no_command(name, OWN)
        return as_exit(await self._typed.run(words))


VOTES: Own = {
    "approve": ("/approve [H]", "approve what waits: the only one, or the one of that handle"),
    "deny": ("/deny H [reason]", "decline it"),
}
OWN: Own = {
    **VOTES,
    "context": ("/context", "where this chat is"),
    "model": ("/model", "which model answers"),
    "clear": ("/clear", "clear the screen"),
    "help": ("/help", "this"),
    "exit": ("/exit, /quit", "leave, as Ctrl-D does"),
}


def not_understood(line: str) -> UsageError:
    """A line that is no command: what can be done, the nearest, and how to connect a model."""
    near = nearest(line, (*SLASH, *OWN))
    closest = f"nearest: {SLASH[near].usage if near in SLASH else OWN[near][0]}; " if near else ""
    return UsageError(
        "that is not understood without a model, and nothing was done",
        hint=f"{closest}/help shows commands and sentences\n{CONNECT}",
    )


def help_text() -> str:
    """The commands and the sentences, a line each."""
    said = ", ".join(f"`{example}`" for example, _, _ in SENTENCES)
    return "\n".join([*helped(OWN), f"In plain words: {said}.", "Only /approve approves."])
