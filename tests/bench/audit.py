"""Durable, signed appends against raw inserts of the same rows through sqlite3, and verification.

CPU is this process's, user and system, all threads. Log and raw inserts take turns, and the best round of each
counts: what else the machine does in between is not what is measured.
"""

import argparse
import asyncio
import hashlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from audit.clock import SystemClock
from audit.keys import from_file
from audit.log import Log
from audit.record import Actor, Record, Resource
from audit.store import schema
from audit.verify import verify
from tests.bench.report import Row

CALLERS = (1, 8, 64)
ACTOR = Actor(type="agent", id="agent:tuner", on_behalf_of="human:anna", session="tty1")
WEB = Resource(cluster="prod-eu", namespace="shop", kind="deployment", name="web", uid="9f1c7e52")


@dataclass(frozen=True)
class Speed:
    """Of one round: rows a second and CPU in µs a row."""

    rate: float
    cpu_us: float


def run(argv: list[str]) -> list[Row]:
    options = argparse.ArgumentParser(prog="bench audit")
    options.add_argument("--records", type=int, default=1_000_000, help="records to verify")
    options.add_argument("--appends", type=int, default=16_000, help="appends in a round of 64 callers")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args(argv)
    if given.child:
        asyncio.run(_fill(given.child, given.appends, 1))
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [row for callers in CALLERS for row in _appends(folder, callers, given.appends, given.rounds)]
        return [*rows, _syncs(folder), *_verification(folder, given.records)]


def _appends(folder: Path, callers: int, appends: int, rounds: int) -> list[Row]:
    count = appends * callers // CALLERS[-1]
    ours, raw = [], []
    for number in range(rounds):
        path = folder / f"{callers}-{number}" / "audit.db"
        ours.append(asyncio.run(_fill(path, count, callers)))
        raw.append(_raw(path, folder / "raw.db", callers))
        shutil.rmtree(path.parent)
    best, peer = max(s.rate for s in ours), max(s.rate for s in raw)
    cpu = min(s.cpu_us for s in ours)
    last = callers == CALLERS[-1]
    return [
        Row(f"raw sqlite3, batches of {callers}, rows/s", peer),
        Row(f"log, {callers} callers, appends/s", best, best / peer),
        Row(f"log, {callers} callers, CPU µs an append", cpu, bar="<= 45" if last else ""),
        *([Row("log, 64 callers, % of raw", 100 * best / peer, bar=">= 50")] if last else []),
    ]


async def _fill(path: Path, count: int, callers: int) -> Speed:
    """`count` commits of one record each, by that many callers at once, with a pinned checkpoint."""
    log = await Log.open(path, clock=SystemClock(), pinned=path.parent / "kept.note")

    digests = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(count)]

    async def caller(number: int) -> None:
        for n in range(number, count, callers):
            await log.commit([_record(log, n, digests[n])])

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*[caller(number) for number in range(callers)])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    await log.close()
    return Speed(count / wall, cpu / count * 1e6)


def _record(log: Log, n: int, digest: str) -> Record:
    """As the path writes them: a request's id grows, its digest is anywhere."""
    return log.draft(
        "tool.read",
        actor=ACTOR,
        resource=WEB,
        request_id=f"01a20900-32ed-7{n:011x}",
        request_digest=digest,
        args={"workload": "deployment/web", "window_s": 300},
        observation={"cpu_millicores": 1200 + n % 700, "replicas": 4, "ready": 4, "age_ms": 412},
        reason="utilisation against the target of the autoscaler",
    )


def _raw(source: Path, path: Path, batch: int) -> Speed:
    """The very rows of a log into the same table with the same indexes: no triggers, no tree, no signature."""
    with closing(sqlite3.connect(source)) as connection:
        rows = connection.execute("SELECT * FROM audit_entry ORDER BY seq").fetchall()
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    with closing(connection):
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")
        for statement in schema.statements():
            if not statement.startswith("CREATE TRIGGER"):
                connection.execute(statement)
        insert = f"INSERT INTO audit_entry VALUES ({', '.join('?' * len(rows[0]))})"
        wall, cpu = time.perf_counter(), time.process_time()
        for start in range(0, len(rows), batch):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, rows[start : start + batch])
            connection.execute("COMMIT")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    path.with_name("raw.db").unlink(missing_ok=True)
    return Speed(len(rows) / wall, cpu / len(rows) * 1e6)


def _syncs(folder: Path) -> Row:
    """Syncs of the write-ahead log a commit: what 120 commits cost beyond what 20 do."""
    name = "fdatasync a commit"
    if shutil.which("strace") is None:
        return Row(f"{name}: not measured, no strace here", float("nan"))
    few, many = (_traced(folder, count) for count in (20, 120))
    return Row(name, (many - few) / 100, bar="<= 1")


def _traced(folder: Path, count: int) -> int:
    trace, path = folder / f"trace-{count}", folder / f"traced-{count}" / "audit.db"
    own = ["-m", "tests.bench", "audit", "--appends", str(count), "--child", str(path)]
    command = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(trace), sys.executable, *own]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    calls = (line for line in trace.read_text().splitlines() if "resumed" not in line)
    return sum("audit.db-wal>" in line for line in calls)


def _verification(folder: Path, records: int) -> list[Row]:
    path = folder / "large" / "audit.db"
    count = records // CALLERS[-1] * CALLERS[-1]
    asyncio.run(_fill(path, count, CALLERS[-1]))
    cpu = time.process_time()
    report = verify(path, from_file(path.with_suffix(".key")).verifier, pinned_path=path.parent / "kept.note")
    cpu = time.process_time() - cpu
    assert report.whole, report.findings
    assert report.records > count
    million = cpu * 1e6 / report.records
    return [
        Row(f"verify {report.records:,} records, CPU s", cpu),
        Row("verify, CPU s a million records", million, bar="<= 15"),
    ]
