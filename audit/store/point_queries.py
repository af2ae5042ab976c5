"""Point reads: a few rows by an indexed key, on the event loop's own thread.

A row by its key costs some ten microseconds; handing the question to a thread and back cost twenty times that
(measured), and the governed path asks several times an action. In WAL mode a reader waits for no writer.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audit.store import sql
from audit.store.questions import Find, between, for_each
from audit.store.read import Entry, as_entry
from audit.store.reading import connect_reading
from audit.store.sqlite import unavailable


class PointQueries:
    """One connection of the thread that made it."""

    def __init__(self, path: Path) -> None:
        self._path, self._connection = path, connect_reading(path)

    def close(self) -> None:
        self._connection.close()

    def by_seq(self, seq: int) -> Entry | None:
        return next(iter(self._entries(sql.ENTRY_BY_SEQ, (seq,))), None)

    def by_id(self, record_id: str) -> Entry | None:
        return next(iter(self._entries(sql.ENTRY_BY_ID, (record_id,))), None)

    def by_request(self, request_id: str) -> list[Entry]:
        """All records of a request, in order of the log."""
        return self._entries(sql.ENTRIES_BY_REQUEST, (request_id,))

    def values(self, keys: Sequence[str]) -> dict[str, int]:
        """The integer at each key; 0 where none is stored."""
        return dict.fromkeys(keys, 0) | dict(self._rows(for_each(sql.CLAIMS, len(keys)), keys))

    def prefixed(self, prefix: str) -> dict[str, int]:
        """The integers at all keys that begin with `prefix`, but those that are 0."""
        return dict(self._rows(sql.CLAIMS_BETWEEN, between(prefix)))

    def find(
        self,
        *,
        kinds: Sequence[str] = (),
        resource_key: str | None = None,
        since_seq: int = 0,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[Entry]:
        """As Reader.find; for few records only, since the event loop waits."""
        asked = Find(kinds, resource_key, since_seq=since_seq, newest_first=newest_first, limit=limit)
        return self._entries(*asked.statement())

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """All that is asked inside is asked of one state of the log, however others append meanwhile."""
        self._rows("BEGIN", ())
        try:
            yield
        finally:
            self._connection.rollback()

    def _entries(self, statement: str, given: Sequence[object]) -> list[Entry]:
        return [as_entry(*row) for row in self._rows(statement, given)]

    def _rows(self, statement: str, given: Sequence[object]) -> list[Any]:
        try:
            return self._connection.execute(statement, given).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error
