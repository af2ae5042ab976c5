"""The objects of a world, parsed once: reads fill it, writes stay in it until the commit.

An object that was given out is the cached one: who changes it in place puts it afterwards, in the same
transaction; what is not put must not be changed, for the next transaction has the same object. Parts may be shared
between objects (the containers of a workload's pods): they are replaced, never changed.
"""

import heapq
import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]


class Key(NamedTuple):
    """Where an object lives; `kind` in lower case, `namespace` empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str


_ONE = "SELECT body FROM objects WHERE kind = ? AND namespace = ? AND name = ?"
_KIND = "SELECT namespace, name, body FROM objects WHERE kind = ? AND (? IS NULL OR namespace = ?)"
_DUE = "SELECT due_ms, namespace, name, kind FROM objects WHERE due_ms IS NOT NULL"


class Objects:
    """Objects by kind; `touched` are the keys put or deleted since it was last emptied, `changes` counts
    puts and deletes of each kind, `written` is what it was at an object's last.

    `seen` is called with each object that is read from the file.
    """

    def __init__(self, db: sqlite3.Connection, seen: Callable[[Key, Json], None]) -> None:
        self._db, self._seen = db, seen
        self._kinds: dict[str, dict[Key, Json]] = {}
        self._sorted: dict[tuple[str, str | None], list[Key]] = {}
        self._absent: set[Key] = set()
        self._whole: set[tuple[str, str | None]] = set()
        self._dirty: set[Key] = set()
        self._timers: _Timers | None = None
        self.touched: set[Key] = set()
        self.changes: dict[str, int] = {}
        self.written: dict[Key, int] = {}

    def get(self, key: Key) -> Json | None:
        found = self._kinds.get(key.kind, {}).get(key)
        if found is not None or self._knows(key):
            return found
        row = self._db.execute(_ONE, key).fetchone()
        if row is None:
            self._absent.add(key)
            return None
        return self._took(key, row[0])

    def load(self, kind: str, namespace: str | None) -> None:
        """Read what is not here yet."""
        if (kind, None) in self._whole or (kind, namespace) in self._whole:
            return
        here = self._kinds.setdefault(kind, {})
        for at, name, body in self._db.execute(_KIND, (kind, namespace, namespace)):
            key = Key(kind, at, name)
            if key not in here and key not in self._absent:
                self._took(key, body)
        self._whole.add((kind, namespace))

    def all(self, kind: str, namespace: str | None) -> list[Json]:
        """What is here, in name order; `load` comes first."""
        here, wanted = self._kinds.get(kind, {}), (kind, namespace)
        if wanted not in self._sorted:
            self._sorted[wanted] = sorted(k for k in here if namespace in (None, k.namespace))
        return [here[key] for key in self._sorted[wanted]]

    def put(self, key: Key, body: Json, due_ms: int | None) -> None:
        here = self._kinds.setdefault(key.kind, {})
        if key not in here:
            self._reorder(key)
        here[key] = body
        self._absent.discard(key)
        self._wrote(key)
        self.timers.set(key, due_ms)

    def delete(self, key: Key) -> None:
        if self._kinds.get(key.kind, {}).pop(key, None) is not None:
            self._reorder(key)
        self._absent.add(key)
        self._wrote(key)
        self.timers.set(key, None)

    @property
    def timers(self) -> "_Timers":
        if self._timers is None:
            rows = self._db.execute(_DUE)
            self._timers = _Timers((due, at, name, kind) for due, at, name, kind in rows)
        return self._timers

    def flush(self) -> None:
        """Write down what changed; the caller commits."""
        if not self._dirty:
            return
        gone = sorted(key for key in self._dirty if key in self._absent)
        kept = sorted(self._dirty.difference(gone))
        self._db.executemany("DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?", gone)
        self._db.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", map(self._row, kept))
        self._absent.difference_update(gone)  # the file says so now
        self._dirty.clear()

    def _wrote(self, key: Key) -> None:
        self._dirty.add(key)
        self.touched.add(key)
        self.changes[key.kind] = self.written[key] = self.changes.get(key.kind, 0) + 1

    def _row(self, key: Key) -> tuple[str, str, str, int | None, str]:
        return (*key, self.timers.of(key), text(self._kinds[key.kind][key]))

    def _took(self, key: Key, body: str) -> Json:
        found = parsed(body)
        self._kinds.setdefault(key.kind, {})[key] = found
        self._reorder(key)
        self._seen(key, found)
        return found

    def _knows(self, key: Key) -> bool:
        whole = (key.kind, None) in self._whole or (key.kind, key.namespace) in self._whole
        return whole or key in self._absent

    def _reorder(self, key: Key) -> None:
        self._sorted.pop((key.kind, None), None)
        self._sorted.pop((key.kind, key.namespace), None)


class _Timers:
    """When each object changes by itself: a heap whose outdated entries are skipped."""

    def __init__(self, rows: Iterator[tuple[int, str, str, str]]) -> None:
        self._heap = list(rows)
        heapq.heapify(self._heap)
        self._due = {Key(kind, at, name): due for due, at, name, kind in self._heap}

    def of(self, key: Key) -> int | None:
        return self._due.get(key)

    def set(self, key: Key, due_ms: int | None) -> None:
        if due_ms is None:
            self._due.pop(key, None)
        elif self._due.get(key) != due_ms:
            self._due[key] = due_ms
            heapq.heappush(self._heap, (due_ms, key.namespace, key.name, key.kind))

    def next(self) -> int | None:
        while self._heap:
            due, at, name, kind = self._heap[0]
            if self._due.get(Key(kind, at, name)) == due:
                return due
            heapq.heappop(self._heap)
        return None

    def until(self, until_ms: int) -> list[Key]:
        """In the order of time, namespace and name; they stay due until they are set again."""
        found: dict[Key, tuple[int, str, str, str]] = {}
        while (due := self.next()) is not None and due <= until_ms:
            entry = heapq.heappop(self._heap)
            found[Key(entry[3], entry[1], entry[2])] = entry
        for entry in found.values():
            heapq.heappush(self._heap, entry)
        return list(found)


_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


def text(body: Json) -> str:
    """JSON as it is stored: the same object is the same text."""
    return _encode(body)


def parsed(stored: str) -> Json:
    value: Json = json.loads(stored)
    return value
