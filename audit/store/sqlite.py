"""Connections to the log's SQLite file: modes, versions, and an authorizer against undoing the triggers."""

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from audit.errors import LogUnavailable
from audit.store import schema

BUSY_S = 5.0
"""Seconds to wait for another process's transaction before the log counts as unavailable."""

CACHE_KIB = 16_384

_MAY_WRITE = {
    sqlite3.SQLITE_INSERT: frozenset(schema.TABLES),
    sqlite3.SQLITE_UPDATE: frozenset({schema.CLAIM}),
    sqlite3.SQLITE_DELETE: frozenset[str](),
}
_HARMLESS = frozenset(
    {
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
        sqlite3.SQLITE_RECURSIVE,
    }
)


def connect(path: Path) -> sqlite3.Connection:
    """A connection that may append and nothing else; the file is made (mode 0600) where there is none.

    Raises LogUnavailable where the file is of a newer version, of another program, or cannot be opened.
    """
    try:
        _make_file(path)
        connection = _open(_writable(path))
        with _closing_on_error(connection):
            _prepare(connection, path)
    except (sqlite3.Error, OSError) as error:
        raise unavailable(error, path) from error
    connection.set_authorizer(_authorize)
    return connection


def connect_reading(path: Path) -> sqlite3.Connection:
    """A connection that only reads; the file must be there. Raises LogUnavailable."""
    try:
        connection = _open(f"{path.absolute().as_uri()}?mode=ro")
        with _closing_on_error(connection):
            connection.execute("PRAGMA query_only = ON")
            if not _version(connection, path):
                raise LogUnavailable("it is empty: no log was begun here", where=str(path))
    except sqlite3.Error as error:
        raise unavailable(error, path) from error
    return connection


@contextmanager
def _closing_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    with ExitStack() as failed:
        failed.callback(connection.close)
        yield
        failed.pop_all()


def unavailable(error: Exception, path: Path) -> LogUnavailable:
    """The error as the caller sees it: what failed, and what a person can do."""
    text = str(error)
    hint = "see whether the disk works and the file is whole: flyball audit verify"
    if "full" in text or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "free some disk space; nothing was recorded and nothing may act"
    elif "locked" in text or "busy" in text:
        hint = f"another process has held the log for {BUSY_S:.0f} s; end it, or try again"
    elif isinstance(error, PermissionError) or "readonly" in text or "unable to open" in text:
        hint = "see that the file and its folder exist and belong to you"
    return LogUnavailable(f"the log cannot be used: {text}", where=str(path), hint=hint)


def _make_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _writable(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=rw"


def _open(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_S, check_same_thread=False)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    _use_wal(connection)
    _safe(connection)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")  # savepoints would spill to a file in each commit
    if (version := _version(connection, path)) == 0:
        version = _begin(connection, path)
    if version < schema.VERSION:
        _migrate(path)


def _safe(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Durable commits, and no way round the triggers."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA recursive_triggers = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _begin(connection: sqlite3.Connection, path: Path) -> int:
    """Make the tables, unless another process has since; gives the version that is there then."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path)
        for statement in () if version else schema.statements():
            connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
    return version or schema.VERSION


def _migrate(path: Path) -> None:
    """Older logs are rare and alembic is slow to import: hence here, and not above."""
    from audit.store.migrations.run import migrate

    migrate(lambda: _safe(_open(_writable(path))))


def _use_wal(connection: sqlite3.Connection) -> None:
    """A new file is switched to WAL by the first process; the switch itself does not wait for the other."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The log's version; 0 for an empty database. Raises LogUnavailable for a newer one or another program's file."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > schema.VERSION and application == schema.APPLICATION_ID:
        what = f"the log is of version {version}, this Flyball reads up to {schema.VERSION}"
        raise LogUnavailable(what, where=str(path), hint="use the Flyball that wrote it, or a newer one")
    if application == schema.APPLICATION_ID and version:
        return int(version)
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application or version or tables:
        raise LogUnavailable("the file is not a Flyball log", where=str(path), hint="name another path")
    return 0


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """What a statement of ours may do. Called when a statement is prepared, not for each row."""
    if action in _HARMLESS:
        return sqlite3.SQLITE_OK
    if action in _MAY_WRITE and first in _MAY_WRITE[action]:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and (first == "wal_checkpoint" or second is None):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def fold(connection: sqlite3.Connection) -> None:
    """Fold the write-ahead log into the database, as far as readers allow, without waiting for them.

    Done by the writer between commits: inside one it would cost two more syncs before the acknowledgement, and
    beside them it would never reach the end of a log that grows, so that the log could not begin again. What
    cannot be folded now (no room, a reader) stays readable where it is, and is folded the next time.
    """
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
