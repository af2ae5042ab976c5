"""How it stands with a receiver, by the log alone: whichever process tells it."""

from dataclasses import dataclass

from flyball.notify.backlog import LOOK, backlog
from flyball.notify.cursor import Cursor
from flyball.notify.receivers import Receiver
from tools.path.context import Context

_RECORDS = 200
"""Records of sending that are looked at for the newest of one receiver."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`at` is the next record that it is to be told of (None: it was never told anything), `waiting` how many
    messages are to be sent (`more`: at least), `oldest_ms` how old the first is, `last` when one was sent last."""

    receiver: Receiver
    at: int | None
    waiting: int = 0
    more: bool = False
    oldest_ms: int | None = None
    last: str = ""


async def standing(context: Context, receiver: Receiver) -> Standing:
    """What the log says of it; nothing is sent or recorded."""
    at = await Cursor(context, receiver.name).at()
    if at is None:
        return Standing(receiver, None)
    found = await backlog(context, at, receiver.topics, LOOK)
    first = found.messages[0].at_ms if found.messages else None
    return Standing(
        receiver,
        at,
        len(found.messages),
        len(found.messages) == LOOK,
        None if first is None else max(0, context.now_ms() - first),
        await _last(context, receiver.name),
    )


async def _last(context: Context, name: str) -> str:
    entries = await context.log.find(kinds=("notification.sent",), newest_first=True, limit=_RECORDS)
    mine = (e.record for e in entries if (e.record.labels or {}).get("receiver") == name)
    return next((record.ts for record in mine if (record.observation or {}).get("sent")), "")
