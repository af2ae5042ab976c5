"""Before each transaction: is it still the file that was opened, of our version, and declared as a log is?"""

import sqlite3
from pathlib import Path

from audit.errors import LogUnavailable
from audit.store import schema, schema_faults
from audit.store.head import tampered


class Unchanged:
    """What one appending connection knows of its file. `check` costs two PRAGMAs and a stat."""

    def __init__(self, cursor: sqlite3.Cursor, path: Path) -> None:
        self._cursor, self._path = cursor, path
        self._file = _identity(path)
        self._declared: int | None = None
        """SQLite's own number of the declarations that were compared last."""

    def check(self) -> None:
        """Raises LogUnavailable, or LogTampered where a declaration is not the log's."""
        self._still_there()
        self._still_this_version()
        self._as_declared()

    def _still_there(self) -> None:
        """A file that was deleted or replaced stays writable through our connection, and what goes in is lost."""
        if _identity(self._path) != self._file:
            hint = "stop this process; put the file back, or begin again in another place"
            raise LogUnavailable("the log's file was deleted or replaced", where=str(self._path), hint=hint)

    def _still_this_version(self) -> None:
        """A newer Flyball may upgrade the log while this process has it open, and then this one must not append."""
        (version,) = self._cursor.execute("PRAGMA user_version").fetchone()
        if version < schema.VERSION:
            raise tampered(f"the log's version was put back to {version}", self._path)
        if version > schema.VERSION:
            what = (
                f"the log was made one of version {version} meanwhile, this Flyball writes {schema.VERSION}"
            )
            hint = "end this process and start the newer Flyball"
            raise LogUnavailable(what, where=str(self._path), hint=hint)

    def _as_declared(self) -> None:
        """Nothing is written past a trigger, table or index that is not the log's. SQLite runs what it has
        parsed until its number moves, so until then there is nothing new to compare."""
        (declared,) = self._cursor.execute("PRAGMA schema_version").fetchone()
        if declared == self._declared:
            return
        for what in schema_faults.faults(self._cursor):
            raise tampered(what, self._path)
        self._declared = declared


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
