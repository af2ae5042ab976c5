"""The duty `notifications`: each receiver is told what it waits for, in order, at least once, at its own pace.

It holds nobody up: it runs beside the path, a slow or dead receiver costs it a bounded time a pass, and delays no
other receiver. A try that failed is repeated with a growing pause, without end; a message that the receiver itself
refuses five times is passed over, which is recorded.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from audit.errors import ClaimLost
from flyball.notify.backlog import Backlog, backlog
from flyball.notify.bodies import body_of, headers
from flyball.notify.cursor import Cursor, Told
from flyball.notify.message import Message
from flyball.notify.post import Answer, post
from flyball.notify.receivers import Receiver
from tools.path.context import Context

LOG = logging.getLogger("flyball.notify")
EVERY_MS = 5_000
AT_ONCE = 20
"""Messages to one receiver in one pass."""
PASS_S = 30.0
"""Seconds that one pass may spend on one receiver."""
FIRST_MS, LONGEST_MS = 5_000, 900_000
"""The pause after a try that failed, doubled each time."""
TRIES = 5
"""So often a message that its receiver refuses is tried."""

Post = Callable[[Receiver, bytes, Mapping[str, str]], Awaitable[Answer]]


@dataclass
class _Line:
    """How it stands with one receiver in this process; what must outlive it is the cursor."""

    receiver: Receiver
    cursor: Cursor
    at: int | None = None
    """From where to look on: at the cursor, or behind it where nothing was to be told."""
    stored: int = 0
    failed: int = 0
    refused: int = 0
    next_ms: int = 0
    why: str = ""


class NotificationsDuty:
    """Tells the receivers. `send` is how a message leaves (flyball.notify.post)."""

    name = "notifications"

    def __init__(self, context: Context, receivers: tuple[Receiver, ...], send: Post = post) -> None:
        self._c, self._send = context, send
        self._lines = [_Line(one, Cursor(context, one.name)) for one in receivers]
        self._next_ms = 0

    def due_ms(self, now_ms: int) -> int:  # noqa: ARG002
        return self._next_ms

    async def run(self, now_ms: int) -> None:
        """One pass over all receivers, beside each other. Raises what Log.commit raises."""
        self._next_ms = now_ms + EVERY_MS
        ready = [line for line in self._lines if not _waits(line, now_ms)]
        ends = await asyncio.gather(*(self._told(line) for line in ready), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _told(self, line: _Line) -> None:
        try:
            await self._pass(line)
        except ClaimLost:  # another process has told it meanwhile: go on from there
            line.at = None

    async def _pass(self, line: _Line) -> None:
        stored = await line.cursor.at()
        if stored is None:
            stored = await line.cursor.begin()
        if line.at is None or stored != line.stored:  # begun, or moved on by another process
            line.at = line.stored = stored
        found = await backlog(self._c, line.at, line.receiver.topics, AT_ONCE)
        if not found.messages:
            line.at = found.to
            return
        told, to = await self._delivered(line, found)
        if told.sent or told.refused:
            await line.cursor.move(line.stored, to, told)
            line.at = line.stored = to

    async def _delivered(self, line: _Line, found: Backlog) -> tuple[Told, int]:
        """In order, up to the first that does not arrive; and the record from which to go on."""
        sent, refused = list[str](), list[str]()
        with suppress(TimeoutError):
            async with asyncio.timeout(PASS_S):
                for message in found.messages:
                    answer = await self._tried(line.receiver, message)
                    self._noted(line, answer)
                    if answer.end == "sent":
                        sent.append(message.id)
                    elif answer.end == "refused" and line.refused >= TRIES:
                        refused.append(message.id)
                        line.refused = 0
                    else:
                        break
        done = len(sent) + len(refused)
        to = found.to if done == len(found.messages) else found.messages[done].seq
        return Told(sent, refused, line.why if refused else ""), to

    async def _tried(self, receiver: Receiver, message: Message) -> Answer:
        body = body_of(message, receiver)
        at_s = self._c.clock.wall_ms() // 1000
        return await self._send(receiver, body, headers(message, receiver, body, at_s))

    def _noted(self, line: _Line, answer: Answer) -> None:
        """The pause after a failure; it is said when it begins, when its reason changes, and when it is over."""
        if answer.end == "sent":
            if line.why:
                LOG.warning("receiver %s works again", line.receiver.name)
            line.failed = line.refused = line.next_ms = 0
            line.why = ""
            return
        if answer.why != line.why:
            LOG.warning("receiver %s (%s): %s", line.receiver.name, line.receiver.address, answer.why)
        line.failed, line.why = line.failed + 1, answer.why
        line.refused += answer.end == "refused"
        line.next_ms = self._c.now_ms() + min(FIRST_MS << min(line.failed - 1, 10), LONGEST_MS)


def _waits(line: _Line, now_ms: int) -> bool:
    """A pause is never longer than the longest: one that seems so was begun before the clock was set back."""
    return 0 < line.next_ms - now_ms <= LONGEST_MS
