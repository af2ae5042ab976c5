"""Reading the log: by number, id, request, or any of the indexed columns."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from sqlalchemy import Select, create_engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from audit.canonical import decode
from audit.errors import LogTampered
from audit.record import Record
from audit.store import schema
from audit.store.sqlite import connect_reading, unavailable
from audit.tree import leaf_hash

_ENTRY = select(schema.entry.c.seq, schema.entry.c.body, schema.entry.c.leaf_hash)


class Entry(NamedTuple):
    """A stored record. `seq` is its index in the tree: the first record of a log is 0."""

    seq: int
    record: Record
    leaf_hash: bytes


class Reader:
    """Reads one file over one connection; every answer is a committed state. One thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection = connect_reading(path)
        self._engine = create_engine("sqlite://", creator=lambda: self._connection, poolclass=StaticPool)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()
        self._connection.close()

    def entries(self, query: Select[Any]) -> list[Entry]:
        return [as_entry(*row) for row in self._rows(query)]

    def by_seq(self, seq: int) -> Entry | None:
        return _first(self.entries(_ENTRY.where(schema.entry.c.seq == seq)))

    def by_id(self, record_id: str) -> Entry | None:
        return _first(self.entries(_ENTRY.where(schema.entry.c.record_id == record_id)))

    def body(self, seq: int) -> bytes | None:
        """The exact bytes of the leaf, whatever they are."""
        rows = self._rows(select(schema.entry.c.body).where(schema.entry.c.seq == seq))
        return _bytes(seq, rows[0][0]) if rows else None

    def by_request(self, request_id: str) -> list[Entry]:
        query = _ENTRY.where(schema.entry.c.request_id == request_id)
        return self.entries(query.order_by(schema.entry.c.seq))

    def find(
        self,
        *,
        kinds: Sequence[str] = (),
        resource_key: str | None = None,
        run_id: str | None = None,
        request_digest_prefix: str | None = None,
        since_seq: int = 0,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[Entry]:
        """The records for which all that is given holds, from `since_seq` on, in order of the log."""
        column = schema.entry.c
        query = _ENTRY.where(column.seq >= since_seq)
        if kinds:
            query = query.where(column.kind.in_(kinds))
        if resource_key is not None:
            query = query.where(column.resource_key == resource_key)
        if run_id is not None:
            query = query.where(column.run_id == run_id)
        if request_digest_prefix is not None:
            low, high = _range(request_digest_prefix)
            query = query.where(column.request_digest >= low, column.request_digest < high)
        query = query.order_by(column.seq.desc() if newest_first else column.seq)
        return self.entries(query.limit(limit) if limit is not None else query)

    def values(self, keys: Sequence[str]) -> dict[str, int]:
        """The integer at each key; 0 where none is stored."""
        query = select(schema.claim.c.key, schema.claim.c.value).where(schema.claim.c.key.in_(keys))
        return dict.fromkeys(keys, 0) | dict(self._rows(query))

    def prefixed(self, prefix: str) -> dict[str, int]:
        """The integers at all keys that begin with `prefix`."""
        low, high = _range(prefix)
        query = select(schema.claim.c.key, schema.claim.c.value).order_by(schema.claim.c.key)
        return dict(self._rows(query.where(schema.claim.c.key >= low, schema.claim.c.key < high)))

    def size(self) -> int:
        """How many records the newest checkpoint covers."""
        query = select(schema.checkpoint.c.size).order_by(schema.checkpoint.c.size.desc()).limit(1)
        rows = self._rows(query)
        return int(rows[0][0]) if rows else 0

    def newest_note(self) -> str | None:
        """The newest signed checkpoint; None in an empty log."""
        query = select(schema.checkpoint.c.note).order_by(schema.checkpoint.c.size.desc()).limit(1)
        rows = self._rows(query)
        return str(rows[0][0]) if rows else None

    def root_at(self, size: int) -> bytes | None:
        """The root that was signed at `size`; None where no commit ended there."""
        rows = self._rows(select(schema.checkpoint.c.root).where(schema.checkpoint.c.size == size))
        return bytes(rows[0][0]) if rows else None

    def leaf_hashes(self, start: int, stop: int) -> list[bytes]:
        column = schema.entry.c
        query = select(column.leaf_hash).where(column.seq >= start, column.seq < stop).order_by(column.seq)
        return [bytes(row[0]) for row in self._rows(query)]

    def tile_roots(self, level: int, start: int, stop: int) -> list[bytes]:
        """The roots of the full tiles `start` to `stop` of `level`: entries of the level above."""
        column = schema.tile.c
        query = select(column.root).where(column.level == level, column.idx >= start, column.idx < stop)
        return [bytes(row[0]) for row in self._rows(query.order_by(column.idx))]

    def tile_data(self, level: int, index: int) -> bytes | None:
        column = schema.tile.c
        rows = self._rows(select(column.data).where(column.level == level, column.idx == index))
        return bytes(rows[0][0]) if rows else None

    def _rows(self, query: Select[Any]) -> list[Any]:
        try:
            with self._engine.connect() as connection:
                return list(connection.execute(query))
        except DBAPIError as error:
            raise unavailable(error.orig or error, self._path) from error


def as_entry(seq: int, body: object, stored_hash: bytes) -> Entry:
    """A row as an Entry: nobody decides on a record that does not hash to its leaf. Raises LogTampered."""
    leaf = _bytes(seq, body)
    if leaf_hash(leaf) != stored_hash:
        raise _changed(seq)
    return Entry(seq, decode(leaf), stored_hash)


def _bytes(seq: int, body: object) -> bytes:
    if not isinstance(body, bytes):
        raise _changed(seq)
    return body


def _changed(seq: int) -> LogTampered:
    hint = "append nothing; find what was changed: flyball audit verify"
    return LogTampered(f"record {seq} is not what was hashed", where=f"record {seq}", hint=hint)


def _first(entries: list[Entry]) -> Entry | None:
    return entries[0] if entries else None


def _range(prefix: str) -> tuple[str, str]:
    """Keys and digests are printable ASCII, so DEL stands behind all that begin with `prefix`."""
    return prefix, prefix + "\x7f"
