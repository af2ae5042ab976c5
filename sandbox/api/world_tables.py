"""The tables of a world's file, declared with SQLModel; `world_sql.py` is compiled from them.

Nothing that runs imports this module: SQLAlchemy costs a command line more than its work.
"""

from typing import Annotated, ClassVar

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Text, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

_Count = BigInteger().with_variant(Integer, "sqlite")
"""SQLite's INTEGER holds 64 bits, and a key of its own rows must be declared so."""

_by_key = {"sqlite_with_rowid": False}
String = Annotated[str, Field(sa_type=Text)]
KeyPart = Annotated[str, Field(sa_type=Text, primary_key=True)]


class WorldTable(SQLModel, registry=registry()):
    """Base of the file's tables, in a registry of their own: one database, one metadata."""


class Meta(WorldTable, table=True):
    """A counter or a text of the world, such as its time and its seed."""

    __tablename__: ClassVar[str] = "meta"
    __table_args__ = (_by_key,)

    key: KeyPart
    value: String


class WorldObject(WorldTable, table=True):
    """An object of the simulated cluster as JSON, and when it has something to do by itself."""

    __tablename__: ClassVar[str] = "objects"
    __table_args__ = (Index("due", "due_ms", sqlite_where=text("due_ms IS NOT NULL")), _by_key)

    kind: KeyPart
    namespace: KeyPart
    name: KeyPart
    due_ms: int | None = Field(sa_type=_Count)
    body: String


class _Queued(WorldTable):
    """Something that waits its turn, as JSON."""

    seq: int = Field(sa_type=_Count, primary_key=True)
    body: str = Field(sa_type=Text)


class QueuedRequest(_Queued, table=True):
    """A request that arrived, as the endpoint noted it."""

    __tablename__: ClassVar[str] = "requests"


class Fault(_Queued, table=True):
    """A fault that is to be injected."""

    __tablename__: ClassVar[str] = "faults"


class HeldRequest(_Queued, table=True):
    """A request that is on its way."""

    __tablename__: ClassVar[str] = "held"


class History(WorldTable, table=True):
    """What was measured of one workload in four hours."""

    __tablename__: ClassVar[str] = "history"
    __table_args__ = (_by_key,)

    kind: KeyPart
    namespace: KeyPart
    name: KeyPart
    block: int = Field(sa_type=_Count, primary_key=True)
    body: bytes = Field(sa_type=LargeBinary)


class HistoryTail(WorldTable, table=True):
    """What was measured of one workload in a minute that is in no row of `history` yet."""

    __tablename__: ClassVar[str] = "history_tail"
    __table_args__ = (_by_key,)

    kind: KeyPart
    namespace: KeyPart
    name: KeyPart
    minute: int = Field(sa_type=_Count, primary_key=True)
    body: bytes = Field(sa_type=LargeBinary)


METADATA = WorldTable.metadata
