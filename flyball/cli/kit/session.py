"""The session of a chat: commands that are typed in it run on what it has opened, in place of opening it again."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from pathlib import Path

    from flyball.wiring import App

T = TypeVar("T")

_current: ContextVar["Session | None"] = ContextVar("session", default=None)


@dataclass(slots=True)
class Session:
    """What a chat was begun with (options, settings file), what it has opened, and the loop that it lives in."""

    flags: Mapping[str, str | None]
    config: "Path | None"
    app: "App"
    loop: "AbstractEventLoop"
    _running: "Future[Any] | None" = None

    def start(self, work: "Coroutine[Any, Any, T]") -> "Future[T]":
        """Begin the work of a command; `interrupt` ends it."""
        self._running = asyncio.run_coroutine_threadsafe(work, self.loop)
        return self._running

    def interrupt(self) -> None:
        """End what a command does; what has begun to be written ends first."""
        if self._running is not None:
            self._running.cancel()


def current() -> Session | None:
    """The session in which a command was typed; None at the shell."""
    return _current.get()


@contextmanager
def entered(session: Session) -> Iterator[None]:
    """Commands that begin inside belong to `session`."""
    token = _current.set(session)
    try:
        yield
    finally:
        _current.reset(token)
