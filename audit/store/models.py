"""The log's tables, declared: what `sql.py` is compiled from, and what alembic compares a database with.

Only the compiler, the migrations and reads that are not hot import this module: SQLModel and SQLAlchemy cost a
command line more than its work. Types fit SQLite and PostgreSQL alike; a column has no default, so that none
can differ. A row of a table model is not validated: `audit.record.Record` is what a record is.
"""

from typing import Annotated, ClassVar

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Text, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

_Row = BigInteger().with_variant(Integer, "sqlite")
"""A key of SQLite's own rows, which must be declared INTEGER there."""

String = Annotated[str, Field(sa_type=Text)]
Maybe = Annotated[str | None, Field(sa_type=Text)]
Large = Annotated[int, Field(sa_type=BigInteger)]
Octets = Annotated[bytes, Field(sa_type=LargeBinary)]


def _where_set(column: str) -> Index:
    """An index of the rows that have the column."""
    has_it = text(f"{column} IS NOT NULL")
    return Index(f"audit_entry_{column}", column, sqlite_where=has_it, postgresql_where=has_it)


class AuditTable(SQLModel, registry=registry()):
    """Base of the log's tables, in a registry of their own: one database, one metadata."""


class AuditEntry(AuditTable, table=True):
    """A record: the exact bytes of its leaf, and columns that follow from them."""

    __tablename__: ClassVar[str] = "audit_entry"
    __table_args__ = (
        Index("audit_entry_kind", "kind"),
        *(_where_set(column) for column in ("run_id", "request_id", "request_digest", "resource_key")),
    )

    seq: int = Field(sa_type=_Row, primary_key=True, sa_column_kwargs={"autoincrement": False})
    record_id: str = Field(sa_type=Text, unique=True)
    ts_ns: Large
    kind: String
    run_id: Maybe
    actor_id: String
    request_id: Maybe
    request_digest: Maybe
    resource_key: Maybe
    verdict: Maybe
    leaf_hash: Octets
    body: Octets


class AuditTile(AuditTable, table=True):
    """A full tile of the tree: 256 hashes of one level."""

    __tablename__: ClassVar[str] = "audit_tile"

    level: int = Field(sa_type=Integer, primary_key=True)
    idx: int = Field(sa_type=BigInteger, primary_key=True)
    root: Octets
    data: Octets


class AuditCheckpoint(AuditTable, table=True):
    """A signed head of the tree, one a commit."""

    __tablename__: ClassVar[str] = "audit_checkpoint"

    size: int = Field(sa_type=_Row, primary_key=True, sa_column_kwargs={"autoincrement": False})
    root: Octets
    note: String


class AuditClaim(AuditTable, table=True):
    """The only table whose rows change. Every taken claim is in a record too, and `verify` replays them."""

    __tablename__: ClassVar[str] = "audit_claim"
    __table_args__ = ({"sqlite_with_rowid": False},)

    key: str = Field(sa_type=Text, primary_key=True)
    value: Large
