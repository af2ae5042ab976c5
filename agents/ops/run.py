"""One turn under way: who may stop it, and how."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from agents.models.types import Reply


class Drained(Exception):
    """The process has been asked to end; the turn stays where it was checkpointed."""


@dataclass(slots=True)
class Run:
    """One turn under way: whose thread, and whether the person cancelled it or the process was asked to end."""

    thread: str
    cancelled: bool = False
    drained: bool = False
    _asking: "asyncio.Task[Reply] | None" = field(default=None, repr=False)

    def cancel(self) -> None:
        """Stop asking at once; a tool call that was sent is waited for, since its outcome must be known."""
        self.cancelled = True
        if self._asking:
            self._asking.cancel()

    def drain(self) -> None:
        """Stop asking, and leave the turn where it is."""
        self.drained = True
        if self._asking:
            self._asking.cancel()

    async def ask(self, call: Coroutine[Any, Any, Reply]) -> Reply | None:
        """The reply, or None where the person has cancelled. Raises Drained."""
        self._asking = asyncio.ensure_future(call)
        try:
            return await self._asking
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            if self.drained:
                raise Drained from None
            return None
        finally:
            self._asking = None
