"""Several processes on one log, and processes that die at any moment."""

import asyncio
import json
import os
import random
import select
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from audit.clock import SystemClock
from audit.log import Log
from tests.audit.writing import counted, endless
from tests.kit.logs import Told, checked, fill, read_record, with_log

READS = """import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as log:
    log.execute("SELECT count(*) FROM audit_entry").fetchall()
log.close()"""
ROUNDS = int(os.environ.get("FLYBALL_CRASH_ROUNDS", "15"))


def forked(work: object) -> tuple[int, int]:
    """Run `work(write end of a pipe)` in a child; gives its id and the read end."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(out)
            work(into)  # type: ignore[operator]
            code = 0
        finally:
            os._exit(code)
    os.close(into)
    return child, out


def drained(out: int) -> str:
    with os.fdopen(out, "rb") as file:
        return file.read().decode()


def test_three_processes_write_one_contiguous_tree(path: Path, tmp_path: Path) -> None:
    """All start on a log that is not there yet; one makes it, all proceed."""
    kept = tmp_path / "kept.note"

    def work(into: int) -> None:
        os.write(into, json.dumps(asyncio.run(counted(path, kept, 40))).encode())

    children = [forked(work) for _ in range(3)]
    answers = [json.loads(drained(out)) for _, out in children]
    assert [os.waitpid(child, 0)[1] for child, _ in children] == [0, 0, 0]
    assert sorted(seq for seqs in answers for seq in seqs) == list(range(1, 121))
    assert all(seqs == sorted(seqs) for seqs in answers)
    report = checked(path, pinned_path=kept, full=True)
    assert (report.whole, report.records, report.pinned_records) == (True, 121, 121)


def test_two_logs_of_one_process_write_one_contiguous_tree(path: Path) -> None:
    """Each has its own connections and its own writer's thread; a claim that both want is settled in the file."""

    async def work(one: Log) -> None:
        two = await Log.open(path, clock=SystemClock())

        async def write(log: Log, name: str) -> list[int]:
            seqs = []
            for n in range(60):
                taken = [Told("raise", "fence/shared", 0), Told("once", f"own/{name}/{n}")]
                seqs += [entry.seq for entry in await log.commit([read_record(log, n)], taken)]
            return seqs

        first, second = await asyncio.gather(write(one, "one"), write(two, "two"))
        assert sorted(first + second) == list(range(1, 121))
        assert await one.values(["fence/shared"]) == await two.values(["fence/shared"])
        await two.close()

    with_log(path, work, clock=SystemClock())
    report = checked(path, full=True)
    assert (report.whole, report.records) == (True, 121)


def test_two_logs_of_one_process_lose_nothing_when_it_is_killed(path: Path) -> None:
    """Opening a second one must drop no lock of the first: then the next process to leave removes what it writes."""

    async def both(into: int) -> None:
        one = await Log.open(path, clock=SystemClock())
        two = await Log.open(path, clock=SystemClock())
        await two.close()
        child, out = forked(lambda _: os.execvp(sys.executable, [sys.executable, "-c", READS, str(path)]))
        drained(out)
        os.waitpid(child, 0)
        for n in range(20):
            (entry,) = await one.commit([read_record(one, n)])
            os.write(into, f"{entry.seq} {entry.record.id}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)

    child, out = forked(lambda into: asyncio.run(both(into)))
    acknowledged = dict(line.split() for line in drained(out).splitlines())
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    with closing(sqlite3.connect(path)) as connection:
        stored = dict(connection.execute("SELECT CAST(seq AS TEXT), record_id FROM audit_entry"))
    assert len(acknowledged) == 20
    assert {seq: stored.get(seq) for seq in acknowledged} == acknowledged


def test_nobody_but_sqlite_opens_a_log_that_is_there(path: Path) -> None:
    """Closing any other descriptor of it drops the locks of the whole process."""
    opened = set()

    async def work(log: Log) -> None:
        sys.addaudithook(lambda event, args: opened.add(str(args[0])) if event == "open" else None)
        two = await Log.open(path, clock=SystemClock())
        await fill(two, 2)
        assert checked(path).whole
        await two.close()
        seen = set(opened)
        assert str(path.with_suffix(".key")) in seen, "the hook saw nothing"
        assert str(path) not in seen

    with_log(path, work)


def test_killed_at_random_nothing_acknowledged_is_lost(path: Path, tmp_path: Path) -> None:
    """kill -9, over and over on the same log. Says nothing about the disk: see test_durability."""
    chance, kept = random.Random(20261005), tmp_path / "kept.note"
    acknowledged: dict[int, str] = {}

    def work(into: int) -> None:
        asyncio.run(endless(path, kept, lambda line: os.write(into, f"{line}\n".encode())))

    for _ in range(ROUNDS):
        child, out = forked(work)
        select.select([out], [], [], 20)
        deadline = time.monotonic() + chance.uniform(0, 0.06)
        while (left := deadline - time.monotonic()) > 0:
            select.select([], [], [], left)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        *whole, _ = drained(out).split("\n")
        acknowledged |= {int(seq): record for seq, record in (line.split() for line in whole)}
        report = checked(path, pinned_path=kept)
        assert report.whole, report.findings
        assert report.records > max(acknowledged, default=-1)
    with closing(sqlite3.connect(path)) as connection:
        stored = dict(connection.execute("SELECT seq, record_id FROM audit_entry"))
    assert len(acknowledged) >= ROUNDS
    assert {seq: stored.get(seq) for seq in acknowledged} == acknowledged


def test_a_process_that_was_overtaken_goes_on_from_the_newer_head(path: Path) -> None:
    async def work(log: Log) -> None:
        await fill(log, 3)
        child, out = forked(
            lambda into: os.write(into, json.dumps(asyncio.run(counted(path, None, 600))).encode())
        )
        seen = await asyncio.to_thread(drained, out)
        os.waitpid(child, 0)
        assert len(json.loads(seen)) == 600
        (entry,) = await log.commit([read_record(log)])
        assert entry.seq == 604

    with_log(path, work, clock=SystemClock())
    assert checked(path).whole


@pytest.mark.parametrize("folded", [True, False])
def test_a_write_ahead_log_taken_away_after_a_kill_is_found_out(
    path: Path, tmp_path: Path, folded: bool
) -> None:
    """Pinned before the acknowledgement: whatever is lost of it, the pinned checkpoint has more records."""
    kept = tmp_path / "kept.note"
    if folded:
        with_log(path, lambda log: fill(log, 5), pinned=kept)

    async def killed(into: int) -> None:
        log = await Log.open(path, clock=SystemClock(), pinned=kept, pinned_write="sync")
        for n in range(10):
            (entry,) = await log.commit([read_record(log, n)])
            os.write(into, f"{entry.seq}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)

    child, out = forked(lambda into: asyncio.run(killed(into)))
    acknowledged = [int(line) for line in drained(out).split()]
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert checked(path, pinned_path=kept).pinned_records == acknowledged[-1] + 1
    for name in ("audit.db-wal", "audit.db-shm"):
        path.with_name(name).unlink()
    report = checked(path, pinned_path=kept)
    assert "pinned" in {finding.check for finding in report.findings}
    assert f"{acknowledged[-1] + 1} records" in " ".join(finding.what for finding in report.findings)
