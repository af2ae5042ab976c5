"""An older log is brought to the newest version, all of it or nothing of it; what was signed stays as it is.

| what                                         | then                                    |
|----------------------------------------------|-----------------------------------------|
| a log of 0.1 is opened for writing           | its schema is that of a new log         |
| it is opened for reading                     | it stays as it is                       |
| a migration adds a table, a column, an index | it may                                  |
| it takes away or changes                     | refused; the old log is whole           |
| it fails, is killed, or the disk is full     | the old log is whole                    |
| several processes open it at once            | one migrates, the others wait and go on |
| a newer Flyball upgrades an open log         | this one appends no more                |
| somebody holds it                            | an error that says so                   |
"""

import asyncio
import json
import os
import resource
import signal
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.operations import Operations

from audit.errors import LogUnavailable
from audit.keys import from_file
from audit.log import Log
from audit.store import schema, sqlite
from audit.store.migrations import MIGRATIONS, Migration
from audit.store.migrations.run import migrate
from audit.store.read import Reader
from audit.verify import verify
from tests.audit.test_processes import drained, forked
from tests.audit.writing import counted
from tests.kit.logs import fill, with_log

DATA = Path(__file__).parent / "data"
RECORDS = 85
NEXT = schema.VERSION + 1
DENIED = r"not authorized|authorization denied|prohibited"
Row = tuple[object, ...]
Upgrade = Callable[[Operations], None]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The log that Flyball 0.1 left, of version 1."""
    with tarfile.open(DATA / "state-0.1.tar.gz") as archive:
        archive.extractall(tmp_path / "state", filter="data")
    log = tmp_path / "state" / "sandbox" / "audit.db"
    log.with_suffix(".key").chmod(0o600)
    return log


def contents(path: Path) -> tuple[int, list[Row], dict[str, list[Row]]]:
    """Version, schema and every row."""
    with closing(sqlite3.connect(path)) as stored:
        version = stored.execute("PRAGMA user_version").fetchone()[0]
        tables = stored.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"
        ).fetchall()
        rows = {
            name: stored.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall()
            for kind, name, *_ in tables
            if kind == "table"
        }
    return version, tables, rows


def run(path: Path, upgrade: Upgrade) -> None:
    """The migrations that there are, and one more."""
    steps = (*MIGRATIONS, Migration(NEXT, upgrade))
    migrate(lambda: sqlite3.connect(path, isolation_level=None, timeout=20), steps)


def whole(path: Path) -> bool:
    report = verify(path, from_file(path.with_suffix(".key")).verifier, full=True)
    return report.whole and report.records >= RECORDS


def test_each_version_has_its_migration() -> None:
    assert [migration.version for migration in MIGRATIONS] == list(range(2, schema.VERSION + 1))


def test_a_log_of_0_1_becomes_what_a_new_log_is(old: Path, path: Path) -> None:
    before = contents(old)
    with closing(sqlite.connect(old)), closing(sqlite.connect(path)):
        assert {file.stat().st_mode & 0o777 for file in old.parent.glob("audit.*")} == {0o600}
    assert contents(old)[:2] == contents(path)[:2]
    assert (before[0], contents(old)[0]) == (1, schema.VERSION)
    assert contents(old)[2] == before[2]
    with closing(sqlite3.connect(old)) as stored:
        assert stored.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_reading_never_migrates(old: Path) -> None:
    before = contents(old)
    with Reader(old) as reader:
        assert reader.size() == RECORDS
        assert len(reader.find()) == RECORDS
    assert whole(old)
    assert contents(old) == before


def test_a_migration_may_add(old: Path) -> None:
    def adds(op: Operations) -> None:
        op.create_table(
            "audit_note", sa.Column("seq", sa.Integer, primary_key=True), sa.Column("text", sa.Text)
        )
        op.add_column("audit_entry", sa.Column("step_id", sa.Text))
        op.create_index("audit_entry_step_id", "audit_entry", ["step_id"])

    run(old, adds)
    version, _, rows = contents(old)
    assert version == NEXT
    assert {*rows} == {*schema.TABLES, "audit_note"}
    with closing(sqlite3.connect(old)) as stored:
        stored.execute(f"PRAGMA user_version = {schema.VERSION}")
    report = verify(old, from_file(old.with_suffix(".key")).verifier, full=True)
    assert {finding.what for finding in report.findings} == {
        "table audit_note is not the log's",
        "table audit_entry is missing or changed",
        "index audit_entry_step_id is not the log's",
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET kind = 'tool.read' WHERE seq = 3",
        "UPDATE audit_entry SET kind = kind WHERE seq = -1",
        "DELETE FROM audit_checkpoint WHERE size = -1",
        "INSERT INTO audit_claim VALUES ('stop/all', 0)",
        "DROP TRIGGER audit_entry_no_update",
        "DROP TABLE audit_tile",
        "ALTER TABLE audit_tile RENAME TO audit_tiles",
        "CREATE TEMP TRIGGER t BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(IGNORE); END",
        "PRAGMA writable_schema = ON",
        "ATTACH ':memory:' AS other",
    ],
)
def test_a_migration_takes_nothing_away(old: Path, statement: str) -> None:
    before = contents(old)

    def takes(op: Operations) -> None:
        op.create_table("audit_note", sa.Column("seq", sa.Integer, primary_key=True))
        op.execute(statement)

    with pytest.raises(sqlite3.DatabaseError, match=f"{DENIED}|triggers"):
        run(old, takes)
    assert contents(old) == before
    assert whole(old)


def test_copying_a_table_to_change_it_is_refused(old: Path) -> None:
    before = contents(old)

    def copies(op: Operations) -> None:
        with op.batch_alter_table("audit_entry", recreate="always") as batch:
            batch.drop_column("verdict")

    with pytest.raises(sqlite3.DatabaseError, match=DENIED):
        run(old, copies)
    assert contents(old) == before


def test_a_migration_that_fails_leaves_the_old_log(old: Path) -> None:
    before = contents(old)

    def fails(op: Operations) -> None:
        op.create_table("audit_note", sa.Column("seq", sa.Integer, primary_key=True))
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        run(old, fails)
    assert contents(old) == before
    with_log(old, lambda log: fill(log, 1))
    assert whole(old)


def test_killed_on_the_way_the_old_log_is_whole(old: Path) -> None:
    before = contents(old)

    def dies(op: Operations) -> None:
        op.create_table("audit_note", sa.Column("seq", sa.Integer, primary_key=True))
        op.bulk_insert(sa.table("audit_note", sa.column("seq")), [{"seq": n} for n in range(20_000)])
        os.kill(os.getpid(), signal.SIGKILL)

    child, out = forked(lambda _: run(old, dies))
    drained(out)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert contents(old) == before
    with_log(old, lambda log: fill(log, 1))
    assert whole(old)


def test_where_the_disk_is_full_the_old_log_is_whole(old: Path) -> None:
    before = contents(old)

    def grows(op: Operations) -> None:
        op.create_table(
            "audit_note", sa.Column("seq", sa.Integer, primary_key=True), sa.Column("text", sa.Text)
        )
        rows = [{"seq": n, "text": "x" * 2000} for n in range(12_000)]
        op.bulk_insert(sa.table("audit_note", sa.column("seq"), sa.column("text")), rows)

    def starved(into: int) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
        try:
            run(old, grows)
        except sqlite3.OperationalError as error:
            os.write(into, str(error).encode())

    child, out = forked(starved)
    assert drained(out) in ("disk I/O error", "database or disk is full")
    assert os.waitpid(child, 0)[1] == 0
    assert contents(old) == before
    assert whole(old)


def test_one_process_migrates_and_the_other_waits(old: Path) -> None:
    go, came = os.pipe(), os.pipe()

    def first(op: Operations) -> None:
        os.write(came[1], b"in")
        os.read(go[0], 1)
        op.create_table("audit_note", sa.Column("seq", sa.Integer, primary_key=True))

    def second(_: Operations) -> None:
        os._exit(3)

    one, one_out = forked(lambda _: run(old, first))
    assert os.read(came[0], 2) == b"in"
    other, other_out = forked(lambda _: run(old, second))
    assert os.waitpid(other, os.WNOHANG) == (0, 0)
    os.write(go[1], b"x")
    drained(one_out)
    drained(other_out)
    assert [os.waitpid(child, 0)[1] for child in (one, other)] == [0, 0]
    assert contents(old)[0] == NEXT
    for end in (*go, *came):
        os.close(end)


def test_three_processes_that_open_an_old_log_all_go_on(old: Path) -> None:
    def work(into: int) -> None:
        os.write(into, json.dumps(asyncio.run(counted(old, None, 10))).encode())

    children = [forked(work) for _ in range(3)]
    answers = [json.loads(drained(out)) for _, out in children]
    assert [os.waitpid(child, 0)[1] for child, _ in children] == [0, 0, 0]
    assert sorted(seq for seqs in answers for seq in seqs) == list(range(RECORDS, RECORDS + 30))
    assert whole(old)


def test_a_log_that_was_upgraded_meanwhile_takes_nothing_from_this_version(path: Path) -> None:
    async def work(log: Log) -> None:
        await fill(log, 3)
        with closing(sqlite3.connect(path)) as newer:
            newer.execute(f"PRAGMA user_version = {NEXT}")
        with pytest.raises(LogUnavailable, match=f"version {NEXT} meanwhile") as caught:
            await fill(log, 1)
        assert "start the newer" in caught.value.hint

    with_log(path, work)
    assert len(contents(path)[2]["audit_entry"]) == 4


def test_a_log_that_somebody_holds_is_not_migrated(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", 0.2)
    before = contents(old)
    with closing(sqlite3.connect(old, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogUnavailable, match="locked") as caught:
            sqlite.connect(old)
        holder.execute("ROLLBACK")
    assert "another process" in caught.value.hint
    assert contents(old) == before
