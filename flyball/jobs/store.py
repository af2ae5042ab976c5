"""The SQLite file of jobs: opening it, transactions, and what its errors mean. Several processes may share it."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flyball.jobs import job_sql as sql
from flyball.jobs.errors import JobsUnavailable

VERSION = 1
"""PRAGMA user_version of the file."""
BUSY_S = 10.0
"""How long a statement waits for another process's transaction."""

REPLACED = "stop the services and move the file away: what is due is queued again under the same ids"
"""What helps against a file that is damaged."""

Value = str | int | None
Row = tuple[Value, ...]


class JobStore:
    """One connection. Everything raises JobsUnavailable. WAL, synchronous=NORMAL: a killed process leaves what was
    committed; a machine that loses power may lose the newest, and what is due then is queued again under its id."""

    def __init__(self, path: Path, *, threads: bool = False) -> None:
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, isolation_level=None, timeout=BUSY_S, check_same_thread=not threads
            )
            os.chmod(path, 0o600)
            self._prepare()
        except (sqlite3.Error, OSError) as e:
            raise self._unavailable(e) from e

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            self._db.close()
            what = f"the jobs are of version {version}, this Flyball knows up to {VERSION}"
            hint = "use the Flyball that wrote them, or a newer one"
            raise JobsUnavailable(what, where=str(self.path), hint=hint)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        if version == VERSION:
            return
        with self.transaction():
            for statement in sql.TABLES:
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing; it has the file for itself from the start."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as e:
            raise self._unavailable(e) from e
        try:
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as e:
            self._give_up()
            raise self._unavailable(e) from e
        except BaseException:
            self._give_up()
            raise

    def _give_up(self) -> None:
        if self._db.in_transaction:  # a full disk may have ended it already
            self._db.execute("ROLLBACK")

    def rows(self, statement: str, values: Mapping[str, Value] | None = None) -> list[Row]:
        """What a statement returns."""
        try:
            return self._db.execute(statement, values or {}).fetchall()
        except sqlite3.Error as e:
            raise self._unavailable(e) from e

    def changed(self, statement: str, values: Mapping[str, Value]) -> int:
        """How many rows a statement has changed."""
        try:
            return self._db.execute(statement, values).rowcount
        except sqlite3.Error as e:
            raise self._unavailable(e) from e

    def _unavailable(self, error: Exception) -> JobsUnavailable:
        busy = isinstance(error, OSError | sqlite3.OperationalError)
        hint = "see that the disk has room and the file belongs to you" if busy else REPLACED
        return JobsUnavailable(f"the jobs cannot be used: {error}", where=str(self.path), hint=hint)

    def close(self) -> None:
        """Let the file go."""
        self._db.close()
