"""Drives duties in real time until it is told to stop: each in a task of its own, never two runs of one at once."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from audit.clock import Clock
from base.errors import FlyballError
from flyball.service.duty import Duty, Rests

LOG = logging.getLogger("flyball.service")

LOOK_S = 1.0
"""How often a duty's time is compared with the gate's, which may jump; and the least pause between two runs."""
GRACE_S = 10.0
"""How long a run may go on once the rota stops; then it is cancelled, and a write in flight still ends by itself."""
REST_S = 8.0
"""How long duties may take to leave things safe after that."""
BACK_OFF_S = (1.0, 60.0)
"""The pause after a run that failed by a fault of ours: the first one, and the longest that doubling leads to."""


@dataclass
class Turn:
    """How it stands with one duty: for health, and for people."""

    duty: Duty
    runs: int = 0
    running: bool = False
    last_ms: int | None = None
    """When its last run began, in gate time."""
    next_ms: int = 0
    problem: str = ""
    """Why its last run failed; empty where it did not."""


class Rota:
    """The duties of one process, driven while `run` lasts. `now_ms` is gate time; `clock` waits in real time."""

    def __init__(self, duties: Sequence[Duty], now_ms: Callable[[], int], clock: Clock) -> None:
        self.turns = tuple(Turn(duty) for duty in duties)
        self._now_ms, self._clock = now_ms, clock
        self._stop, self._grace_s = asyncio.Event(), GRACE_S

    def stop(self) -> None:
        """Begin no further run; `run` returns when those that go on have ended."""
        self._stop.set()

    def lapse(self) -> None:
        """The same without a grace: somebody else may be at work by now."""
        self._grace_s = 0.0
        self.stop()

    async def run(self) -> None:
        """Drive every duty until `stop`, or until this is cancelled; either way the runs that go on end first."""
        tasks = [asyncio.create_task(self._drive(turn), name=turn.duty.name) for turn in self.turns]
        try:
            await self._stop.wait()
        finally:
            self._stop.set()
            await _ended(tasks, self._grace_s)
        if self._grace_s:  # else somebody else may be at work by now
            await self._rest()

    async def _rest(self) -> None:
        for duty in (turn.duty for turn in self.turns if isinstance(turn.duty, Rests)):
            try:
                async with asyncio.timeout(REST_S):
                    await duty.rest(self._now_ms())
            except (FlyballError, TimeoutError) as e:
                LOG.warning("%s: could not rest: %s", duty.name, e)

    async def once(self) -> None:
        """One look at each duty, one after another: those that are due run."""
        for turn in self.turns:
            await self._look(turn)

    async def _drive(self, turn: Turn) -> None:
        pause_s = BACK_OFF_S[0]
        while not self._stop.is_set():
            if await self._look(turn):
                pause_s = BACK_OFF_S[0]
                await self._pause(LOOK_S)
            else:
                await self._pause(pause_s)
                pause_s = min(2 * pause_s, BACK_OFF_S[1])

    async def _look(self, turn: Turn) -> bool:
        """Run the duty if it is due; False where it failed by a fault of ours."""
        try:
            await self._run_due(turn)
        except FlyballError as e:
            _told(turn, e.said)
        except Exception as e:  # noqa: BLE001 - one duty's fault must not end the others
            _told(turn, f"{type(e).__name__}: {e}")
            return False
        finally:
            turn.running = False
        return True

    async def _run_due(self, turn: Turn) -> None:
        now = self._now_ms()
        turn.next_ms = turn.duty.due_ms(now)
        set_back = turn.last_ms is not None and now < turn.last_ms  # what was due later than that is due now
        if turn.next_ms > now and not set_back:
            return
        turn.running, turn.last_ms, turn.runs = True, now, turn.runs + 1
        await turn.duty.run(now)
        _told(turn, "")
        turn.next_ms = turn.duty.due_ms(now)

    async def _pause(self, seconds: float) -> None:
        """That long, or until `stop`."""
        stopped = asyncio.ensure_future(self._stop.wait())
        slept = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({stopped, slept}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            slept.cancel()


def _told(turn: Turn, problem: str) -> None:
    """A problem is said when it begins, when it changes, and when it is over: not at each run."""
    if problem == turn.problem:
        return
    if problem:
        LOG.warning("%s: %s", turn.duty.name, problem)
    else:
        LOG.warning("%s: works again", turn.duty.name)
    turn.problem = problem


async def _ended(tasks: Sequence["asyncio.Task[None]"], grace_s: float) -> None:
    """All of them, at the latest when the grace is over and what they must not leave half done has ended."""
    _, late = await asyncio.wait(tasks, timeout=grace_s) if tasks else (set(), set())
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
