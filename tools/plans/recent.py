"""Questions and plans that may still be open: the newest records, back to where nothing older can be.

Neither outlives a day of the world's time (planned.LIFE_MS; a quorum's `expires` is at most 24 h), and the world's
time of one cluster does not go back. The log holds years.
"""

from audit.log import Entry
from audit.record import Kind, Record
from tools.cluster.objects import unix_ms
from tools.path.context import Context
from tools.plans.plan import LIFE_MS

SLACK_MS = 3_600_000
"""A wall clock that was set back by no more than this hides nothing."""
FIRST = 64
"""Records that are looked at first; then four times as many, until one is too old."""


async def not_older(context: Context, kind: Kind) -> list[Entry]:
    """Records of this kind, oldest first: all of this cluster's that can still be open, and what lies between.
    Raises LogUnavailable."""
    limit = FIRST
    while True:
        found = await context.log.find(kinds=(kind,), newest_first=True, limit=limit)
        for number, entry in enumerate(found):
            if _over(context, entry.record):
                return found[:number][::-1]
        if len(found) < limit:
            return found[::-1]
        limit *= 4


def _over(context: Context, record: Record) -> bool:
    """Whether it, and so whatever came before it, has expired. Another cluster's time says nothing about ours."""
    resource, args = record.resource, record.args or {}
    uid = resource.cluster_uid if resource is not None else args.get("cluster_uid")
    at_ms = unix_ms(record.world_ts or record.ts)
    return uid == context.cluster.uid and at_ms + LIFE_MS + SLACK_MS <= context.now_ms()
