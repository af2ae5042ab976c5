"""The chat's prompt: lines of the person are answered one by one; Ctrl-C at the prompt only clears the line."""

import signal
import sys

from base.errors import FlyballError
from flyball.cli.chat.speaker import Speaker
from flyball.cli.kit import output
from flyball.cli.kit.output import note, piece
from flyball.exits import EXIT_OF, Exit

_LEAVE = ("/exit", "/quit", "/bye")


class Prompt:
    """Where lines come from: a terminal, or a pipe."""

    def __init__(self, where: str) -> None:
        self._text, self.terminal = f"{where} ▸ ", sys.stdin.isatty()

    def ask(self, prompt: str = "") -> str | None:
        """A line of the person, None at the end. Nothing else runs meanwhile: no turn is under way."""
        # asyncio's own handler would cancel the session: at the prompt Ctrl-C only clears the line.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        while True:
            try:
                return input(prompt or self._text) if self.terminal else (sys.stdin.readline() or None)
            except EOFError:
                note("")
                return None
            except KeyboardInterrupt:
                note("\nCtrl-D leaves")


class Repl:
    """One session at the prompt."""

    def __init__(self, prompt: Prompt, speaker: Speaker) -> None:
        self._prompt, self._speaker = prompt, speaker

    async def run(self) -> Exit:
        """Until Ctrl-D, /exit or the end of input. The code of a pipe is that of its last line that did not end well;
        that of a terminal is 0."""
        for line in await self._speaker.greeting():
            note(line)
        ended = Exit.DONE
        while (typed := self._prompt.ask()) is not None and typed.strip() not in _LEAVE:
            code = await self._answered(typed.strip())
            if code is Exit.TERMINATED:
                return code
            ended = code or ended
        return Exit.DONE if self._prompt.terminal else ended

    async def _answered(self, line: str) -> Exit:
        if not line:
            return Exit.DONE
        if line == "/clear":
            piece("\x1b[2J\x1b[H" if self._prompt.terminal and sys.stdout.isatty() else "")
            return Exit.DONE
        try:
            return await self._speaker.answer(line)
        except FlyballError as e:
            output.error(e.what, e.where, e.hint)
            return EXIT_OF[e.effect]
