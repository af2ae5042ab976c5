"""Connections that only read: also from a read-only disk, a full one, or a folder of somebody else.

SQLite puts an index of the write-ahead log (`-shm`) beside the file that it reads. Where that cannot be,
evidence must be readable all the same: without a write-ahead log the file is the whole truth and is opened as
immutable; with one, both are copied.
"""

import shutil
import sqlite3
import tempfile
from pathlib import Path

from audit.errors import LogMissing, LogUnavailable
from audit.store.sqlite import closing_on_error, open_uri, unavailable, version_of

_NO_ROOM_BESIDE = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL}
)
"""What SQLite says where it cannot make `-shm`."""

_IN_MEMORY = "/dev/shm"  # noqa: S108 - a folder of our own, mode 0700, is made in it


class Unlocked(sqlite3.Connection):
    """What it reads is not locked against writers: whoever reads long compares `state_of` before and after."""


State = tuple[tuple[int, int, int] | None, ...]


def connect_reading(path: Path) -> sqlite3.Connection:
    """A connection that only reads; the file must be there. Raises LogMissing, LogUnavailable, LogDamaged."""
    if not path.exists():
        hint = "name the file, or see that its folder is yours to read"
        raise LogMissing("no log is here", where=str(path), hint=hint)
    try:
        connection = _opened(path)
    except (sqlite3.Error, OSError) as error:
        raise unavailable(error, path) from error
    with closing_on_error(connection):
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA temp_store = MEMORY")
            begun = version_of(connection, path)
        except sqlite3.Error as error:
            raise unavailable(error, path) from error
        if not begun:
            raise LogMissing("it is empty: no log was begun here", where=str(path))
    return connection


def state_of(path: Path) -> State:
    """Of the file and its write-ahead log: inode, size and time of change. An empty one (SQLite leaves one
    where the disk has no room for more) is none."""
    return _state(path), _state(_wal(path))


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns) if stat.st_size else None


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _touched(f"{path.absolute().as_uri()}?mode=ro")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _NO_ROOM_BESIDE or not path.is_file():
            raise
    if _state(_wal(path)) is None:
        return _touched(f"{path.absolute().as_uri()}?mode=ro&immutable=1", Unlocked)
    return _copied(path)


def _touched(uri: str, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """Opened and read from once: SQLite opens nothing before it must."""
    connection = open_uri(uri, factory)
    with closing_on_error(connection):
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return connection


def _copied(path: Path) -> sqlite3.Connection:
    """A copy that has no name any more once it is open, so that none is left behind: in the folder for
    temporary files, or in memory where that has no room. No log of this process is at `path`: then `-shm` would
    be there, and the first way had worked (a copy would drop its locks, see sqlite.py)."""
    try:
        return _copied_to(None, path)
    except OSError:
        return _copied_to(_IN_MEMORY, path)


def _copied_to(where: str | None, path: Path) -> sqlite3.Connection:
    before = state_of(path)
    with tempfile.TemporaryDirectory(prefix="flyball-evidence-", dir=where) as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(_wal(path), _wal(copy))
        if state_of(path) != before:
            raise LogUnavailable("the log changed while it was copied", where=str(path), hint="try again")
        return _touched(f"{copy.as_uri()}?mode=ro")


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")
