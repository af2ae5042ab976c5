"""What the suite of jobs needs of an adapter: a store that several workers open, also those of other processes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from audit.clock import Clock
from flyball.jobs.embedded import EmbeddedJobs
from flyball.jobs.port import Jobs
from flyball.jobs.types import NewRun, Schedule
from tests.kit.logs import ToldClock

TTL_S = 6.0
TUNE = ("tune",)
NIGHT = Schedule("night", "tune", {"agent": "agent:tuner"}, "30 2 * * *", "UTC")


def at(text: str) -> int:
    """A time of 2026-03-02 in UTC, in Unix ms; with a date before it where it is another day."""
    day, _, hour = text.rpartition(" ")
    return round(datetime.fromisoformat(f"{day or '2026-03-02'}T{hour}+00:00").timestamp() * 1000)


def new(name: str, **more: Any) -> NewRun:
    return NewRun(name, "tune", {"agent": "agent:tuner"}, **more)


class Office:
    """One store; `open` is one more worker on it. Leases go by `clock`, which the test moves."""

    def __init__(self, adapter: str, folder: Path) -> None:
        self.adapter, self.folder, self.clock = adapter, folder, ToldClock()
        self._stack = AsyncExitStack()

    async def open(self, clock: Clock | None = None, ttl_s: float = TTL_S) -> Jobs:
        jobs = opened(self.adapter, self.folder, clock or self.clock, ttl_s)
        self._stack.push_async_callback(jobs.close)
        return jobs

    def within(self, work: "Callable[[Office], Awaitable[None]]") -> None:
        async def run() -> None:
            async with self._stack:
                await work(self)

        asyncio.run(run())


def opened(adapter: str, folder: Path, clock: Clock, ttl_s: float) -> Jobs:
    """The adapter of that name: a further one is one line here."""
    if adapter == "embedded":
        return EmbeddedJobs(folder / "jobs.db", clock, ttl_s=ttl_s)
    raise ValueError(adapter)
