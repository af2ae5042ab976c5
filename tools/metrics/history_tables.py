"""The tables of the metrics' history and their statements, declared with SQLModel; `history_sql.py` is compiled
from them.

Nothing that runs imports this module: SQLAlchemy costs a command line more than its work.
"""

from typing import ClassVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Delete,
    Insert,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    delete,
    func,
    literal_column,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import registry
from sqlalchemy.sql.elements import ClauseElement
from sqlmodel import Field, Index, SQLModel, col, select

_Count = BigInteger().with_variant(Integer, "sqlite")
"""A STRICT table of SQLite knows INTEGER only; it holds 64 bits."""


class HistoryTable(SQLModel, registry=registry()):
    """Base of the file's tables, in a registry of their own: one database, one metadata."""


class Series(HistoryTable, table=True):
    """A series that was asked for."""

    __tablename__: ClassVar[str] = "series"
    __table_args__ = ({"sqlite_strict": True},)

    id: int = Field(sa_type=_Count, primary_key=True)
    key: str = Field(sa_type=Text, unique=True)


class Chunk(HistoryTable, table=True):
    """Packed points of one series. Rows by rowid: a blob that does not fit beside others gets pages of its own,
    mostly empty ones."""

    __tablename__: ClassVar[str] = "chunk"
    __table_args__ = (Index("oldest", "end_ms"), {"sqlite_strict": True})

    series: int = Field(sa_type=_Count, primary_key=True)
    slot: int = Field(sa_type=_Count, primary_key=True)
    end_ms: int = Field(sa_type=_Count)
    asked_ms: int = Field(sa_type=_Count)
    data: bytes = Field(sa_type=LargeBinary)


METADATA = HistoryTable.metadata

_series, _slot = col(Chunk.series), col(Chunk.slot)
_here = (_series == bindparam("of"), _slot == bindparam("at"))


def _put() -> Insert:
    put = insert(Chunk)
    newer = {"asked_ms": put.excluded.asked_ms, "data": put.excluded.data}
    return put.on_conflict_do_update(index_elements=[_series, _slot], set_=newer)


def _drop_oldest() -> Delete:
    """An eighth of all chunks, and one."""
    rowid: ColumnElement[int] = literal_column("rowid", Integer)
    eighth = select(func.count().op("/")(literal_column("8")) + literal_column("1")).select_from(Chunk)
    oldest = select(rowid).select_from(Chunk).order_by(col(Chunk.end_ms))
    limited = oldest.limit(eighth.scalar_subquery()).offset(literal_column("0", Integer))
    return delete(Chunk).where(rowid.in_(limited))


STATEMENTS: dict[str, ClauseElement] = {
    "ADD_SERIES": insert(Series)
    .values(key=bindparam("name"))
    .on_conflict_do_nothing(index_elements=[col(Series.key)]),
    "SERIES": select(Series.id).where(col(Series.key) == bindparam("name")),
    "DROP_SERIES": delete(Series).where(col(Series.id).not_in(select(Chunk.series))),
    "CHUNKS": select(Chunk.slot, Chunk.asked_ms, Chunk.data).where(
        _series == bindparam("of"), _slot.between(bindparam("first"), bindparam("last"))
    ),
    "CHUNK": select(Chunk.data).where(*_here),
    "PUT_CHUNK": _put(),
    "DROP_CHUNK": delete(Chunk).where(*_here),
    "DROP_OLDER": delete(Chunk).where(col(Chunk.end_ms) < bindparam("before")),
    "DROP_OLDEST": _drop_oldest(),
}
