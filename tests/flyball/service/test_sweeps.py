"""The sweeps of the path as duties: cheap while nothing is due, and on time when something is."""

from pathlib import Path

from flyball.service.duties import duties_of
from flyball.service.duty import Duty
from flyball.service.sweeps import IDLE_MS, WORLD_TICK_MS
from tests.kit.installation import App, within


def named(app: App, name: str) -> Duty:
    (found,) = [duty for duty in duties_of(app) if duty.name == name]
    return found


def test_every_duty_has_a_name_of_its_own(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        names = [duty.name for duty in duties_of(app)]
        assert len(set(names)) == len(names)
        assert {"resolver", "verifier"} <= set(names)

    within(tmp_path, work)


def test_a_sweep_runs_at_once_and_then_waits_while_nothing_is_open(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        now = app.context.now_ms()
        for name in ("resolver", "verifier"):
            duty = named(app, name)
            assert duty.due_ms(now) <= now
            await duty.run(now)
            assert duty.due_ms(now) == now + IDLE_MS

    within(tmp_path, work)


def test_in_a_world_the_verifier_looks_when_one_of_its_ticks_is_over(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        app.world.advance(7)
        now, duty = app.context.now_ms(), named(app, "verifier")
        await duty.run(now)
        assert duty.due_ms(now) == now + IDLE_MS + WORLD_TICK_MS - 7_000

    within(tmp_path, work)
