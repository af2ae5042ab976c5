"""The world on disk: objects as JSON in one SQLite file, shared by every process that opens it.

Each write is one BEGIN IMMEDIATE transaction, so that processes take turns and a killed one leaves nothing
half done. A connection belongs to the process that opened it: after a fork the child opens its own.
"""

import json
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

from sandbox.api import world_sql as sql
from sandbox.api.cache import Json, Key, Objects, parsed, text
from sandbox.api.errors import SandboxError, WorldDamaged, WorldUnavailable
from sandbox.api.indices import Indices

__all__ = ["FORMAT", "Json", "Key", "Queue", "Store", "Transaction"]

FORMAT = 1
"""Version of the file's tables; a file with another one is refused, never guessed at."""

_NAMES = ("meta", "objects", "requests", "faults", "held")
T = TypeVar("T")
Queue = Literal["requests", "faults", "held"]

# SQLite's result codes: https://sqlite.org/rescode.html
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_HINTS = {
    sqlite3.SQLITE_BUSY: "another process works in it: try again",
    sqlite3.SQLITE_FULL: "free space on its disk, then try again; the world is as it was",
    sqlite3.SQLITE_IOERR: "see whether its disk is full or broken, then try again",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable, or give another --state DIR",
    sqlite3.SQLITE_CANTOPEN: "make the file and its folder readable, or give another --state DIR",
}


class Transaction:
    """One consistent look at the world, or one all-or-nothing change of it.

    Objects and counters are parsed once and written when the transaction commits; what is given out is the
    cached object (see sandbox.api.cache). The next transaction of this store goes on with what is parsed, as long as
    nobody else has committed. `memo` holds what others derive from it, for one transaction.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.memo: dict[Any, Any] = {}
        self._derived: dict[str, tuple[int, Any]] = {}
        self._of_one: dict[tuple[str, Key], tuple[object, Any]] = {}
        self._meta: dict[str, str | int | None] = {}
        self._set: set[str] = set()
        self._pods = Indices()
        self._objects = Objects(db, self._pods.put)

    def begin(self) -> None:
        """Once more, on what is known."""
        self.memo = {}
        self._pods.stirred = True

    def meta(self, key: str) -> str | None:
        if key not in self._meta:
            row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            self._meta[key] = None if row is None else str(row[0])
        value = self._meta[key]
        return None if value is None else str(value)

    def number(self, key: str) -> int:
        """The integer at `key`, 0 where nothing is stored."""
        known = self._meta.get(key)
        return known if isinstance(known, int) else int(self.meta(key) or 0)

    def set_meta(self, key: str, value: str | int) -> None:
        self._meta[key] = value
        self._set.add(key)

    def count(self, key: str) -> int:
        """Step the counter at `key` and return it (1 at first)."""
        value = self.number(key) + 1
        self.set_meta(key, value)
        return value

    def get(self, key: Key) -> Json | None:
        return self._objects.get(key)

    def all(self, kind: str, namespace: str | None = None) -> list[Json]:
        """All objects of a kind in name order; `namespace` None means every namespace."""
        self._objects.load(kind, namespace)
        return self._objects.all(kind, namespace)

    def put(self, key: Key, body: Json, due_ms: int | None = None) -> None:
        """Store an object; `due_ms` is the world time at which it changes by itself."""
        self._objects.put(key, body, due_ms)
        self._pods.put(key, body)

    def delete(self, key: Key) -> None:
        self._objects.delete(key)
        self._pods.drop(key)

    def drain_touched(self) -> set[Key]:
        """The keys of the objects that were put or deleted since the last drain."""
        touched, self._objects.touched = self._objects.touched, set()
        return touched

    def changes(self, kind: str) -> int:
        """How often objects of that kind were put or deleted: what was derived from them holds until it moves."""
        return self._objects.changes.get(kind, 0)

    def derived(self, name: str, kind: str, make: Callable[[list[Json]], T]) -> T:
        """What `make` makes of all objects of a kind, under a name of its own, once for as long as none of them is
        put or deleted."""
        changes, found = self.changes(kind), self._derived.get(name)
        if found is None or found[0] != changes:
            found = self._derived[name] = (changes, make(self.all(kind)))
        made: T = found[1]
        return made

    def derived_of(self, name: str, key: Key, make: Callable[[], T], beside: Hashable = None) -> T:
        """What `make` makes of one object, under a name of its own, once for as long as that is neither put nor
        deleted and `beside`, which stands for whatever else it follows from, is equal."""
        now, found = (self._objects.written.get(key, 0), beside), self._of_one.get((name, key))
        if found is None or found[0] != now:
            found = self._of_one[name, key] = (now, make())
        made: T = found[1]
        return made

    def pods_of(self, workload: Key) -> list[Json]:
        """A workload's own pods, in name order."""
        self._objects.load("pod", workload.namespace)
        found = self._pods.by_workload.get(workload, {})
        return [found[name] for name in sorted(found)]

    @property
    def pods(self) -> Indices:
        """Every pod of the cluster, by node and by workload."""
        self._objects.load("pod", None)
        return self._pods

    def due_of(self, key: Key) -> int | None:
        """When that object changes by itself."""
        return self._objects.timers.of(key)

    def next_due(self) -> int | None:
        """When the next object changes by itself, in world milliseconds."""
        return self._objects.timers.next()

    def due(self, until_ms: int) -> list[Json]:
        """The objects that change by themselves at or before that time."""
        found = (self._objects.get(key) for key in self._objects.timers.until(until_ms))
        return [one for one in found if one is not None]

    def push(self, queue: Queue, body: Json) -> int:
        """Append to one of the queues; returns the row's number."""
        cursor = self.db.execute(f"INSERT INTO {queue} (body) VALUES (?)", (text(body),))  # noqa: S608
        return int(cursor.lastrowid or 0)

    def queue(self, queue: Queue) -> list[tuple[int, Json]]:
        rows = self.db.execute(f"SELECT seq, body FROM {queue} ORDER BY seq")  # noqa: S608
        return [(int(seq), parsed(body)) for seq, body in rows]

    def replace(self, queue: Queue, seq: int, body: Json | None) -> None:
        """Change a queued row, or drop it (None)."""
        if body is None:
            self.db.execute(f"DELETE FROM {queue} WHERE seq = ?", (seq,))  # noqa: S608
        else:
            self.db.execute(f"UPDATE {queue} SET body = ? WHERE seq = ?", (text(body), seq))  # noqa: S608

    def clear(self) -> None:
        """Empty the world; the file and its format stay."""
        for name in _NAMES:
            self.db.execute(f"DELETE FROM {name}")  # noqa: S608
        self.memo, self._derived, self._of_one, self._meta, self._set = {}, {}, {}, {}, set()
        self._pods = Indices()
        self._objects = Objects(self.db, self._pods.put)

    def flush(self) -> None:
        """Write down what changed; the store commits it. A look writes nothing."""
        if self._set:
            rows = ((key, str(self._meta[key])) for key in sorted(self._set))
            self.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
            self._set.clear()
        self._objects.flush()


class Store:
    """The file, for its user alone (0600). What one transaction has parsed the next one has, until an error or
    another process's commit: then it is read again.

    Raises WorldUnavailable where the file cannot be used, WorldDamaged where it is no world, SandboxError where it is
    of another format."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pid = 0
        self._lock = threading.RLock()
        self._inherited: list[sqlite3.Connection] = []
        self._db: sqlite3.Connection | None = None
        self._kept: Transaction | None = None
        self._version = 0

    def _connection(self) -> sqlite3.Connection:
        if self._db is None or self._pid != os.getpid():
            # Closing a connection that came through a fork would drop locks of the parent: keep it, unused.
            if self._db is not None:
                self._inherited.append(self._db)
            self._db, self._pid, self._kept = _connect(self.path), os.getpid(), None
        return self._db

    def number(self, key: str) -> int:
        """The integer at `key` (see Transaction.number), without a transaction of its own where nobody else has
        committed: a clock is asked many times a second of the world."""
        with self._lock:
            db, kept = self._connection(), self._kept
            if kept is not None and _version_of(db) == self._version:
                return kept.number(key)
        with self.read() as txn:
            return txn.number(key)

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
                txn = self._current(db)
                yield txn
                txn.flush()
                db.execute("COMMIT")
            except BaseException as e:
                self._kept = None  # it may hold what was never committed
                if db.in_transaction:  # SQLite itself has rolled back what a full disk cut off
                    db.execute("ROLLBACK")
                if isinstance(e, sqlite3.Error):
                    raise _explained(e, self.path) from e
                if isinstance(e, json.JSONDecodeError):
                    raise _damaged(str(e), self.path) from e
                raise

    def _current(self, db: sqlite3.Connection) -> Transaction:
        """SQLite's data_version moves with the commits of other connections, and with theirs only; asking for it
        begins the snapshot that the transaction reads."""
        version = _version_of(db)
        if self._kept is None or self._version != version:
            self._kept, self._version = Transaction(db), version
        self._kept.begin()
        return self._kept

    def close(self) -> None:
        if self._db is not None and self._pid == os.getpid():
            self._db.close()
        self._db = self._kept = None


def _version_of(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA data_version").fetchone()[0])


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _private(path)
        db = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
        _prepare(db, path)
    except sqlite3.Error as e:
        raise _explained(e, path) from e
    except OSError as e:
        hint = "make it readable and writable, free its disk, or give another --state DIR"
        raise WorldUnavailable(
            f"the sandbox world cannot be opened: {e.strerror}", where=str(path), hint=hint
        ) from e
    return db


def _private(path: Path) -> None:
    """Its user's alone; SQLite gives -wal and -shm the same mode. A file that is there is not opened here: closing
    it would drop the locks that this process holds on it."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) and stat.S_IMODE(mode) != 0o600:
        path.chmod(0o600)


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
            hint="move the file away, then: flyball sandbox reset",
        )
    for statement in sql.TABLES:
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {FORMAT}")


def _explained(error: sqlite3.Error, path: Path) -> WorldUnavailable:
    """The error as ours: damaged, or away for now."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _DAMAGED or "no such table" in str(error):
        return _damaged(str(error), path)
    what = {sqlite3.SQLITE_FULL: "its disk is full", sqlite3.SQLITE_BUSY: "it is busy"}.get(code, str(error))
    hint = _HINTS.get(code, "see what is wrong with the file, then try again")
    return WorldUnavailable(f"the sandbox world cannot be used: {what}", where=str(path), hint=hint)


def _damaged(why: str, path: Path) -> WorldDamaged:
    """The file cannot be read as a world."""
    hint = "flyball sandbox reset moves it aside and begins a new world; the log stays as it is"
    return WorldDamaged(f"the sandbox world's file is damaged: {why}", where=str(path), hint=hint)
