"""What a receiver has still to be told: the watched records from a place in the log on, in order."""

from collections.abc import Sequence
from dataclasses import dataclass

from audit.record import Record
from flyball.notify.message import Message, at_ms, message_of
from flyball.notify.topics import WATCHED, Topic
from policies.claim_keys import ENDED
from tools.path.context import Context

DOUBT_MS = 60_000
"""A write without an end for that long is told of; until then nothing behind it is, so that the order is kept."""
LOOK = 500
"""Records that are looked at in one pass."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The messages, and the record from which to look on once they are told."""

    messages: tuple[Message, ...]
    to: int


async def backlog(context: Context, at: int, topics: frozenset[Topic], most: int) -> Backlog:
    """At most `most` messages of these topics, from record `at` on. Of other clusters that share the log nothing is
    told: their own services do that."""
    entries = await context.log.find(kinds=WATCHED, since_seq=at, limit=LOOK)
    live = [e.record.id for e in entries if e.record.kind == "action.intent" and e.record.mode == "live"]
    ended = await context.log.values([ENDED.of(id) for id in live]) if live else {}
    unended = {id for id in live if not ended[ENDED.of(id)]}
    found, now = list[Message](), context.now_ms()
    for entry in entries:
        if not _here(entry.record, context.cluster.name):
            continue
        if entry.record.kind == "action.intent":
            if entry.record.id not in unended:
                continue
            if now - at_ms(entry.record) < DOUBT_MS:
                return Backlog(tuple(found), entry.seq)
        message = message_of(entry.record, entry.seq, context.cluster.name)
        if message is not None and message.topic in topics:
            found.append(message)
        if len(found) == most:
            return Backlog(tuple(found), entry.seq + 1)
    return Backlog(tuple(found), _behind(at, [e.seq for e in entries]))


def _behind(at: int, seqs: Sequence[int]) -> int:
    return seqs[-1] + 1 if seqs else at


def _here(record: Record, cluster: str) -> bool:
    named = record.resource.cluster if record.resource else (record.labels or {}).get("cluster")
    return named in (None, cluster)
