"""Work that must not be cut short: it runs to its end first, and only then an interrupt is handled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

R = TypeVar("R")

Interrupted = Literal["answers", "raises"]


def interrupted() -> bool:
    """Whether the task that asks was cancelled while a write of its own ran to its end: it begins nothing new."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def shield_until_done(work: Coroutine[Any, Any, R], *, interrupted: Interrupted) -> R:
    """Run `work` to its end, however often the caller is cancelled meanwhile; then what an interrupt does:

    - `answers`: nothing yet. The result is what the caller needs most (how a write ended, say); it asks
      `interrupted` before it begins anything else.
    - `raises`: CancelledError. The caller stops here, and who needs the result finds it where `work` left it.

    Raises what `work` raises, unless the interrupt is raised in its place.
    """
    task = asyncio.ensure_future(work)
    interrupt: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})  # a cancelled wait leaves the task alone
        except asyncio.CancelledError as e:
            interrupt = e
    if interrupt is None or interrupted == "answers":
        return task.result()
    if not task.cancelled():
        task.exception()  # it is reported nowhere else: asyncio would warn that nobody asked
    raise interrupt
