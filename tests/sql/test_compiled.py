"""The checked-in SQL is what the models compile to, in every shape that a question can take."""

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import bindparam, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import col, select

from audit.store import schema, sql
from audit.store.models import AuditClaim, AuditEntry
from audit.store.questions import Find, for_each
from audit.store.sqlite import connect
from tests.sql.compiled import STORES, Store

LOG = STORES[0]


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.path.stem)
def test_what_is_checked_in_is_what_the_models_compile_to(store: Store) -> None:
    assert store.path.read_text(encoding="utf-8") == store.source(), "write it again: ./dev sql"


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.path.stem)
def test_a_database_made_from_it_does_not_differ_from_the_models(store: Store) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        for statement in store.tables().values():
            made.execute(statement)
        assert differences(made, store) == []


def test_a_difference_would_be_seen() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        for statement in LOG.tables().values():
            made.execute(statement)
        made.execute("ALTER TABLE audit_entry ADD COLUMN more TEXT")
        made.execute("DROP INDEX audit_entry_kind")
        made.execute("ALTER TABLE audit_tile RENAME TO tile")
        kinds = {difference[0] for difference in differences(made, LOG)}
    assert kinds == {"remove_column", "add_index", "add_table", "remove_table"}


def test_a_log_as_it_is_begun_does_not_differ_from_the_models(tmp_path: Path) -> None:
    with closing(connect(path := tmp_path / "audit.db")):
        pass
    with closing(sqlite3.connect(path)) as begun:
        assert differences(begun, LOG) == []
        assert begun.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def differences(connection: sqlite3.Connection, store: Store) -> list[object]:
    """What alembic's autogenerate would write a migration for."""
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as asked:
        context = MigrationContext.configure(
            asked, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, store.metadata))


def compiled(statement: object) -> str:
    return " ".join(LOG.compiled(statement).split())  # type: ignore[arg-type]


SHAPES = list(itertools.product((0, 1, 3), *[(False, True)] * 5))


@pytest.mark.parametrize(("kinds", "resource", "run", "digest", "newest", "limited"), SHAPES)
def test_each_shape_of_find_is_what_the_models_compile_to(
    kinds: int, resource: bool, run: bool, digest: bool, newest: bool, limited: bool
) -> None:
    """The parts are put together at run time, without SQLAlchemy; here with it."""
    asked = select(AuditEntry.seq, AuditEntry.body, AuditEntry.leaf_hash).where(
        col(AuditEntry.seq) >= bindparam("since")
    )
    if kinds:
        asked = asked.where(col(AuditEntry.kind).in_([bindparam(f"kind{n}") for n in range(kinds)]))
    if resource:
        asked = asked.where(col(AuditEntry.resource_key) == bindparam("resource"))
    if run:
        asked = asked.where(col(AuditEntry.run_id) == bindparam("run"))
    if digest:
        column = col(AuditEntry.request_digest)
        asked = asked.where(column >= bindparam("low"), column < bindparam("high"))
    asked = asked.order_by(col(AuditEntry.seq).desc() if newest else col(AuditEntry.seq).asc())
    if limited:
        asked = asked.limit(bindparam("limit"))  # type: ignore[arg-type]
    text, given = Find(
        kinds=["k"] * kinds,
        resource_key="w" if resource else None,
        run_id="r" if run else None,
        request_digest_prefix="ab" if digest else None,
        since_seq=7,
        newest_first=newest,
        limit=9 if limited else None,
    ).statement()
    assert text == compiled(asked).removesuffix(" OFFSET ?")
    wanted = [7, *["k"] * kinds, *["w"] * resource, *["r"] * run, *["ab", "ab\x7f"] * digest, *[9] * limited]
    assert given == wanted


@pytest.mark.parametrize("count", [1, 2, 40])
def test_so_is_a_list_of_claims(count: int) -> None:
    keys = [bindparam(f"key{n}") for n in range(count)]
    asked = select(AuditClaim.key, AuditClaim.value).where(col(AuditClaim.key).in_(keys))
    assert for_each(sql.CLAIMS, count) == compiled(asked)


def test_the_logs_tables_are_postgresqls_too() -> None:
    """64 bits where a number can outgrow 32, bytes as bytes, the same partial indexes, no default."""
    dialect = postgresql.dialect()
    for table in LOG.metadata.sorted_tables:
        made = str(CreateTable(table).compile(dialect=dialect))
        narrow = [line for line in made.splitlines() if "INTEGER" in line]
        assert narrow == (["\tlevel INTEGER NOT NULL, "] if table.name == schema.TILE else [])
        assert not {word for word in ("SERIAL", "DEFAULT", "VARCHAR", "IDENTITY") if word in made}
        for index in table.indexes:
            ours = LOG.tables()[f"CREATE_INDEX_{str(index.name).upper()}"]
            assert str(CreateIndex(index).compile(dialect=dialect)) == ours


def test_the_schema_names_the_tables_of_the_models() -> None:
    assert set(schema.TABLES) == set(LOG.metadata.tables)
