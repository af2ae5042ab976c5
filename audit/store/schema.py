"""The log's tables and the triggers that keep them append-only on every connection.

UPDATE and DELETE triggers alone are not enough: `INSERT OR REPLACE` rewrites a row without them. So every
table also has a BEFORE INSERT trigger that lets a row in only at its end.
"""

from audit.store import sql

VERSION = 2
"""PRAGMA user_version of what this code writes. It grows with every change that older code could not read, and each
number has its migration in `migrations/`.

1: Flyball 0.1. 2: records of version 2 (audit.claims names three claims otherwise); the tables are the same."""

APPLICATION_ID = 0x464C5942
"""PRAGMA application_id ("FLYB"): a database of somebody else is refused, not extended."""

ENTRY, TILE, CHECKPOINT, CLAIM = "audit_entry", "audit_tile", "audit_checkpoint", "audit_claim"
APPEND_ONLY = (ENTRY, TILE, CHECKPOINT)
TABLES = (*APPEND_ONLY, CLAIM)

_AT_THE_END = {
    ENTRY: """NEW.seq IS NOT (SELECT coalesce(max(seq) + 1, 0) FROM audit_entry)
        OR EXISTS (SELECT 1 FROM audit_entry WHERE record_id = NEW.record_id)""",
    TILE: """NEW.idx IS NOT
        (SELECT coalesce(max(idx) + 1, 0) FROM audit_tile WHERE level = NEW.level)""",
    CHECKPOINT: """NEW.size <= (SELECT coalesce(max(size), 0) FROM audit_checkpoint)
        OR NEW.size IS NOT (SELECT max(seq) + 1 FROM audit_entry)""",
}


def statements() -> list[str]:
    """The SQL that makes an empty database a log of VERSION."""
    marks = [f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {VERSION}"]
    return [*sql.TABLES, *triggers().values(), *marks]


def triggers() -> dict[str, str]:
    """The triggers by name."""
    return {name: text for table in APPEND_ONLY for name, text in _triggers(table)}


def _triggers(table: str) -> list[tuple[str, str]]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    when = {
        f"{table}_no_update": f"BEFORE UPDATE ON {table}",
        f"{table}_no_delete": f"BEFORE DELETE ON {table}",
        f"{table}_at_the_end": f"BEFORE INSERT ON {table} WHEN {_AT_THE_END[table]}",
    }
    return [(name, f"CREATE TRIGGER {name} {event} {refuse}") for name, event in when.items()]
