"""Connections to the log's SQLite file: modes, versions, and an authorizer against undoing the triggers."""

import errno
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from audit.errors import LogDamaged, LogTampered, LogUnavailable
from audit.store import schema, schema_faults

BUSY_S = 5.0
"""Seconds to wait for another process's transaction before the log counts as unavailable."""

CACHE_KIB = 16_384

_MAKING = threading.Lock()
"""No thread of this process connects between the making of a file and the closing of that descriptor."""

_MAY_WRITE = {
    sqlite3.SQLITE_INSERT: frozenset(schema.TABLES),
    sqlite3.SQLITE_UPDATE: frozenset({schema.CLAIM}),
    sqlite3.SQLITE_DELETE: frozenset[str](),
}
_NOT_WRITTEN = frozenset(
    {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_TRUNCATE, sqlite3.SQLITE_IOERR_SHMSIZE}
)
"""SQLite tells a file that may not grow (EFBIG, a quota) from a broken disk no further than by these."""

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

    Raises LogUnavailable where the file is of a newer version or cannot be opened, LogDamaged where it is no log,
    LogTampered where its version was put back.
    """
    try:
        _make_file(path)
        connection = open_uri(_writable(path))
        with closing_on_error(connection):
            _prepare(connection, path)
    except (sqlite3.Error, OSError) as error:
        raise unavailable(error, path) from error
    connection.set_authorizer(_authorize)
    return connection


@contextmanager
def closing_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Close the connection where what is done with it fails."""
    with ExitStack() as failed:
        failed.callback(connection.close)
        yield
        failed.pop_all()


def unavailable(error: Exception, path: Path) -> LogUnavailable:
    """The error as the caller sees it: what failed, and what a person can do. LogDamaged for a file that is no
    log."""
    text, code = str(error), getattr(error, "sqlite_errorcode", 0)
    what = f"the log cannot be used: {text}"
    if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return LogDamaged(what, where=str(path), hint="put a whole copy back; see: flyball audit verify")
    hint = "see whether the disk works and the file is whole: flyball audit verify"
    if "full" in text or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "free some disk space; nothing was recorded and nothing may act"
    elif code in _NOT_WRITTEN:
        what = f"the log cannot be used: the disk did not take what was written ({text})"
        hint = "see its space, its quota and the limit on file sizes (ulimit -f); nothing was recorded"
    elif "locked" in text or "busy" in text:
        hint = f"another process has held the log for {BUSY_S:.0f} s; end it, or try again"
    elif isinstance(error, PermissionError) or "readonly" in text or "unable to open" in text:
        hint = "see that the file and its folder exist and belong to you"
    return LogUnavailable(what, where=str(path), hint=hint)


def _make_file(path: Path) -> None:
    """Make the file where there is none. One that is there is opened by SQLite alone: whoever closes another
    descriptor of it drops the POSIX locks of his whole process, and the next process to leave removes the
    write-ahead log, with what is acknowledged in it, from under us."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _MAKING, suppress(FileExistsError):
        if not os.path.lexists(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode):
        raise OSError(errno.ELOOP, "it is a link, or no file")
    if stat.S_IMODE(mode) != 0o600:
        path.chmod(0o600)


def _writable(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=rw"


def open_uri(uri: str, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """A connection without a transaction of its own making, to be used by one thread at a time."""
    return sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=BUSY_S, check_same_thread=False, factory=factory
    )


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    _use_wal(connection)
    _safe(connection)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")  # savepoints would spill to a file in each commit
    if (version := version_of(connection, path)) == 0:
        version = _begin(connection, path)
    if version < schema.VERSION:
        _holds_no_newer(connection, version, path)
        _migrate(path)


def _holds_no_newer(connection: sqlite3.Connection, version: int, path: Path) -> None:
    """A version that was put back would be brought forward again, and nobody would see it."""
    if why := schema_faults.newest_version_fault(connection, version):
        raise LogTampered(
            why, where=str(path), hint="append nothing; find what was changed: flyball audit verify"
        )


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
        version = version_of(connection, path)
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

    migrate(lambda: _safe(open_uri(_writable(path))))


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


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The log's version; 0 for an empty database. Raises LogUnavailable for a newer one, LogDamaged for
    what is no log."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > schema.VERSION and application == schema.APPLICATION_ID:
        what = f"the log is of version {version}, this Flyball reads up to {schema.VERSION}"
        raise LogUnavailable(what, where=str(path), hint="use the Flyball that wrote it, or a newer one")
    if application == schema.APPLICATION_ID and version:
        return int(version)
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application or version or tables:
        what = "the file is not a Flyball log, or its first page was changed"
        raise LogDamaged(what, where=str(path), hint="name another path, or put a whole copy back")
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
