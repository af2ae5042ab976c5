"""The leases' table and its statements, declared with SQLModel. `lease_sql.py` is compiled from them.

Nothing that runs imports this module: SQLAlchemy costs a command line more than its work.
"""

from typing import ClassVar

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    Text,
    bindparam,
    func,
    literal_column,
    null,
    or_,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import registry
from sqlalchemy.sql.elements import ClauseElement
from sqlmodel import Field, SQLModel, col

_Count = BigInteger().with_variant(Integer, "sqlite")
"""A STRICT table of SQLite knows INTEGER only; it holds 64 bits."""


class LeaseTable(SQLModel, registry=registry()):
    """Base of the file's tables, in a registry of their own: one database, one metadata."""


class Lease(LeaseTable, table=True):
    """Who holds a workload, by which token, and until when on the clock of which boot."""

    __tablename__: ClassVar[str] = "lease"
    __table_args__ = ({"sqlite_with_rowid": False, "sqlite_strict": True},)

    key: str = Field(sa_type=Text, primary_key=True)
    token: int = Field(sa_type=_Count)
    holder: str | None = Field(sa_type=Text)
    until_us: int = Field(sa_type=_Count)
    boot: str = Field(sa_type=Text)


METADATA = LeaseTable.metadata

_me: BindParameter[str] = bindparam("me")
_until: BindParameter[int] = bindparam("until")
_boot: BindParameter[str] = bindparam("boot_id")
_floor: BindParameter[int] = bindparam("floor", type_=_Count)
_one: ColumnElement[int] = literal_column("1", Integer)
_ours = (
    col(Lease.key) == bindparam("name"),
    col(Lease.holder) == _me,
    col(Lease.token) == bindparam("held"),
)
_lapsed = or_(
    col(Lease.holder).is_(None),
    col(Lease.until_us) < bindparam("now"),
    col(Lease.boot) != _boot,
)
_new = {"holder": _me, "until_us": _until, "boot": _boot}

STATEMENTS: dict[str, ClauseElement] = {
    "TAKE": insert(Lease)
    .values(key=bindparam("name"), token=_floor + _one, **_new)
    .on_conflict_do_update(
        index_elements=[col(Lease.key)],
        set_={"token": func.max(col(Lease.token), _floor) + _one, **_new},
        where=_lapsed,
    )
    .returning(col(Lease.token)),
    "RENEW": update(Lease).where(*_ours).values(until_us=_until),
    "RELEASE": update(Lease).where(*_ours).values(holder=null()),
}
