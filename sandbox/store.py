"""The world on disk: objects as JSON in one SQLite file, shared by every process that opens it.

Each write is one BEGIN IMMEDIATE transaction, so that processes take turns and a killed one leaves nothing
half done. A connection belongs to the process that opened it: after a fork the child opens its own.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sandbox.errors import SandboxError

Json = dict[str, Any]
FORMAT = 1
"""Version of the file's tables; a file with another one is refused, never guessed at."""

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
  kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  due_ms INTEGER, body TEXT NOT NULL, PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS due ON objects (due_ms) WHERE due_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS requests (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS faults (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS held (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
"""
_NAMES = ("meta", "objects", "requests", "faults", "held")
Queue = Literal["requests", "faults", "held"]


class Key(NamedTuple):
    """Where an object lives; `kind` in lower case, `namespace` empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """One consistent look at the world, or one all-or-nothing change of it."""

    db: sqlite3.Connection

    def meta(self, key: str) -> str | None:
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def number(self, key: str) -> int:
        """The integer at `key`, 0 where nothing is stored."""
        return int(self.meta(key) or 0)

    def set_meta(self, key: str, value: str | int) -> None:
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, str(value)))

    def count(self, key: str) -> int:
        """Step the counter at `key` and return it (1 at first)."""
        value = self.number(key) + 1
        self.set_meta(key, value)
        return value

    def get(self, key: Key) -> Json | None:
        row = self.db.execute(
            "SELECT body FROM objects WHERE kind = ? AND namespace = ? AND name = ?", key
        ).fetchone()
        return None if row is None else _object(row[0])

    def all(self, kind: str, namespace: str | None = None) -> list[Json]:
        """All objects of a kind in name order; `namespace` None means every namespace."""
        rows = self.db.execute(
            "SELECT body FROM objects WHERE kind = ? AND (? IS NULL OR namespace = ?)"
            " ORDER BY namespace, name",
            (kind, namespace, namespace),
        )
        return [_object(row[0]) for row in rows]

    def put(self, key: Key, body: Json, due_ms: int | None = None) -> None:
        """Store an object; `due_ms` is the world time at which it changes by itself."""
        self.db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", (*key, due_ms, _text(body)))

    def delete(self, key: Key) -> None:
        self.db.execute("DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?", key)

    def next_due(self) -> int | None:
        """When the next object changes by itself, in world milliseconds."""
        due: int | None = self.db.execute("SELECT min(due_ms) FROM objects").fetchone()[0]
        return due

    def due(self, until_ms: int) -> list[Json]:
        """The objects that change by themselves at or before that time."""
        rows = self.db.execute(
            "SELECT body FROM objects WHERE due_ms <= ? ORDER BY due_ms, namespace, name", (until_ms,)
        )
        return [_object(row[0]) for row in rows]

    def push(self, queue: Queue, body: Json) -> int:
        """Append to one of the queues; returns the row's number."""
        cursor = self.db.execute(f"INSERT INTO {queue} (body) VALUES (?)", (_text(body),))  # noqa: S608
        return int(cursor.lastrowid or 0)

    def queue(self, queue: Queue) -> list[tuple[int, Json]]:
        rows = self.db.execute(f"SELECT seq, body FROM {queue} ORDER BY seq")  # noqa: S608
        return [(int(seq), _object(body)) for seq, body in rows]

    def replace(self, queue: Queue, seq: int, body: Json | None) -> None:
        """Change a queued row, or drop it (None)."""
        if body is None:
            self.db.execute(f"DELETE FROM {queue} WHERE seq = ?", (seq,))  # noqa: S608
        else:
            self.db.execute(f"UPDATE {queue} SET body = ? WHERE seq = ?", (_text(body), seq))  # noqa: S608

    def clear(self) -> None:
        """Empty the world; the file and its format stay."""
        for name in _NAMES:
            self.db.execute(f"DELETE FROM {name}")  # noqa: S608


class Store:
    """The file. Raises SandboxError where it cannot be opened or is of another format."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pid = 0
        self._lock = threading.RLock()
        self._inherited: list[sqlite3.Connection] = []
        self._db: sqlite3.Connection | None = None

    def _connection(self) -> sqlite3.Connection:
        if self._db is None or self._pid != os.getpid():
            # Closing a connection that came through a fork would drop locks of the parent: keep it, unused.
            if self._db is not None:
                self._inherited.append(self._db)
            self._db, self._pid = _connect(self.path), os.getpid()
        return self._db

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent look; nothing may be changed in it."""
        yield from self._transaction("BEGIN")

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One all-or-nothing change; an exception rolls it back."""
        yield from self._transaction("BEGIN IMMEDIATE")

    def _transaction(self, begin: str) -> Iterator[Transaction]:
        with self._lock:
            db = self._connection()
            try:
                db.execute(begin)
            except sqlite3.OperationalError as e:
                raise SandboxError(f"the sandbox world is busy: {e}", where=str(self.path)) from e
            try:
                yield Transaction(db)
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def close(self) -> None:
        if self._db is not None and self._pid == os.getpid():
            self._db.close()
        self._db = None


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        db = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
        _prepare(db, path)
    except (OSError, sqlite3.Error) as e:
        raise SandboxError(f"the sandbox world cannot be opened: {e}", where=str(path)) from e
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    # NORMAL: a simulated world may lose its newest moment in a power cut; a killed process loses nothing.
    db.execute("PRAGMA synchronous = NORMAL")
    found = db.execute("PRAGMA user_version").fetchone()[0]
    if found == FORMAT:
        return
    if found != 0:
        raise SandboxError(
            f"the sandbox world has format {found}, this version reads {FORMAT}",
            where=str(path),
            mend="move the file away, then: flyball sandbox reset",
        )
    for statement in _TABLES.split(";"):
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {FORMAT}")


def _text(body: Json) -> str:
    return json.dumps(body, separators=(",", ":"), sort_keys=True)


def _object(text: str) -> Json:
    value: Json = json.loads(text)
    return value
