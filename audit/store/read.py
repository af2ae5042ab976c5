"""Reading the log: by number, id, request, or any of the indexed columns."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import orjson

from audit.canonical import decode
from audit.errors import LogTampered
from audit.record import Record
from audit.store import sql
from audit.store.questions import Find, between
from audit.store.reading import connect_reading
from audit.store.sqlite import unavailable
from audit.tree import leaf_hash


class Entry(NamedTuple):
    """A stored record. `seq` is its index in the tree: the first record of a log is 0."""

    seq: int
    record: Record
    leaf_hash: bytes


class Reader:
    """Reads one file over one connection; every answer is a committed state. One thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path, self._connection = path, connect_reading(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def by_seq(self, seq: int) -> Entry | None:
        return _first(self._entries(sql.ENTRY_BY_SEQ, (seq,)))

    def body(self, seq: int) -> bytes | None:
        """The exact bytes of the leaf, whatever they are."""
        rows = self._rows(sql.BODY, (seq,))
        return _bytes(seq, rows[0][0]) if rows else None

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
        asked = Find(kinds, resource_key, run_id, request_digest_prefix, since_seq, newest_first, limit)
        return self._entries(*asked.statement())

    def newest(
        self, limit: int, *, kinds: Sequence[str] = (), run_id: str | None = None
    ) -> list[tuple[int, Entry | None]]:
        """The last records of these kinds and that run, newest first, each with its number; None stands for one
        that is not what was hashed. No index is asked, since it may hide a record: each body is looked at."""
        found: list[tuple[int, Entry | None]] = []
        for seq, body, stored_hash in self._streamed(f"{sql.FIND} ORDER BY {sql.FIND_NEWEST}", (0,)):
            if not _mentions(body, kinds, run_id):
                continue
            try:
                entry = as_entry(seq, body, stored_hash)
            except LogTampered:
                found.append((seq, None))
            else:
                if (not kinds or entry.record.kind in kinds) and run_id in (None, entry.record.run_id):
                    found.append((seq, entry))
            if len(found) == limit:
                break
        return found

    def prefixed(self, prefix: str) -> dict[str, int]:
        """The integers at all keys that begin with `prefix`, but those that are 0."""
        return dict(self._rows(sql.CLAIMS_BETWEEN, between(prefix)))

    def size(self) -> int:
        """How many records the newest checkpoint covers."""
        rows = self._rows(sql.NEWEST_CHECKPOINT)
        return int(rows[0][0]) if rows else 0

    def newest_note(self) -> str | None:
        """The newest signed checkpoint; None in an empty log."""
        rows = self._rows(sql.NEWEST_CHECKPOINT)
        return str(rows[0][2]) if rows else None

    def first_note_over(self, seq: int) -> str | None:
        """The oldest signed checkpoint that covers record `seq`; None where none does."""
        rows = self._rows(sql.FIRST_NOTE_OVER, (seq,))
        return str(rows[0][0]) if rows else None

    def root_at(self, size: int) -> bytes | None:
        """The root that was signed at `size`; None where no commit ended there."""
        rows = self._rows(sql.ROOT_AT, (size,))
        return bytes(rows[0][0]) if rows else None

    def leaf_hashes(self, start: int, stop: int) -> list[bytes]:
        return [bytes(row[0]) for row in self._rows(sql.LEAVES, (start, stop))]

    def tile_roots(self, level: int, start: int, stop: int) -> list[bytes]:
        """The roots of the full tiles `start` to `stop` of `level`: entries of the level above."""
        return [bytes(row[0]) for row in self._rows(sql.TILE_ROOTS, (level, start, stop))]

    def tile_data(self, level: int, index: int) -> bytes | None:
        rows = self._rows(sql.TILE, (level, index))
        return bytes(rows[0][0]) if rows else None

    def _entries(self, statement: str, given: Sequence[str | int]) -> list[Entry]:
        return [as_entry(*row) for row in self._rows(statement, given)]

    def _streamed(self, statement: str, given: Sequence[str | int]) -> Iterator[Any]:
        try:
            yield from self._connection.execute(statement, given)
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error

    def _rows(self, statement: str, given: Sequence[str | int] = ()) -> list[Any]:
        try:
            return self._connection.execute(statement, given).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error


def as_entry(seq: int, body: object, stored_hash: bytes) -> Entry:
    """A row as an Entry: nobody decides on a record that does not hash to its leaf. Raises LogTampered."""
    leaf = _bytes(seq, body)
    if leaf_hash(leaf) != stored_hash:
        raise _changed(seq)
    return Entry(seq, decode(leaf), stored_hash)


def _mentions(body: object, kinds: Sequence[str], run_id: str | None) -> bool:
    """Whether the record may be one of those, at a tenth of what parsing costs."""
    if not isinstance(body, bytes):
        return True
    of_kind = not kinds or any(f'"kind":"{kind}"'.encode() in body for kind in kinds)
    return of_kind and (run_id is None or orjson.dumps(run_id) in body)


def _bytes(seq: int, body: object) -> bytes:
    if not isinstance(body, bytes):
        raise _changed(seq)
    return body


def _changed(seq: int) -> LogTampered:
    hint = "append nothing; find what was changed: flyball audit verify"
    return LogTampered(f"record {seq} is not what was hashed", where=f"record {seq}", hint=hint)


def _first(entries: list[Entry]) -> Entry | None:
    return entries[0] if entries else None
