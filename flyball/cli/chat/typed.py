"""A command of the command line that is typed in a chat: it runs in a thread, on what the chat has opened."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flyball.cli.chat.words import NAME, Words
from flyball.cli.kit.session import Session, entered
from flyball.exits import Exit, UsageError
from tools.cluster.names import ALIASES


class Typed:
    """Runs the commands of one chat, as the person."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def run(self, words: Words) -> int:
        """One command; its exit code. Its output and its errors are shown as at the shell. Raises UsageError for a
        workload that there is not."""
        from flyball.cli.main import edge

        plain = [await self._named(word) for word in words]
        with entered(self._session), _interrupts(self._session.interrupt):
            return await asyncio.to_thread(edge, plain)

    async def _named(self, word: str) -> str:
        """A word as it goes on the command line: KIND/NAME, where it names a workload by its name alone."""
        name = word.removeprefix(NAME)
        if name == word or "/" in name or name in ALIASES:
            return name
        return await self._of_its_kind(name)

    async def _of_its_kind(self, name: str) -> str:
        from flyball.cli.look.reads import PersonReads

        app = self._session.app
        known = await PersonReads(app).workloads(app.place.namespace)
        found = [str(one) for one in known if one.name == name]
        if len(found) == 1:
            return found[0]
        where = str(app.place)
        if not found:
            hint = ", ".join(str(one) for one in known[:_MOST]) or "there is none"
            raise UsageError(f"no workload is called `{name[:64]}`", where=where, hint=hint)
        raise UsageError(f"`{name}` is {' and '.join(found)}", where=where, hint="say which, with its kind")


_MOST = 8
"""Workloads that are named where another was meant."""


@contextmanager
def _interrupts(interrupt: Callable[[], None]) -> Iterator[None]:
    """While a command runs, Ctrl-C ends it, and not the chat."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def as_exit(code: int) -> Exit:
    """An exit code as one of ours."""
    return Exit(code) if code in set(Exit) else Exit.FAILED
