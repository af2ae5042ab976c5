"""A night: duties by a world's time.

a duty                        the night
is due                        runs it at that moment of the world, also at the very end
is always due                 lets the world move on all the same
fails                         leaves it alone for a while; the others go on
waits                         lets the world pass, and sleeps not at all
is cancelled in between       stops with the world between two steps
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from base.errors import FlyballError
from flyball.service.night import BACK_OFF_MS, Night
from sandbox.world import START_MS, World
from tests.kit.installation import App, within


class Noting:
    """A duty that is due each `every_s` of the world, and notes when it ran."""

    def __init__(self, every_s: float, work: Callable[[], Awaitable[None]] | None = None) -> None:
        self.name, self._every_ms, self._work = "noting", round(every_s * 1000), work
        self._next_ms, self.ran = 0, list[int]()

    def due_ms(self, now_ms: int) -> int:
        return self._next_ms

    async def run(self, now_ms: int) -> None:
        self.ran.append((now_ms - START_MS) // 1000)
        self._next_ms = now_ms + self._every_ms
        if self._work is not None:
            await self._work()


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.reset([], history_s=0)
    return world


def lived(world: World, seconds: int, *duties: Noting) -> Night:
    night = Night(world, duties, world.clock())
    asyncio.run(night.run(seconds))
    return night


def test_each_duty_runs_when_it_is_due(world: World) -> None:
    often, seldom = Noting(60), Noting(300)
    night = lived(world, 600, often, seldom)
    assert often.ran == list(range(0, 601, 60))
    assert seldom.ran == [0, 300, 600]
    assert world.now_ms() == START_MS + 600_000
    assert [turn.runs for turn in night.turns] == [11, 3]


def test_nobody_has_anything_to_do(world: World) -> None:
    lived(world, 86_400)
    assert world.now_ms() == START_MS + 86_400_000


def test_a_part_of_a_second_is_rounded_up_and_one_that_is_always_due_stops_nothing(world: World) -> None:
    assert lived(world, 5, Noting(1.5)).turns[0].runs == 3  # at 0, 2 and 4
    assert lived(world, 5, greedy := Noting(0)).turns[0].runs == 6
    assert len(greedy.ran) == 6


@pytest.mark.parametrize("error", [FlyballError("away"), ZeroDivisionError("ours")])
def test_one_that_fails_is_left_alone_for_a_while(world: World, error: Exception) -> None:
    async def fail() -> None:
        raise error

    failing, well = Noting(0, fail), Noting(10)
    lived(world, 4 * BACK_OFF_MS // 1000, failing, well)
    assert len(well.ran) == 25
    assert len(failing.ran) <= len(well.ran), "it is asked again only beside others, or after a while"


def test_who_waits_lets_the_world_pass_and_sleeps_not_at_all(world: World) -> None:
    async def wait() -> None:
        await clock.sleep(3600)

    clock = world.clock()
    begun = time.monotonic()
    lived(world, 7200, waiting := Noting(0, wait))
    assert waiting.ran == [0, 3601]
    assert time.monotonic() - begun < 60
    assert not world.is_driven


def test_cancelled_it_stops_between_two_steps(world: World) -> None:
    async def night() -> None:
        task = asyncio.current_task()
        assert task is not None

        async def cancel() -> None:
            if world.now_ms() >= START_MS + 120_000:
                task.cancel()

        await Night(world, [Noting(60, cancel)], world.clock()).run(86_400)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(night())
    assert world.now_ms() == START_MS + 120_000
    assert not world.is_driven
    world.advance(60)


def test_the_duties_of_an_installation_live_in_the_world(tmp_path: Path) -> None:
    """The real list of duties, an hour: each runs by the world's time and none finds fault."""
    from flyball.service.duties import duties_of

    async def work(app: App) -> None:
        assert app.world is not None
        begin = app.context.now_ms()
        night = Night(app.world, duties_of(app), app.context.clock)
        await night.run(3600)
        assert app.context.now_ms() == begin + 3_600_000
        assert {turn.problem for turn in night.turns} == {""}
        assert all(turn.runs for turn in night.turns)

    within(tmp_path, work)
