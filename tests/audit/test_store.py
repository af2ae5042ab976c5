"""Append-only at the database: against any connection by triggers, against our own by the authorizer."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from audit.errors import LogUnavailable
from audit.store import reading, sqlite
from tests.kit.logs import act, checked, fill, verifier_of, with_log


@pytest.fixture
def filled(path: Path) -> Path:
    async def work(log: object) -> None:
        await fill(log, 300, a_commit=50)  # type: ignore[arg-type]
        await act(log)  # type: ignore[arg-type]

    with_log(path, work)
    return path


@pytest.fixture
def anyone(filled: Path) -> Iterator[sqlite3.Connection]:
    """A plain connection, as a mistaken script or another program would have."""
    with closing(sqlite3.connect(filled, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def ours(filled: Path) -> Iterator[sqlite3.Connection]:
    """The connection that the log itself writes by."""
    with closing(sqlite.connect(filled)) as connection:
        yield connection


COPY = "SELECT {seq}, {id}, ts_ns, kind, run_id, actor_id, request_id, request_digest, resource_key, verdict,"
COPY += " leaf_hash, body FROM audit_entry WHERE seq = 5"
TILE = "SELECT 0, {idx}, root, data FROM audit_tile"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_entry SET body = x'00' WHERE seq = 5",
        "UPDATE audit_entry SET verdict = 'allow'",
        "UPDATE OR REPLACE audit_entry SET seq = 6 WHERE seq = 5",
        "DELETE FROM audit_entry WHERE seq = 5",
        "DELETE FROM audit_entry WHERE seq = (SELECT max(seq) FROM audit_entry)",
        "DELETE FROM audit_entry",
        "INSERT OR REPLACE INTO audit_entry " + COPY.format(seq=5, id="record_id"),
        "INSERT OR REPLACE INTO audit_entry " + COPY.format(seq=304, id="record_id"),
        "INSERT OR IGNORE INTO audit_entry " + COPY.format(seq=5, id="'new'"),
        "INSERT INTO audit_entry " + COPY.format(seq=305, id="'new'"),
        "INSERT INTO audit_entry " + COPY.format(seq=-1, id="'new'"),
        "INSERT INTO audit_entry " + COPY.format(seq="NULL", id="record_id"),
        "INSERT INTO audit_entry "
        + COPY.format(seq=5, id="'new'")
        + " ON CONFLICT DO UPDATE SET body = x'00'",
        "UPDATE audit_tile SET data = x'00'",
        "DELETE FROM audit_tile",
        "INSERT OR REPLACE INTO audit_tile " + TILE.format(idx=0),
        "INSERT INTO audit_tile " + TILE.format(idx=2),
        "UPDATE audit_checkpoint SET note = ''",
        "DELETE FROM audit_checkpoint WHERE size > 100",
        "INSERT OR REPLACE INTO audit_checkpoint SELECT * FROM audit_checkpoint WHERE size = 1",
        "INSERT INTO audit_checkpoint SELECT 9999, root, note FROM audit_checkpoint WHERE size = 1",
    ],
)
def test_nothing_stored_is_changed_by_any_connection(
    anyone: sqlite3.Connection, filled: Path, sql: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        anyone.execute(sql)
    report = checked(filled)
    assert report.whole
    assert report.records == 304


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TRIGGER audit_entry_no_update",
        "DROP TABLE audit_entry",
        "ALTER TABLE audit_entry RENAME TO gone",
        "ALTER TABLE audit_entry ADD COLUMN more",
        "CREATE TRIGGER t BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TEMP TRIGGER t BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TABLE other (x)",
        "DROP INDEX audit_entry_kind",
        "PRAGMA writable_schema = ON",
        "PRAGMA synchronous = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA recursive_triggers = OFF",
        "PRAGMA user_version = 0",
        "PRAGMA ignore_check_constraints = ON",
        "UPDATE sqlite_schema SET sql = '' WHERE type = 'trigger'",
        "DELETE FROM sqlite_schema",
        "ATTACH ':memory:' AS other",
        "VACUUM",
        "DELETE FROM audit_claim",
        "DELETE FROM audit_entry",
        "UPDATE audit_entry SET body = x'00'",
    ],
)
def test_our_own_connection_cannot_undo_the_triggers(
    ours: sqlite3.Connection, filled: Path, sql: str
) -> None:
    with pytest.raises(
        sqlite3.DatabaseError, match=r"not authorized|authorization denied|prohibited|may not be modified"
    ):
        ours.execute(sql)
    assert checked(filled).whole


def test_commits_are_synchronous_and_in_the_write_ahead_log(ours: sqlite3.Connection) -> None:
    assert ours.execute("PRAGMA synchronous").fetchone() == (2,)
    assert ours.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_reading_writes_nothing(filled: Path) -> None:
    with closing(reading.connect_reading(filled)) as connection:
        for sql in ("DELETE FROM audit_claim", "CREATE TABLE x (y)"):
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                connection.execute(sql)


def test_a_newer_version_is_refused_clearly(filled: Path) -> None:
    verifier = verifier_of(filled)
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute("PRAGMA user_version = 3")
    for attempt in (
        lambda: with_log(filled, lambda log: fill(log, 1)),
        lambda: checked(filled, verifier=verifier),
    ):
        with pytest.raises(LogUnavailable, match="version 3, this Flyball reads up to 2") as caught:
            attempt()
        assert "newer" in caught.value.hint


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    before = path.read_bytes()
    from audit.keys import KeySigner

    with pytest.raises(LogUnavailable, match="not a Flyball log"):
        with_log(path, lambda log: fill(log, 1), signer=KeySigner.generate())
    assert path.read_bytes()[100:] == before[100:]


def test_the_log_is_not_reached_through_a_link(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(LogUnavailable):
        sqlite.connect(path)
    assert not (tmp_path / "elsewhere.db").exists()
