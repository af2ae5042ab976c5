"""A worker: claims runs, does them beside each other, and says how they ended."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from base.errors import FlyballError
from flyball.jobs.errors import LeaseLost
from flyball.jobs.port import Jobs
from flyball.jobs.types import Claimed, Run, State

LOG = logging.getLogger("flyball.service")

LOOK_S = 0.5
"""How often a worker looks for what was queued or cancelled while its runs go on."""

Work = Callable[[Run], Awaitable[str]]
"""Does one run; returns in one line what came of it. The same run may be done again after its worker died: whatever
it changes must carry ids made from the run's."""


class Worker:
    """One process's worker, under the name `me`. `works` says how each job is done; `now_ms` is gate time."""

    def __init__(self, jobs: Jobs, works: Mapping[str, Work], now_ms: Callable[[], int]) -> None:
        self.me = uuid.uuid4().hex
        self._jobs, self._works, self._now_ms = jobs, works, now_ms
        self._at_work: dict[asyncio.Task[str], Claimed] = {}
        self._lapsed = False

    async def run_due(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        """Do all that is queued, until nothing is left to do; `meanwhile` is called now and then while runs go on.

        Cancelled, it gives back what has not ended: that goes on with the next worker. Raises JobsUnavailable.
        """
        self._lapsed = False
        await self._jobs.reap(self._now_ms())
        loop = asyncio.get_running_loop()
        with self._jobs.heartbeat(self.me, partial(loop.call_soon_threadsafe, self._lapse)):
            await self._work_on(meanwhile)

    async def _work_on(self, meanwhile: Callable[[], Awaitable[None]] | None) -> None:
        try:
            await self._claimed_all()
            while self._at_work:
                await asyncio.wait(self._at_work, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                await self._end_done()
                await self._heed()
                if meanwhile is not None:
                    await meanwhile()
                if not self._lapsed:
                    await self._claimed_all()
        finally:
            self._cancel_all()
            await asyncio.gather(*self._at_work, return_exceptions=True)
            await self._end_done()

    async def _claimed_all(self) -> None:
        """Begin what can be begun."""
        while (claimed := await self._jobs.claim(self.me, tuple(self._works), self._now_ms())) is not None:
            work = asyncio.ensure_future(self._works[claimed.run.job](claimed.run))
            self._at_work[work] = claimed

    async def _heed(self) -> None:
        """Cancel what is no longer wanted, or no longer ours."""
        for task, claimed in self._at_work.items():
            if await self._jobs.wanted(claimed) != "go on":
                task.cancel()

    def _lapse(self) -> None:
        """No heartbeat got through for too long: another worker may begin what we have."""
        self._lapsed = True
        self._cancel_all()

    def _cancel_all(self) -> None:
        for task in self._at_work:
            task.cancel()

    async def _end_done(self) -> None:
        for task in [task for task in self._at_work if task.done()]:
            claimed = self._at_work.pop(task)
            await self._end(claimed, *await self._ended(task, claimed))

    async def _ended(self, task: "asyncio.Task[str]", claimed: Claimed) -> tuple[State, str]:
        """What was cut off without anybody's wish is queued again."""
        if task.cancelled():
            unwanted = await self._jobs.wanted(claimed) == "cancel"
            return ("cancelled", "") if unwanted else ("queued", "cut off")
        match task.exception():
            case None:
                return "done", task.result()
            case FlyballError() as e:
                return "failed", e.said
            case e:
                return "failed", f"{type(e).__name__}: {e}"

    async def _end(self, claimed: Claimed, state: State, why: str) -> None:
        try:
            await self._jobs.finish(claimed, state, why, self._now_ms())
        except LeaseLost as e:
            state, why = "failed", e.what
        level = logging.INFO if state == "done" else logging.WARNING
        LOG.log(level, "%s %s: %s%s", claimed.run.job, claimed.run.id, state, f", {why}" if why else "")
