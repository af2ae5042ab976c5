"""The log's statements, as the models say them. `sql.py` is compiled from these; nothing hot imports them.

Executing them through SQLAlchemy costs several times the CPU of the insert itself (measured), so the store hands
their text to the driver's own cursor.
"""

from sqlalchemy import BindParameter, Insert, bindparam, func, literal_column
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.elements import ClauseElement
from sqlmodel import col, select

from audit.store.models import AuditCheckpoint, AuditClaim, AuditEntry, AuditTable, AuditTile

METADATA = AuditTable.metadata

_seq, _kind = col(AuditEntry.seq), col(AuditEntry.kind)
_level, _idx = col(AuditTile.level), col(AuditTile.idx)
_size, _key = col(AuditCheckpoint.size), col(AuditClaim.key)
_start: BindParameter[int | str] = bindparam("start")
_stop: BindParameter[int | str] = bindparam("stop")
_entry = select(AuditEntry.seq, AuditEntry.body, AuditEntry.leaf_hash)
_value = select(AuditClaim.key, AuditClaim.value)
_given = col(AuditClaim.value) != literal_column("0")


def _put() -> Insert:
    put = insert(AuditClaim)
    return put.on_conflict_do_update(index_elements=[_key], set_={"value": put.excluded.value})


APPEND: dict[str, ClauseElement] = {
    "INSERT_ENTRY": insert(AuditEntry),
    "INSERT_TILE": insert(AuditTile),
    "INSERT_CHECKPOINT": insert(AuditCheckpoint),
    "CLAIM": select(AuditClaim.value).where(_key == bindparam("key")),
    "PUT_CLAIM": _put(),
}
"""The append transaction, and the head it starts from."""

HEAD: dict[str, ClauseElement] = {
    "LAST_SEQ": select(func.max(_seq)),
    "NEWEST_CHECKPOINT": select(AuditCheckpoint.size, AuditCheckpoint.root, AuditCheckpoint.note).where(
        _size == select(func.max(_size)).scalar_subquery()
    ),
    "BODY": select(AuditEntry.body).where(_seq == bindparam("seq")),
    "LEAVES": select(AuditEntry.leaf_hash).where(_seq >= _start, _seq < _stop).order_by(_seq),
    "TILE_ROOTS": select(AuditTile.root)
    .where(_level == bindparam("level"), _idx >= _start, _idx < _stop)
    .order_by(_idx),
}

POINTS: dict[str, ClauseElement] = {
    "ENTRY_BY_SEQ": _entry.where(_seq == bindparam("seq")),
    "ENTRY_BY_ID": _entry.where(col(AuditEntry.record_id) == bindparam("id")),
    "ENTRIES_BY_REQUEST": _entry.where(col(AuditEntry.request_id) == bindparam("request")).order_by(_seq),
    "CLAIMS": _value.where(_key.in_([bindparam("first")])),
    "CLAIMS_BETWEEN": _value.where(_key >= _start, _key < _stop, _given).order_by(_key),
    "ROOT_AT": select(AuditCheckpoint.root).where(_size == bindparam("size")),
    "FIRST_NOTE_OVER": select(AuditCheckpoint.note).where(
        _size == select(func.min(_size)).where(_size > bindparam("seq")).scalar_subquery()
    ),
    "TILE": select(AuditTile.data, AuditTile.root).where(
        _level == bindparam("level"), _idx == bindparam("idx")
    ),
}

FIND: dict[str, ClauseElement] = {
    "FIND": _entry.where(_seq >= bindparam("since")),
    "FIND_KINDS": _kind.in_([bindparam("first")]),
    "FIND_RESOURCE": col(AuditEntry.resource_key) == bindparam("resource"),
    "FIND_RUN": col(AuditEntry.run_id) == bindparam("run"),
    "FIND_DIGEST": (col(AuditEntry.request_digest) >= _start) & (col(AuditEntry.request_digest) < _stop),
    "FIND_OLDEST": _seq.asc(),
    "FIND_NEWEST": _seq.desc(),
}
"""Parts of one question; `questions.py` puts them together."""

SCAN: dict[str, ClauseElement] = {
    "SCAN_ENTRIES": METADATA.tables["audit_entry"].select().order_by(_seq),
    "SCAN_CHECKPOINTS": METADATA.tables["audit_checkpoint"].select().order_by(_size),
    "SCAN_CLAIMS": _value.order_by(_key),
    "SCAN_TILES": select(_level, func.count(), func.max(_idx)).group_by(_level),
    "KNOWN": select(AuditEntry.seq, AuditEntry.kind, AuditEntry.verdict, AuditEntry.leaf_hash).where(
        col(AuditEntry.record_id) == bindparam("id")
    ),
}
"""What verification reads."""

STATEMENTS = APPEND | HEAD | POINTS | FIND | SCAN
