"""A worker: claims runs, does them beside each other, and says how they ended."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping

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

    async def run_due(self) -> None:
        """Do all that is queued, until nothing is left to do. Cancelled, it gives back what has not ended: that goes
        on with the next worker. Raises JobsUnavailable."""
        try:
            await self._jobs.reap(self._now_ms())
            while await self._claimed_all() or self._at_work:
                await asyncio.wait(self._at_work, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                await self._end_done()
                await self._heed()
        finally:
            await self._give_back()

    async def _claimed_all(self) -> bool:
        """Begin what can be begun; whether anything was."""
        began = False
        while (claimed := await self._jobs.claim(self.me, tuple(self._works), self._now_ms())) is not None:
            work = asyncio.ensure_future(self._works[claimed.run.job](claimed.run))
            self._at_work[work] = claimed
            began = True
        return began

    async def _heed(self) -> None:
        """Cancel what is no longer wanted, or no longer ours."""
        for task, claimed in self._at_work.items():
            if await self._jobs.wanted(claimed) != "go on":
                task.cancel()

    async def _end_done(self) -> None:
        for task in [task for task in self._at_work if task.done()]:
            claimed = self._at_work.pop(task)
            await self._end(claimed, *_ended(task))

    async def _end(self, claimed: Claimed, state: State, why: str) -> None:
        try:
            await self._jobs.finish(claimed, state, why, self._now_ms())
        except LeaseLost as e:
            state, why = "failed", e.what
        level = logging.INFO if state == "done" else logging.WARNING
        LOG.log(level, "%s %s: %s%s", claimed.run.job, claimed.run.id, state, f", {why}" if why else "")

    async def _give_back(self) -> None:
        """What goes on is cancelled; a write in flight ends first. What was cut off is queued again."""
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)
        for task, claimed in list(self._at_work.items()):
            del self._at_work[task]
            wanted = await self._jobs.wanted(claimed)
            cut_off = task.cancelled() and wanted == "go on"
            await self._end(claimed, *(("queued", "cut off") if cut_off else _ended(task)))


def _ended(task: "asyncio.Task[str]") -> tuple[State, str]:
    if task.cancelled():
        return "cancelled", ""
    match task.exception():
        case None:
            return "done", task.result()
        case FlyballError() as e:
            return "failed", e.said
        case e:
            return "failed", f"{type(e).__name__}: {e}"
