"""Durable before it is acknowledged; and when that cannot be, said so, with nothing stored.

kill -9 proves nothing about durability: the kernel still has what was written. So the system calls are
watched (strace), and a log is opened from only that part of its files that had been synced.
"""

import asyncio
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from audit.errors import LogUnavailable
from audit.log import Log
from audit.store import sqlite
from tests.kit.logs import Told, checked, fill, read_record, with_log

STRACE = shutil.which("strace")
needs_strace = pytest.mark.skipif(STRACE is None, reason="NO STRACE: install it, or durability is not proven")
ROOT = Path(__file__).parents[2]


def child(*words: str, under: tuple[str, ...] = ()) -> list[str]:
    command = [*under, sys.executable, "-m", "tests.audit.writing", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


class Trace:
    """What strace saw, in order: writes to the write-ahead log, finished syncs of it, acknowledgements."""

    CALL = re.compile(r"^(\d+) +(?:(\w+)\((\d+)<([^>]*)>|<\.\.\. (\w+) resumed>)(.*)$")

    def __init__(self, text: str) -> None:
        self.events: list[tuple[str, int]] = []
        self._open: dict[str, tuple[str, str, str]] = {}
        for line in text.splitlines():
            if match := self.CALL.match(line):
                self._line(*match.groups())

    def _line(self, thread: str, call: str, fd: str, file: str, resumed: str, rest: str) -> None:
        if resumed:
            call, file, first = self._open.pop(thread)
            rest = first + rest
        elif rest.endswith("<unfinished ...>"):
            self._open[thread] = (call, file, rest)
            if call == "pwrite64" and file.endswith("-wal"):
                self._wrote(rest)
            return
        if call in ("fdatasync", "fsync") and file.endswith("-wal") and rest.endswith("= 0"):
            self.events.append(("sync", 0))
        elif call == "pwrite64" and file.endswith("-wal") and not resumed:
            self._wrote(rest)
        elif call == "write" and "ACK" in rest:
            self.events.append(("ack", 0))

    def _wrote(self, rest: str) -> None:
        size, offset = re.findall(r"(\d+), (\d+)(?:\)| <)", rest)[0]
        self.events.append(("write", int(size) + int(offset)))


@needs_strace
def test_one_sync_precedes_each_acknowledgement_and_carries_all_of_it(path: Path, tmp_path: Path) -> None:
    with_log(path, lambda log: fill(log, 1))  # the log is there, so that only commits are seen
    out = tmp_path / "trace"
    calls = "trace=pwrite64,fdatasync,fsync,write"
    under = (str(STRACE), "-f", "-y", "-s", "8", "-e", calls, "-o", str(out))
    acknowledged = child("watched", str(path), "30", under=under)
    events = Trace(out.read_text()).events
    assert [kind for kind, _ in events].count("ack") == len(acknowledged) == 30
    dirty, syncs, counts, synced, extent = False, 0, list[int](), 0, 0
    for kind, end in events:
        if kind == "write":
            dirty, extent = True, max(extent, end)
        elif kind == "sync":
            dirty, syncs, synced = False, syncs + 1, extent
        else:
            assert not dirty, "acknowledged with unsynced writes"
            assert syncs, "acknowledged without a sync"
            counts, syncs = [*counts, syncs], 0
    assert counts[1:] == [1] * 29, "one sync a commit"

    wal = path.with_name("audit.db-wal")  # the process ended without closing: now the power goes, too
    with wal.open("r+b") as file:
        file.truncate(synced)
    report = checked(path)
    assert (report.whole, report.records) == (True, 2 + 30)


@pytest.mark.parametrize("lost", [1, 500, 4096, 20_000, 100_000, 10**9])
def test_a_log_that_lost_unsynced_writes_is_whole_up_to_there(path: Path, tmp_path: Path, lost: int) -> None:
    """Whatever is missing of the write-ahead log, what is left is whole commits: never half of one."""
    copy = tmp_path / "copy" / "audit.db"
    copy.parent.mkdir()

    async def work(log: Log) -> None:
        await fill(log, 60, a_commit=3)
        for name in ("audit.db", "audit.db-wal"):
            shutil.copy(path.with_name(name), copy.with_name(name))

    with_log(path, work)
    shutil.copy(path.with_suffix(".key"), copy.with_suffix(".key"))
    wal = copy.with_name("audit.db-wal")
    with wal.open("r+b") as file:
        file.truncate(max(0, wal.stat().st_size - lost))
    if lost == 10**9:  # not even the tables were synced
        with_log(copy, lambda log: fill(log, 1))
        return
    report = checked(copy)
    assert report.whole
    assert report.records <= 61
    with_log(copy, lambda log: fill(log, 2))
    assert checked(copy).whole


def test_a_full_disk_refuses_and_recovers(path: Path) -> None:
    """The file may not grow: nothing is acknowledged, nothing claimed; with room again it goes on."""
    *acknowledged, refused = child("starved", str(path), "600000")
    assert refused == "REFUSED 5"
    assert len(acknowledged) == 395
    report = checked(path)
    assert report.whole, report.findings
    with closing(sqlite3.connect(path)) as connection:
        stored = dict(connection.execute("SELECT seq, record_id FROM audit_entry"))
    for line in acknowledged:
        _, seq, record = line.split()
        assert stored[int(seq)] == record
    assert report.records == 396, "what was refused is not there"


def test_a_database_that_is_locked_refuses_and_recovers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", 0.05)

    async def work(log: Log) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LogUnavailable, match="locked") as caught:
                await log.commit([read_record(log)], [Told("once", "x")])
            assert "another process" in caught.value.hint
            assert (await log.values(["x"])) == {"x": 0}
            other.execute("ROLLBACK")
        (entry,) = await log.commit([read_record(log)], [Told("once", "x")])
        assert entry.seq == 1

    with_log(path, work)
    assert checked(path).whole


def test_a_lock_that_is_let_go_in_time_is_waited_for(path: Path) -> None:
    async def work(log: Log) -> None:
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(log.commit([read_record(log)]))
            done, _ = await asyncio.wait([waiting], timeout=0.1)
            assert not done
            other.execute("ROLLBACK")
            assert (await waiting)[0].seq == 1

    with_log(path, work)


def test_the_files_taken_away_under_a_running_log(path: Path) -> None:
    """No acknowledgement rests on a file that is not the log any more."""

    async def work(log: Log) -> None:
        await fill(log, 2)
        shutil.rmtree(path.parent)
        try:
            await log.commit([read_record(log)])
        except LogUnavailable:
            return
        pytest.fail("acknowledged into a deleted file")

    with_log(path, work)
