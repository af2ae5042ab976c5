"""The port to jobs. tests/contract/jobs_suite.py holds every adapter to what is said here."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Protocol

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


class Jobs(Protocol):
    """Schedules, runs and locks that several workers share. Everything raises JobsUnavailable.

    Schedules go by gate time, which the caller hands in and which may jump; leases by a clock that does not jump.
    """

    async def put(self, schedule: Schedule, now_ms: int) -> None:
        """Set a schedule. Unchanged it keeps its place; new or changed it counts from now. Raises ScheduleInvalid."""

    async def remove(self, name: str) -> None:
        """Drop a schedule; what it has queued stays queued."""

    async def schedules(self) -> list[Scheduled]:
        """All of them, by name."""

    async def tick(self, jobs: Collection[str], now_ms: int) -> Ticked:
        """Queue what is due of these jobs: each due time once, whoever ticks, however often, and also after the clock
        went back."""

    async def missed(self, jobs: Collection[str], now_ms: int) -> tuple[Missed, ...]:
        """What a tick at this time would find missed; nothing is changed: so it is told, then forgotten."""

    async def enqueue(self, new: NewRun, now_ms: int) -> Run:
        """Queue a run; the one that is there already where its key or its id is known."""

    async def claim(self, worker: str, jobs: Collection[str], now_ms: int) -> Claimed | None:
        """Take the first queued run of these jobs whose lock has a free slot."""

    async def wanted(self, claimed: Claimed) -> Wanted:
        """Whether to go on with a run."""

    async def finish(self, claimed: Claimed, state: State, why: str, now_ms: int) -> None:
        """How a run ended; `queued` gives it back unended. Raises LeaseLost where somebody else has it now."""

    async def cancel(self, run_id: str, now_ms: int) -> bool:
        """End a queued run; ask the worker of a running one to. False where there is none, or it has ended."""

    async def reap(self, now_ms: int) -> list[Run]:
        """Queue again what dead workers have left; a run that killed too many of them has failed. Each as it stands
        now."""

    async def runs(self, *, schedule: str | None = None, limit: int = 100) -> list[Run]:
        """The newest runs first."""

    async def hold(self, lock: str, slots: int, worker: str) -> Holding | None:
        """Take a free slot of a lock; None where there is none."""

    async def holders(self, lock: str) -> list[Holding]:
        """Who holds the lock now."""

    async def let_go(self, holding: Holding) -> None:
        """Give a slot back; nothing where it was lost meanwhile."""

    def heartbeat(
        self, worker: str, lost: Callable[[], object], holding: Holding | None = None
    ) -> AbstractContextManager[None]:
        """Renew, from a thread of its own, all that the worker holds, until the block ends. `lost` is called once, in
        that thread, where nothing could be renewed for as long as a lease lasts, or where `holding` is not the
        worker's any more, by its token: the worker must stop.
        Raises JobsUnavailable at its beginning."""

    async def close(self) -> None:
        """Let the store go."""
