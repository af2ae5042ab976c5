"""SQLAlchemy Core's statements as text, compiled once, for the driver's own cursor.

Executing them through Core costs several times the CPU of the insert itself (measured), so the append path and
the scan of a whole log do not.
"""

from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import ClauseElement

_DIALECT = sqlite.dialect(paramstyle="qmark")


def compiled(statement: ClauseElement) -> str:
    """The statement as SQLite's driver takes it, with `?` for each parameter in order."""
    return str(statement.compile(dialect=_DIALECT))
