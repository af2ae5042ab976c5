"""A migration may only add to a log. Nothing that is stored is removed or changed."""

import sqlite3

from audit.store import schema

_TAKES_AWAY = frozenset(
    {
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_DROP_TRIGGER,
        sqlite3.SQLITE_DROP_TEMP_TRIGGER,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
        sqlite3.SQLITE_ATTACH,
        sqlite3.SQLITE_DETACH,
    }
)
_CHANGES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})


def authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """The authorizer of a connection that migrates."""
    if action in _TAKES_AWAY or (action in _CHANGES and first in schema.TABLES):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and second is not None and first not in ("user_version", "table_info"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def triggers(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """The triggers as they are stored. A table that is renamed takes its own with it, and their text changes."""
    stored = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"
    return connection.execute(stored).fetchall()
