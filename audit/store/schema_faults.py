"""What the file declares (tables, indexes, triggers, its version) against what a log of ours declares.

Without its triggers a table is not append-only; by a changed index or a view a record can be hidden from who asks.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from typing import Any

import orjson

from audit.store import schema, sql

_STORED = "SELECT type, name, tbl_name, sql FROM sqlite_schema"
_Declared = dict[tuple[str, str], tuple[str, str | None]]


def faults(run: sqlite3.Cursor | sqlite3.Connection) -> Iterator[str]:
    """Each declaration that is missing, changed, or not the log's."""
    stored = _declared(run)
    for (kind, name), text in _expected().items():
        if stored.pop((kind, name), None) != text:
            yield f"{kind} {name} is missing or changed"
    for kind, name in stored:
        yield f"{kind} {name} is not the log's"


def version_fault(version: int, body: object) -> str | None:
    """Why a log that says it is of `version` cannot hold this record; None where it can. A record of a newer version
    means that the number was put back."""
    try:
        record: Any = orjson.loads(body)  # type: ignore[arg-type]
        told = record.get("v", 1)
    except (ValueError, TypeError, AttributeError):
        return None  # not a record: other checks say so
    if not isinstance(told, int) or told <= version:
        return None
    return f"the log says it is of version {version} and holds records of version {told}"


def newest_version_fault(run: sqlite3.Cursor | sqlite3.Connection, version: int) -> str | None:
    """The same for the newest record: versions only grow, so it tells of all."""
    (last,) = run.execute(sql.LAST_SEQ).fetchone()
    row = None if last is None else run.execute(sql.BODY, (last,)).fetchone()
    return version_fault(version, row[0]) if row else None


@cache
def _expected() -> _Declared:
    """What SQLite stores of our own statements, its automatic indexes among it."""
    with closing(sqlite3.connect(":memory:")) as empty:
        for statement in schema.statements():
            empty.execute(statement)
        return _declared(empty)


def _declared(run: sqlite3.Cursor | sqlite3.Connection) -> _Declared:
    """White space does not count: a column that a migration has added stands in the text as SQLite put it there."""
    rows = run.execute(_STORED).fetchall()
    return {(kind, name): (table, text and " ".join(text.split())) for kind, name, table, text in rows}
