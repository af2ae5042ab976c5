"""What these tests share: a clock that is told, a log to fill, and an attacker with a database shell."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from audit.claims import ClaimKind
from audit.keys import KeySigner, from_file, signed
from audit.log import Log
from audit.note import Checkpoint, Verifier
from audit.record import Actor, Outcome, Parent, Record, Resource, Verdict
from audit.report import Report
from audit.store import schema
from audit.tree import Tree, leaf_hash
from audit.verify import verify

T = TypeVar("T")
AGENT = Actor(type="agent", id="agent:ops", on_behalf_of="human:anna")
WEB = Resource(cluster="sandbox", namespace="shop", kind="deployment", name="web")
START_MS = 1_700_000_000_000


class ToldClock:
    """Stands still until it is moved; the wall clock can be set apart from the monotonic one."""

    def __init__(self) -> None:
        self.wall, self.mono = START_MS, 5_000_000

    def wall_ms(self) -> int:
        return self.wall

    def mono_us(self) -> int:
        return self.mono

    def world_ms(self) -> int | None:
        return None

    async def sleep(self, seconds: float) -> None:
        self.advance(round(seconds * 1000))

    def advance(self, ms: int) -> None:
        self.wall += ms
        self.mono += ms * 1000


@dataclass(frozen=True)
class Told:
    """A claim as the gate would make it."""

    kind: ClaimKind
    key: str
    value: int = 1
    gap: int = 0


def run(work: Awaitable[T]) -> T:
    async def inside() -> T:
        return await work

    return asyncio.run(inside())


def with_log(path: Path, work: Callable[[Log], Awaitable[T]], **how: Any) -> T:
    """Open the log, do the work, close it."""

    async def inside() -> T:
        log = await Log.open(path, clock=how.pop("clock", None) or ToldClock(), **how)
        try:
            return await work(log)
        finally:
            await log.close()

    return run(inside())


def read_record(log: Log, n: int = 0, **fields: Any) -> Record:
    """A record without parents, of number `n`."""
    return log.draft("tool.read", actor=AGENT, resource=WEB, args={"n": n}, **fields)


async def fill(log: Log, count: int, *, a_commit: int = 1) -> None:
    """`count` records, `a_commit` of them in each commit."""
    for start in range(0, count, a_commit):
        await log.commit([read_record(log, n) for n in range(start, min(start + a_commit, count))])


async def act(log: Log, n: int = 0) -> None:
    """One whole action: decision and intent in one commit with a claim, then the outcome."""
    decision = log.draft(
        "policy.decision", actor=AGENT, resource=WEB, decision=Verdict(verdict="allow", stage="rules")
    )
    intent = log.draft(
        "action.intent",
        actor=AGENT,
        resource=WEB,
        mode="live",
        parents=(Parent(rel="decision", id=decision.id),),
        request_id=f"r{n}",
        request_digest=f"{n:064x}",
    )
    await log.commit([decision, intent], [Told("once", f"attempt/r{n}/0"), Told("set", "busy/web", 1)])
    outcome = log.draft(
        "action.outcome",
        actor=AGENT,
        resource=WEB,
        mode="live",
        parents=(Parent(rel="intent", id=intent.id),),
        request_id=f"r{n}",
        outcome=Outcome(status="applied"),
    )
    await log.commit([outcome], [Told("set", "busy/web", 0)])


def verifier_of(path: Path) -> Verifier:
    return from_file(path.with_suffix(".key")).verifier


def checked(path: Path, **how: Any) -> Report:
    return verify(path, how.pop("verifier", None) or verifier_of(path), **how)


def checks(report: Report) -> set[str]:
    """Which checks found something."""
    return {finding.check for finding in report.findings}


@contextmanager
def attacker(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody with write access and time: drops the triggers, does the work, puts the triggers back."""
    connection = sqlite3.connect(path, isolation_level=None)
    for name in schema.triggers():
        connection.execute(f"DROP TRIGGER {name}")
    try:
        yield connection
        for sql in schema.triggers().values():
            connection.execute(sql)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def rebuild(connection: sqlite3.Connection, signer: KeySigner) -> None:
    """Tiles and one checkpoint again over the rows as they are now, signed by `signer`."""
    connection.execute("DELETE FROM audit_tile")
    connection.execute("DELETE FROM audit_checkpoint")
    tree = Tree()
    for (body,) in connection.execute("SELECT body FROM audit_entry ORDER BY seq").fetchall():
        for tile in tree.append(leaf_hash(body)):
            row = (tile.level, tile.index, tile.root, tile.data)
            connection.execute("INSERT INTO audit_tile VALUES (?, ?, ?, ?)", row)
    checkpoint = Checkpoint(signer.verifier.name, tree.size, tree.root())
    head = (tree.size, tree.root(), signed(checkpoint, signer))
    connection.execute("INSERT INTO audit_checkpoint VALUES (?, ?, ?)", head)
