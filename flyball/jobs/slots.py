"""Slots of locks: who works under a lock now. A lease lapses by the monotonic clock of one boot, which does not jump;
the fencing token grows with each holder, so that one who slept past its lease is told from the next."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from audit.clock import Clock, boot_id
from flyball.jobs import job_sql as sql
from flyball.jobs.errors import JobsUnavailable
from flyball.jobs.store import JobStore, Value
from flyball.jobs.types import Holding

TTL_S = 6.0
"""How long a lease lasts without a heartbeat: after that long a dead worker's place is free."""

_FAR_S = 600
"""No lease is given for so long: a row that says so was not written by a holder, and holds nothing."""


class Slots:
    """The slots in one file. Raises JobsUnavailable."""

    def __init__(self, store: JobStore, clock: Clock, ttl_s: float = TTL_S) -> None:
        self._store, self._clock, self._ttl_s, self._boot = store, clock, ttl_s, boot_id()

    def now(self) -> dict[str, Value]:
        """The parameters by which statements see who still holds."""
        now = self._clock.mono_us()
        return {"now": now, "far": now + _FAR_S * 1_000_000, "boot_id": self._boot}

    def take(self, lock: str, slots: int, worker: str, floor: int = 0) -> Holding | None:
        """The first free slot; its token is above `floor`."""
        wanted = {**self.now(), "lock_": lock, "me": worker, "floor": floor, "until": self._until()}
        for n in range(slots):
            for (token,) in self._store.rows(sql.TAKE, {**wanted, "slot_n": n}):
                return Holding(lock, n, int(token or 0), worker)
        return None

    def release(self, lock: str, slot: int, token: int) -> None:
        """Free the slot where that token still holds it."""
        self._store.changed(sql.RELEASE, {"lock_": lock, "slot_n": slot, "held": token})

    def holders(self, lock: str) -> list[Holding]:
        """Who holds the lock now."""
        rows = self._store.rows(sql.HOLDERS, {**self.now(), "lock_": lock})
        return [Holding(lock, int(n or 0), int(token or 0), str(me)) for n, token, me in rows]

    def renew(self, store: JobStore, worker: str, holding: Holding | None) -> bool:
        """All that the worker holds, by the connection of the thread that asks; whether `holding` is among it."""
        store.changed(sql.RENEW, {"me": worker, "until": self._until()})
        if holding is None:
            return True
        rows = store.rows(sql.HOLDERS, {**self.now(), "lock_": holding.lock})
        return (holding.slot, holding.token, worker) in rows

    def _until(self) -> int:
        return self._clock.mono_us() + int(self._ttl_s * 1_000_000)

    @contextmanager
    def heartbeat(
        self, path: Path, worker: str, lost: Callable[[], object], holding: Holding | None = None
    ) -> Iterator[None]:
        """See Jobs.heartbeat. A thread, so that arithmetic that holds up the loop loses no lease. Its connection is
        opened before it: what cannot be renewed is not begun."""
        with closing(JobStore(path, threads=True)) as store:
            ended = threading.Event()
            beating = threading.Thread(
                target=self._beat, args=(store, worker, lost, ended, holding), daemon=True
            )
            beating.start()
            try:
                yield
            finally:
                ended.set()
                beating.join()

    def _beat(
        self,
        store: JobStore,
        worker: str,
        lost: Callable[[], object],
        ended: threading.Event,
        holding: Holding | None,
    ) -> None:
        renewed_us, pause_s = self._clock.mono_us(), self._ttl_s / 3
        while not ended.wait(pause_s):
            late = self._clock.mono_us() - renewed_us > self._ttl_s * 1_000_000
            if late:  # frozen or without a disk for so long: somebody else may be at work by now
                lost()
                return
            with suppress(JobsUnavailable):
                if not self.renew(store, worker, holding):  # the row says another holder, or none
                    lost()
                    return
                renewed_us = self._clock.mono_us()
