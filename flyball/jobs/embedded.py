"""Jobs on one machine: the port on a SQLite file that the processes of one state folder share."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path

from audit.clock import Clock
from flyball.jobs.run_queue import RunQueue
from flyball.jobs.slots import TTL_S, Slots
from flyball.jobs.store import JobStore
from flyball.jobs.timetable import Timetable
from flyball.jobs.types import (
    Claimed,
    Holding,
    Missed,
    NewRun,
    Run,
    Schedule,
    Scheduled,
    State,
    Ticked,
    Wanted,
)


class EmbeddedJobs:
    """Implements Jobs. `ttl_s`: how long a lease lasts without a heartbeat."""

    def __init__(self, path: Path, clock: Clock, *, ttl_s: float = TTL_S) -> None:
        self._store = JobStore(path)
        self._slots = Slots(self._store, clock, ttl_s)
        self._queue = RunQueue(self._store, self._slots)
        self._timetable = Timetable(self._store, self._queue)

    async def put(self, schedule: Schedule, now_ms: int) -> None:
        self._timetable.put(schedule, now_ms)

    async def remove(self, name: str) -> None:
        self._timetable.remove(name)

    async def schedules(self) -> list[Scheduled]:
        return self._timetable.schedules()

    async def tick(self, jobs: Collection[str], now_ms: int) -> Ticked:
        return self._timetable.tick(jobs, now_ms)

    async def missed(self, jobs: Collection[str], now_ms: int) -> tuple[Missed, ...]:
        return self._timetable.missed(jobs, now_ms)

    async def enqueue(self, new: NewRun, now_ms: int) -> Run:
        return self._queue.enqueue(new, now_ms)

    async def claim(self, worker: str, jobs: Collection[str], now_ms: int) -> Claimed | None:
        return self._queue.claim(worker, jobs, now_ms)

    async def wanted(self, claimed: Claimed) -> Wanted:
        return self._queue.wanted(claimed)

    async def finish(self, claimed: Claimed, state: State, why: str, now_ms: int) -> None:
        self._queue.finish(claimed, state, why, now_ms)

    async def cancel(self, run_id: str, now_ms: int) -> bool:
        return self._queue.cancel(run_id, now_ms)

    async def reap(self, now_ms: int) -> list[Run]:
        return self._queue.reap(now_ms)

    async def runs(self, *, schedule: str | None = None, limit: int = 100) -> list[Run]:
        return self._queue.runs(schedule=schedule, limit=limit)

    async def hold(self, lock: str, slots: int, worker: str) -> Holding | None:
        return self._slots.take(lock, slots, worker)

    async def holders(self, lock: str) -> list[Holding]:
        return self._slots.holders(lock)

    async def let_go(self, holding: Holding) -> None:
        self._slots.release(holding.lock, holding.slot, holding.token)

    def heartbeat(
        self, worker: str, lost: Callable[[], object], holding: Holding | None = None
    ) -> AbstractContextManager[None]:
        return self._slots.heartbeat(self._store.path, worker, lost, holding)

    async def close(self) -> None:
        self._store.close()
