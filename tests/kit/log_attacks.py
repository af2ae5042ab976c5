"""What somebody with a database shell, and no key, does to a log beside editing its rows."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from audit.tree import leaf_hash


def hide_from_index(path: Path, index: str, left: str) -> None:
    """Leave only rows for which `left` holds in an index; the table, and every declaration, are as before."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (text,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
    joined = "AND" if " WHERE " in text else "WHERE"
    declare(path, index, f"{text} {joined} {left}")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"REINDEX {index}")
    declare(path, index, text)


def declare(path: Path, name: str, text: str) -> None:
    """Write another text into the schema; what is stored stays."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (text, name))
        (cookie,) = connection.execute("PRAGMA schema_version").fetchone()
        connection.execute(f"PRAGMA schema_version = {cookie + 1}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def execute(path: Path, *statements: str) -> None:
    """Statements of a plain connection, each a transaction; the write-ahead log is folded at the end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def edit(path: Path, kind: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the newest record of a kind, its hash with it; each trigger is put back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        asked = "SELECT seq, body FROM audit_entry WHERE kind = ? ORDER BY seq DESC LIMIT 1"
        seq, body = connection.execute(asked, (kind,)).fetchone()
        change(document := json.loads(body))
        body = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        stored = (body, leaf_hash(body), seq)
        connection.execute("UPDATE audit_entry SET body = ?, leaf_hash = ? WHERE seq = ?", stored)
        for _, text in triggers:
            connection.execute(text)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def put_in(path: Path, like: str, change: Callable[[dict[str, Any]], object]) -> None:
    """A record of one's own behind the last, made from the newest of a kind; nothing that is declared hinders it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        asked = "SELECT body, request_id FROM audit_entry WHERE kind = ? ORDER BY seq DESC LIMIT 1"
        body, request_id = connection.execute(asked, (like,)).fetchone()
        change(record := json.loads(body))
        body = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
        row = (record["id"], record["kind"], request_id, leaf_hash(body), body)
        connection.execute(
            "INSERT INTO audit_entry (seq, record_id, ts_ns, kind, actor_id, request_id, leaf_hash, body)"
            " SELECT max(seq) + 1, ?, max(ts_ns), ?, 'human:boss', ?, ?, ? FROM audit_entry",
            row,
        )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
