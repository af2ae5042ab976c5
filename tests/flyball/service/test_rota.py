"""The rota: what a duty may do wrong, and what must be so.

a duty                                    the rota
is slow                                   never begins it a second time beside itself; the others go on
raises an error of ours                   says it once, goes on, says when it is over
raises anything else, also from due_ms    says it, backs off, goes on; the others do not notice
is running when the rota stops            ends first; cancelled only after the grace
waits, and the clock is set back          runs at once, and counts from the new time
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from audit.clock import SystemClock
from base.errors import FlyballError
from base.interrupts import shield_until_done
from flyball.service import rota
from flyball.service.rota import Rota


class QuickClock(SystemClock):
    """Sleeps no longer than the loop needs, and remembers how long it was asked to."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.now = 1_000

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await asyncio.sleep(0)
        self.now += round(seconds * 1000)


class Task:
    """A duty that is due each `every_ms`, and does what the test says."""

    def __init__(
        self, work: Callable[[int], Awaitable[None]], every_ms: int = 1000, name: str = "task"
    ) -> None:
        self.name, self._work, self._every_ms, self._next = name, work, every_ms, 0
        self.runs = 0

    def due_ms(self, now_ms: int) -> int:
        return self._next

    async def run(self, now_ms: int) -> None:
        self._next = now_ms + self._every_ms
        self.runs += 1
        await self._work(self.runs)


async def nothing(_: int) -> None:
    pass


def driven(*duties: Task, until: Callable[[Rota], bool], clock: QuickClock | None = None) -> Rota:
    """Drive the duties until that holds."""

    async def run() -> Rota:
        told = clock or QuickClock()
        one = Rota(duties, lambda: told.now, told)
        task = asyncio.create_task(one.run())
        async with asyncio.timeout(10):
            while not until(one):
                await asyncio.sleep(0)
            one.stop()
            await task
        return one

    return asyncio.run(run())


def test_each_duty_runs_when_it_is_due() -> None:
    often, seldom = Task(nothing, 1_000), Task(nothing, 60_000)
    driven(often, seldom, until=lambda _: often.runs >= 20)
    assert seldom.runs == 1


def test_a_slow_duty_is_never_run_beside_itself_and_holds_up_nobody() -> None:
    inside, most = 0, 0

    async def slow(_: int) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)
        inside -= 1

    other = Task(nothing, 1, "other")
    one = Task(slow, 0, "slow")
    driven(one, other, until=lambda _: one.runs >= 3 and other.runs > one.runs)
    assert most == 1


def test_an_error_of_ours_is_said_once_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    async def work(run: int) -> None:
        if run <= 5:
            raise FlyballError("the cluster is away", where="kind-1")

    one = Task(work)
    with caplog.at_level(logging.WARNING):
        ended = driven(one, until=lambda _: one.runs >= 8)
    assert caplog.messages == ["task: kind-1: the cluster is away", "task: works again"]
    assert ended.turns[0].problem == ""


def test_a_fault_backs_off_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async def work(run: int) -> None:
        if run <= 9:
            raise ZeroDivisionError("division by zero")

    clock = QuickClock()
    one, other = Task(work, 0, "faulty"), Task(nothing, 1_000, "other")
    driven(one, other, clock=clock, until=lambda _: one.runs >= 11)
    assert {1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0} == set(clock.asked)
    assert clock.asked.count(60.0) == 3, "nine failures: 1 2 4 8 16 32 60 60 60"
    assert caplog.messages == ["faulty: ZeroDivisionError: division by zero", "faulty: works again"]
    assert other.runs > 9


def test_a_duty_that_cannot_say_when_it_is_due_ends_nobody() -> None:
    class Dumb(Task):
        def due_ms(self, now_ms: int) -> int:
            raise KeyError("when")

    dumb, other = Dumb(nothing), Task(nothing)
    ended = driven(dumb, other, until=lambda _: other.runs >= 3)
    assert ended.turns[0].problem == "KeyError: 'when'"
    assert dumb.runs == 0


def test_a_run_that_goes_on_ends_before_the_rota_does() -> None:
    ended = []

    async def slow(_: int) -> None:
        await asyncio.sleep(0.05)
        ended.append("slow")

    one = Task(slow)
    driven(one, until=lambda r: r.turns[0].running)
    assert ended == ["slow"]


def test_after_the_grace_a_run_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rota, "GRACE_S", 0.05)
    cancelled = []

    async def endless(_: int) -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    driven(Task(endless), until=lambda r: r.turns[0].running)
    assert cancelled == [True]


def test_a_write_in_flight_ends_though_its_run_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rota, "GRACE_S", 0.02)
    ended = []

    async def write() -> None:
        await asyncio.sleep(0.2)
        ended.append("the write")

    async def acts(_: int) -> None:
        await shield_until_done(write(), interrupted="raises")
        ended.append("another one")

    driven(Task(acts), until=lambda r: r.turns[0].running)
    assert ended == ["the write"]


def test_who_has_lost_the_lease_has_no_grace() -> None:
    async def run() -> None:
        clock, begun = QuickClock(), asyncio.Event()

        async def endless(_: int) -> None:
            begun.set()
            await asyncio.sleep(3600)

        one = Rota((Task(endless),), lambda: clock.now, clock)
        task = asyncio.create_task(one.run())
        await begun.wait()
        one.lapse()
        async with asyncio.timeout(2):
            await task

    asyncio.run(run())


def test_a_clock_that_is_set_back_lets_no_duty_sleep_until_it_has_caught_up() -> None:
    async def run() -> None:
        clock = QuickClock()
        clock.now = 10_000_000
        duty = Task(nothing, 60_000)
        one = Rota((duty,), lambda: clock.now, clock)
        await one.once()
        clock.now -= 7_200_000
        await one.once()
        await one.once()
        assert duty.runs == 2
        clock.now += 60_000
        await one.once()
        assert duty.runs == 3

    asyncio.run(run())


def test_once_runs_what_is_due_and_nothing_else() -> None:
    async def run() -> None:
        clock = QuickClock()
        due, later = Task(nothing), Task(nothing)
        later._next = clock.now + 1
        await Rota((due, later), lambda: clock.now, clock).once()
        assert (due.runs, later.runs) == (1, 0)

    asyncio.run(run())


@pytest.mark.parametrize(("lapses", "rested"), [(False, 1), (True, 0)])
def test_a_duty_leaves_things_safe_when_the_rota_stops_unless_another_process_works(
    lapses: bool, rested: int
) -> None:
    class Resting(Task):
        rests = 0

        async def rest(self, now_ms: int) -> None:
            self.rests += 1
            raise FlyballError("the cluster is away")

    async def work() -> Resting:
        duty, clock = Resting(nothing), QuickClock()
        driving = Rota([duty, Task(nothing)], lambda: clock.now, clock)
        (driving.lapse if lapses else driving.stop)()
        await driving.run()
        return duty

    assert asyncio.run(work()).rests == rested
