"""The log's tables and the triggers that keep them append-only, whoever holds the connection.

UPDATE and DELETE triggers alone are not enough: `INSERT OR REPLACE` rewrites a row without them. So every
table also has a BEFORE INSERT trigger that lets a row in only at its end.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

VERSION = 2
"""PRAGMA user_version of what this code writes. It grows with every change that older code could not read.

1: Flyball 0.1. 2: records of version 2 (audit.claims names three claims otherwise); the tables are the same."""

APPLICATION_ID = 0x464C5942
"""PRAGMA application_id ("FLYB"): a database of somebody else is refused, not extended."""

metadata = MetaData()
_Seq = BigInteger().with_variant(Integer, "sqlite")

entry = Table(
    "audit_entry",
    metadata,
    Column("seq", _Seq, primary_key=True, autoincrement=False),
    Column("record_id", Text, nullable=False, unique=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("run_id", Text),
    Column("actor_id", Text, nullable=False),
    Column("request_id", Text),
    Column("request_digest", Text),
    Column("resource_key", Text),
    Column("verdict", Text),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("audit_entry_kind", entry.c.kind)
for _name in ("run_id", "request_id", "request_digest", "resource_key"):
    Index(f"audit_entry_{_name}", entry.c[_name], sqlite_where=entry.c[_name].is_not(None))

tile = Table(
    "audit_tile",
    metadata,
    Column("level", Integer, primary_key=True),
    Column("idx", BigInteger, primary_key=True),
    Column("root", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("size", _Seq, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
)
claim = Table(
    "audit_claim",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The only table whose rows change. Every taken claim stands in a record too, and `verify` replays them."""

APPEND_ONLY = (entry.name, tile.name, checkpoint.name)

_AT_THE_END = {
    entry.name: """NEW.seq IS NOT (SELECT coalesce(max(seq) + 1, 0) FROM audit_entry)
        OR EXISTS (SELECT 1 FROM audit_entry WHERE record_id = NEW.record_id)""",
    tile.name: """NEW.idx IS NOT
        (SELECT coalesce(max(idx) + 1, 0) FROM audit_tile WHERE level = NEW.level)""",
    checkpoint.name: """NEW.size <= (SELECT coalesce(max(size), 0) FROM audit_checkpoint)
        OR NEW.size IS NOT (SELECT max(seq) + 1 FROM audit_entry)""",
}


def statements() -> list[str]:
    """The SQL that makes an empty database a log of VERSION."""
    dialect = sqlite.dialect()
    tables = [str(CreateTable(t).compile(dialect=dialect)) for t in metadata.sorted_tables]
    indexes = [
        str(CreateIndex(index).compile(dialect=dialect))
        for table in metadata.sorted_tables
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    ]
    marks = [f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {VERSION}"]
    return tables + indexes + list(triggers().values()) + marks


def upgrade(version: int) -> list[str]:
    """The SQL that makes an older log one of VERSION; nothing that is stored changes."""
    return [f"PRAGMA user_version = {VERSION}"] if version < VERSION else []


def triggers() -> dict[str, str]:
    """The triggers by name."""
    return {name: sql for table in APPEND_ONLY for name, sql in _triggers(table)}


def _triggers(table: str) -> list[tuple[str, str]]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    when = {
        f"{table}_no_update": f"BEFORE UPDATE ON {table}",
        f"{table}_no_delete": f"BEFORE DELETE ON {table}",
        f"{table}_at_the_end": f"BEFORE INSERT ON {table} WHEN {_AT_THE_END[table]}",
    }
    return [(name, f"CREATE TRIGGER {name} {event} {refuse}") for name, event in when.items()]
