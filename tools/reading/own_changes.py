"""What the log holds of our own changes to one workload, as entries of the timeline of tools.diagnosis.timeline."""

from collections.abc import Iterable, Sequence

from audit.log import Entry, Log
from audit.record import Kind, Record
from policies.types import Target
from tools.cluster.objects import unix_ms
from tools.cluster_types import Change
from tools.errors import ToolError
from tools.path.journal import parent_of
from tools.path.rollback import inverse
from tools.path.standing import CHANGED, ENDS

_LIMIT = 1000
"""Of records of one workload that are looked at, the newest."""


async def own_changes(log: Log, target: Target) -> list[Change]:
    """Our live changes of `target`, oldest first, with how each ended, and how the cluster carried it out
    where that was waited for. What was asked for and was so already has changed nothing, and is none of them."""
    kinds: tuple[Kind, ...] = ("action.intent", *ENDS, "action.settled")
    entries = await log.find(kinds=kinds, resource_key=target.key, newest_first=True, limit=_LIMIT)
    return list(_told(entries[::-1]))


def _told(entries: Sequence[Entry]) -> Iterable[Change]:
    ended = {parent_of(e.record, "intent"): e.record for e in entries if e.record.kind in ENDS}
    settled = {parent_of(e.record, "intent"): e.record for e in entries if e.record.kind == "action.settled"}
    states = {intent: (record.labels or {}).get("state", "") for intent, record in settled.items()}
    live = [e for e in entries if e.record.kind == "action.intent" and e.record.mode == "live"]
    undone = {parent_of(e.record, "undoes") for e in live if _status(ended.get(e.record.id)) in CHANGED}
    for entry in live:
        record = entry.record
        end = ended.get(record.id)
        status = _status(end)
        if status == "conflict":  # decided again under an intent of its own
            continue
        if end is not None and _changed_nothing(record, end):
            continue
        labels = record.labels or {}
        again = parent_of(record, "undoes") is not None
        yield Change(
            at_ms=unix_ms(record.world_ts or record.ts),
            source="log",
            who=_who(record),
            what=f"{labels.get('tool', '')} {labels.get('diff', '')}{' (undo)' if again else ''}".strip(),
            about=f"{record.resource.kind}/{record.resource.name}" if record.resource else "",
            ours=True,
            status=status,
            record=entry.seq,
            undo=status in CHANGED and record.id not in undone and not again and _invertible(record),
            intent=record.id,
            settled=states.get(record.id, ""),
        )


def _changed_nothing(intent: Record, end: Record) -> bool:
    """Logs from before the status `unchanged` tell it by the fields alone."""
    status = _status(end)
    return status == "unchanged" or (status == "applied" and end.after == (intent.before or {}).get("fields"))


def _status(end: Record | None) -> str:
    return end.outcome.status if end is not None and end.outcome is not None else "in_doubt"


def _who(record: Record) -> str:
    actor = record.actor
    return f"{actor.id} for {actor.on_behalf_of}" if actor.on_behalf_of else actor.id


def _invertible(record: Record) -> bool:
    """Whether its pre-image can be asked for at all: a restart has none."""
    try:
        inverse(record)
    except ToolError:
        return False
    return True
