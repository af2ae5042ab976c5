"""HistoryStore: series that were asked for once, stored in a SQLite file; several processes may share it.

A row is a chunk of SLOT points of one series on its grid (packing.py). The file is a cache: all of it can be asked
for again. So a damaged one, or one of another format version, is moved aside to `<name>.damaged` and begun again;
another program's database is left alone, with an error. Writes are transactions (WAL, synchronous=NORMAL): a
process that is killed leaves what was committed, at worst without the newest.
"""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from tools.errors import ToolError
from tools.metrics import history_sql as sql
from tools.metrics.packing import Damaged, Line, pack, unpack
from tools.metrics.types import Span

FORMAT = 1
"""Any other number in `user_version` is another format: its file is begun again."""
APPLICATION = 0x666C7962
SLOT = 512
"""Points a chunk: 8.5 hours at one a minute."""
RETAINED_MS = 35 * 86_400_000
"""Five weeks: what weekly cycles are learnt from."""
MAX_BYTES = 2 * 1024**3
"""Five weeks of two metrics of 7,000 workloads."""
_PRUNE_MS = 3_600_000

_logger = logging.getLogger(__name__)
_SCHEMA = f"""PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; BEGIN IMMEDIATE;
PRAGMA application_id={APPLICATION}; PRAGMA user_version={FORMAT};
{";".join(sql.TABLES)}; COMMIT;"""
"""Large pages: see history_tables.Chunk."""
T = TypeVar("T")


class HistoryUnavailable(ToolError):
    """The store cannot be used; what it would have answered has to be queried again."""


class HistoryStore:
    """Opened at once; close it at the end. Every method raises HistoryUnavailable."""

    def __init__(self, path: Path, *, retained_ms: int = RETAINED_MS, max_bytes: int = MAX_BYTES) -> None:
        self._path, self._retained_ms, self._max_bytes = path, retained_ms, max_bytes
        self._inode, self._pruned_ms = 0, 0
        self._db = self._guarded(self._open)

    def close(self) -> None:
        self._db.close()

    def read(self, key: str, span: Span) -> tuple[Line, dict[int, int]]:
        """The points of a span on the grid, and for each chunk (the index of its first point within the span)
        when it was last asked for. A chunk that is damaged is unknown."""
        return self._guarded(lambda: self._read(key, span))

    def write(self, key: str, span: Span, values: Sequence[int | None], now_ms: int) -> None:
        """Keep what was answered; a stored value is not replaced by a gap."""
        self.write_all({key: values}, span, now_ms)

    def write_all(self, lines: Mapping[str, Sequence[int | None]], span: Span, now_ms: int) -> None:
        """The same of many series over one span, in one transaction."""
        self._guarded(lambda: self._write(lines, span, now_ms))
        if now_ms - self._pruned_ms >= _PRUNE_MS:
            self._pruned_ms = now_ms
            self._guarded(lambda: self._prune(now_ms))

    def _read(self, key: str, span: Span) -> tuple[Line, dict[int, int]]:
        points = Line.unknown(span.points)
        asked: dict[int, int] = {}
        first, series = _index(span.start_ms, span), self._series(key)
        rows = self._db.execute(
            sql.CHUNKS,
            (series, first // SLOT, (first + span.points - 1) // SLOT),
        )
        for slot, asked_ms, data in rows.fetchall():
            at = slot * SLOT - first
            chunk, skipped = self._unpacked(series, slot, data), max(-at, 0)
            start, end = max(at, 0), min(at + SLOT, span.points)
            points[start:end] = chunk[skipped : skipped + end - start]
            asked[start] = asked_ms
        return points, asked

    def _write(self, lines: Mapping[str, Sequence[int | None]], span: Span, now_ms: int) -> None:
        with self._transaction():
            for key, values in lines.items():
                self._db.execute(sql.ADD_SERIES, (key,))
                series = self._series(key)
                for slot, start, end in _slots(_index(span.start_ms, span), span.points):
                    chunk = self._merged(series, slot, span, start, values[start:end])
                    end_ms = (slot + 1) * SLOT * span.step_s * 1000
                    self._db.execute(sql.PUT_CHUNK, (series, slot, end_ms, now_ms, pack(chunk)))

    def _merged(self, series: int, slot: int, span: Span, start: int, values: Sequence[int | None]) -> Line:
        """The chunk with these values of the span, from its index `start` on."""
        found = self._db.execute(sql.CHUNK, (series, slot)).fetchone()
        chunk = self._unpacked(series, slot, found[0]) if found else Line.unknown(SLOT)
        chunk.put(_index(span.start_ms, span) + start - slot * SLOT, values)
        return chunk

    def _prune(self, now_ms: int) -> None:
        """What is older than the retention goes, then the oldest, until the file is small enough."""
        self._db.execute(sql.DROP_OLDER, (now_ms - self._retained_ms,))
        while self._live_bytes() > self._max_bytes and self._db.execute(sql.DROP_OLDEST).rowcount > 0:
            pass
        self._db.execute(sql.DROP_SERIES)
        self._db.execute("PRAGMA incremental_vacuum").fetchall()

    def _live_bytes(self) -> int:
        pages, free, size = (
            int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _series(self, key: str) -> int:
        row = self._db.execute(sql.SERIES, (key,)).fetchone()
        return int(row[0]) if row else -1

    def _unpacked(self, series: int, slot: int, data: bytes) -> Line:
        try:
            return unpack(data, SLOT)
        except Damaged as error:
            _logger.warning("a chunk of %s is damaged (%s): it is asked for again", self._path, error)
            self._db.execute(sql.DROP_CHUNK, (series, slot))
            return Line.unknown(SLOT)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """IMMEDIATE: a chunk is read, changed and written, and another process' points must not get lost."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _guarded(self, work: Callable[[], T]) -> T:
        """Once more on a new file where the old one is damaged."""
        try:
            try:
                return work()
            except sqlite3.DatabaseError as error:
                if type(error) is not sqlite3.DatabaseError:  # its subclasses are no damage
                    raise
                self._begin_anew(str(error))
                return work()
        except (sqlite3.Error, OSError) as error:
            raise HistoryUnavailable(
                f"the history of metrics cannot be used: {error}",
                where=str(self._path),
                hint="see that the disk has room and the file belongs to you; it may be deleted",
            ) from error

    def _open(self) -> sqlite3.Connection:
        with self._lock():
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, timeout=10.0)
        try:
            os.chmod(self._path, 0o600)
            self._inode = self._path.stat().st_ino
            application, version, pages = (
                int(db.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("application_id", "user_version", "page_count")
            )
            if pages and application != APPLICATION:
                raise self._foreign()
            if pages and version != FORMAT:
                raise sqlite3.DatabaseError(f"it is of format {version}, not {FORMAT}")
            db.executescript("PRAGMA synchronous=NORMAL;" + _SCHEMA)
        except BaseException:
            db.close()
            raise
        return db

    def _foreign(self) -> HistoryUnavailable:
        return HistoryUnavailable(
            "this database is another program's: it is left as it is",
            where=str(self._path),
            hint="move it away, or give another --state folder",
        )

    def _begin_anew(self, why: str) -> None:
        """Move the damaged file aside, unless another process has done so since we opened it."""
        with suppress(AttributeError):
            self._db.close()
        with self._lock():
            here = self._path.stat().st_ino if self._path.exists() else 0
            if here and here == self._inode:
                _logger.warning("%s is begun again: %s", self._path, why)
                os.replace(self._path, f"{self._path}.damaged")
                for sibling in ("-wal", "-shm"):
                    Path(f"{self._path}{sibling}").unlink(missing_ok=True)
            self._db = self._opened()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One process at a time opens the file or begins it again. The kernel lets go when a process dies."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(f"{self._path}.lock", "w", opener=_private) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _index(at_ms: int, span: Span) -> int:
    return at_ms // (span.step_s * 1000)


def _slots(first: int, count: int) -> Iterator[tuple[int, int, int]]:
    """The chunks that a run of points lies in: number, and the run's indexes within it."""
    index = 0
    while index < count:
        slot = (first + index) // SLOT
        end = min(count, (slot + 1) * SLOT - first)
        yield slot, index, end
        index = end
