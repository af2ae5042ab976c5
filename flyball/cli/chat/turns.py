"""One turn at a time: its events shown as they come, what Ctrl-C and SIGTERM do meanwhile, and how it ended."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from agents.ops.agent import OpsAgent
from agents.ops.events import CardShown, Event
from flyball.cli.chat.ends import code_of
from flyball.cli.chat.show import Show
from flyball.cli.kit.output import note
from flyball.cli.kit.verdicts import give_due
from flyball.exits import Exit
from flyball.open_chat import read_untrusted
from flyball.wiring import App

TAINTED = "this thread has read untrusted text (events or the like): tighter limits hold for it from now on"


class Chat:
    """A conversation in one thread as the terminal holds it; `cards` are this session's results, by number."""

    def __init__(self, app: App, ops: OpsAgent, thread: str, show: Show) -> None:
        self.app, self.ops, self.thread, self._show = app, ops, thread, show
        self.cards = dict[int, CardShown]()

    async def follow(self, turn: AsyncIterator[Event]) -> Exit:
        """Show a turn to its end; its exit code. Verdicts that are due by now come first."""
        await give_due(self.app)
        events = [event async for event in self._shown(turn)]
        code = code_of(events)
        self._show.done(code)
        return code

    async def tainted(self) -> bool:
        """Whether this thread has read untrusted text."""
        return await read_untrusted(self.app, self.thread)

    async def _shown(self, turn: AsyncIterator[Event]) -> AsyncIterator[Event]:
        before = await self.tainted()
        with _interrupts(self.ops):
            async for event in turn:
                self._show.event(event)
                yield event
                if not isinstance(event, CardShown):
                    continue
                self.cards[event.number] = event
                if not before and (before := await self.tainted()):
                    note(TAINTED)


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
