"""Leases: one holder at a time, tokens that only grow, and a file whose loss is harmless."""

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from audit.clock import SystemClock
from tools.path.leases import VERSION, LeaseBusy, LeaseUnavailable, SqliteLeases


class HandClock(SystemClock):
    """Monotonic time that the test moves."""

    def __init__(self) -> None:
        self.us = 1_000_000

    def mono_us(self) -> int:
        return self.us


async def nothing_seen(_: str) -> int:
    return 0


def leases(
    folder: Path,
    clock: SystemClock | None = None,
    floor: Callable[[str], Awaitable[int]] = nothing_seen,
    **how: float,
) -> SqliteLeases:
    return SqliteLeases(folder / "leases.db", clock or SystemClock(), floor, **how)


async def token(of: SqliteLeases, key: str = "web") -> int:
    async with of.hold(key) as held:
        return held.token


def test_tokens_grow_with_every_holder(tmp_path: Path) -> None:
    one, two = leases(tmp_path), leases(tmp_path)

    async def work() -> list[int]:
        return [await token(one), await token(two), await token(one), await token(two, "search")]

    assert asyncio.run(work()) == [1, 2, 3, 1]


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """The second waits until the first lets go, and no longer."""
    order: list[str] = []

    async def hold(of: SqliteLeases, name: str, until: asyncio.Event) -> None:
        async with of.hold("web"):
            order.append(f"{name} in")
            await until.wait()
            order.append(f"{name} out")

    async def work() -> None:
        release, free = asyncio.Event(), asyncio.Event()
        free.set()
        first = asyncio.create_task(hold(leases(tmp_path), "first", release))
        while not order:
            await asyncio.sleep(0)
        second = asyncio.create_task(hold(leases(tmp_path), "second", free))
        await asyncio.sleep(0)
        release.set()
        await asyncio.gather(first, second)

    asyncio.run(work())
    assert order == ["first in", "first out", "second in", "second out"]


def test_waiting_ends(tmp_path: Path) -> None:
    async def work() -> None:
        async with leases(tmp_path).hold("web"):
            with pytest.raises(LeaseBusy):
                await token(leases(tmp_path, wait_s=0.0))

    asyncio.run(work())


def test_a_lapsed_lease_is_taken_over_with_a_higher_token(tmp_path: Path) -> None:
    """The holder is not asked: it may be dead or asleep. Its release afterwards takes nothing away."""
    clock = HandClock()

    async def work() -> None:
        async with leases(tmp_path, clock).hold("web") as slept:
            clock.us += 15_000_001
            taker = leases(tmp_path, clock).hold("web")
            held = await taker.__aenter__()
            assert held.token > slept.token
        with pytest.raises(LeaseBusy):  # the sleeper has let go, of nothing
            await token(leases(tmp_path, clock, wait_s=0.0))
        await taker.__aexit__(None, None, None)
        assert await token(leases(tmp_path, clock, wait_s=0.0)) > held.token

    asyncio.run(work())


def test_a_held_lease_is_renewed(tmp_path: Path) -> None:
    async def work() -> None:
        async with leases(tmp_path, ttl_s=0.15).hold("web"):
            with pytest.raises(LeaseBusy):
                await token(leases(tmp_path, wait_s=0.4))

    asyncio.run(work())


def test_a_lost_file_starts_above_what_the_log_has_seen(tmp_path: Path) -> None:
    async def seen(key: str) -> int:
        return {"web": 41}.get(key, 0)

    async def work() -> None:
        assert await token(leases(tmp_path, floor=seen)) == 42
        (tmp_path / "leases.db").unlink()
        for rest in tmp_path.glob("leases.db-*"):
            rest.unlink()
        assert await token(leases(tmp_path, floor=seen)) == 42

    asyncio.run(work())


def test_a_reboot_frees_every_lease(tmp_path: Path) -> None:
    """Monotonic times of another boot say nothing."""

    async def work() -> None:
        async with leases(tmp_path).hold("web"):
            other = sqlite3.connect(tmp_path / "leases.db", isolation_level=None)
            other.execute("UPDATE lease SET boot = 'another boot', until_us = 9000000000000000")
            other.close()
            assert await token(leases(tmp_path, wait_s=0.0)) == 2

    asyncio.run(work())


def test_what_was_done_under_it_is_not_lost_with_the_file(tmp_path: Path) -> None:
    """The release fails (a locked or broken file): the body's result stands, the lease lapses."""

    async def work() -> str:
        held = leases(tmp_path)
        async with held.hold("web"):
            held.close()
            return "done"

    assert asyncio.run(work()) == "done"


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "leases.db").mkdir()
    with pytest.raises(LeaseUnavailable) as error:
        leases(tmp_path)
    assert str(tmp_path) in error.value.where


def test_a_file_that_breaks_later(tmp_path: Path) -> None:
    broken = leases(tmp_path)
    broken.close()
    with pytest.raises(LeaseUnavailable):
        asyncio.run(token(broken))


def test_the_file_is_private(tmp_path: Path) -> None:
    leases(tmp_path / "new")
    assert os.stat(tmp_path / "new" / "leases.db").st_mode & 0o777 == 0o600
    assert os.stat(tmp_path / "new").st_mode & 0o777 == 0o700


def test_the_leases_of_0_1_go_on(tmp_path: Path) -> None:
    """Its file has no version, and the table by another spelling."""
    with closing(sqlite3.connect(tmp_path / "leases.db")) as old:
        old.execute(
            "CREATE TABLE lease(key TEXT PRIMARY KEY, token INTEGER NOT NULL, holder TEXT,"
            " until_us INTEGER NOT NULL, boot TEXT NOT NULL) WITHOUT ROWID, STRICT"
        )
        with old:
            old.execute("INSERT INTO lease VALUES ('web', 41, NULL, 0, 'a boot long ago')")
    assert asyncio.run(token(leases(tmp_path))) == 42
    with closing(sqlite3.connect(tmp_path / "leases.db")) as now:
        assert now.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert (tmp_path / "leases.db").stat().st_mode & 0o777 == 0o600


def test_newer_leases_are_refused_clearly(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "leases.db")) as newer:
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(
        LeaseUnavailable, match=f"version {VERSION + 1}, this Flyball knows up to {VERSION}"
    ) as caught:
        leases(tmp_path)
    assert "newer" in caught.value.hint
