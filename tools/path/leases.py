"""Leases in their own SQLite file: who works on a workload now. Time decides who waits, the token who may write.

A holder that slept past its lease finds its token below the log's high-water mark and loses its claim.
Losing the newest rows of this file is harmless: a new token starts above that mark.
"""

import asyncio
import os
import sqlite3
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from audit.clock import Clock, boot_id
from tools.errors import ToolError
from tools.path import lease_sql as sql
from tools.ports import Held

TTL_S = 15.0
POLL_S = 0.05
VERSION = 1
"""PRAGMA user_version of the file; 0 in those of Flyball 0.1, whose table is the same."""


class LeaseUnavailable(ToolError):
    """The leases' file cannot be used; nothing was done."""

    effect = "unavailable"


class LeaseBusy(LeaseUnavailable):
    """Another process holds the lease and did not let go in time; nothing was done."""


class _Renewal:
    """Calls `renew` every `every_s` seconds until it is stopped. A timer, no task: most leases end before the
    first renewal is due."""

    def __init__(self, every_s: float, renew: Callable[[], None]) -> None:
        self._every_s, self._renew = every_s, renew
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(every_s, self._due)

    def stop(self) -> None:
        self._timer.cancel()

    def _due(self) -> None:
        self._renew()
        self._timer = self._loop.call_later(self._every_s, self._due)


class SqliteLeases:
    """The Leases port on one machine. `floor(key)` is the highest token that the log has seen.

    A lease lapses `ttl_s` after its last renewal (renewed every third of that); `wait_s` is how long somebody
    waits for it. Raises LeaseUnavailable.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        floor: Callable[[str], Awaitable[int]],
        *,
        wait_s: float = 30.0,
        ttl_s: float = TTL_S,
    ) -> None:
        self._path, self._clock, self._floor, self._boot = path, clock, floor, boot_id()
        self._wait_s, self._ttl_s = wait_s, ttl_s
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10.0)
            os.chmod(path, 0o600)
            self._prepare()
        except (sqlite3.Error, OSError) as e:
            raise self._unavailable(e) from e

    def _prepare(self) -> None:
        """Make the table where there is none. Raises LeaseUnavailable for a file of a newer version."""
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            what = f"the leases are of version {version}, this Flyball knows up to {VERSION}"
            self.close()
            raise LeaseUnavailable(
                what, where=str(self._path), hint="use the Flyball that wrote them, or a newer one"
            )
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + sql.CREATE_LEASE)
        if version < VERSION:
            self._db.execute(f"PRAGMA user_version = {VERSION}")

    def hold(self, key: str) -> AbstractAsyncContextManager[Held]:
        """Wait for the lease, renew it while held, release it at the end. Raises LeaseBusy, LeaseUnavailable."""
        return self._hold(key)

    @asynccontextmanager
    async def _hold(self, key: str) -> AsyncIterator[Held]:
        me = uuid.uuid4().hex
        held = Held(key, await self._take(key, me))
        renewal = _Renewal(self._ttl_s / 3, partial(self._renew, held, me))
        try:
            yield held
        finally:
            renewal.stop()
            with suppress(
                sqlite3.Error
            ):  # not given back, it lapses: no reason to lose what was done under it
                self._db.execute(sql.RELEASE, {"name": key, "me": me, "held": held.token})

    async def _take(self, key: str, me: str) -> int:
        deadline = self._clock.mono_us() + int(self._wait_s * 1_000_000)
        floor = await self._floor(key)
        while True:
            now = self._clock.mono_us()
            wanted = {
                "name": key,
                "floor": floor,
                "me": me,
                "now": now,
                "until": self._until(),
                "boot_id": self._boot,
            }
            try:
                row = self._db.execute(sql.TAKE, wanted).fetchone()
            except sqlite3.Error as e:
                raise self._unavailable(e) from e
            if row is not None:
                return int(row[0])
            if now >= deadline:
                raise LeaseBusy(
                    "another process is working on it", where=key, hint="wait for it, then try again"
                )
            await asyncio.sleep(POLL_S)

    def _renew(self, held: Held, me: str) -> None:
        """A renewal that fails is tried again; should the lease lapse meanwhile, the token decides."""
        with suppress(sqlite3.Error):
            self._db.execute(
                sql.RENEW, {"name": held.key, "me": me, "held": held.token, "until": self._until()}
            )

    def _until(self) -> int:
        """In microseconds of the monotonic clock, which all processes of a machine share."""
        return self._clock.mono_us() + int(self._ttl_s * 1_000_000)

    def _unavailable(self, error: Exception) -> LeaseUnavailable:
        hint = "see that the disk has room and the file belongs to you"
        return LeaseUnavailable(f"the leases cannot be used: {error}", where=str(self._path), hint=hint)

    def close(self) -> None:
        """Let the file go."""
        self._db.close()
