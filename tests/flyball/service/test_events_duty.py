"""The duty `events`: an event that is over is recorded as such, once."""

from pathlib import Path

from flyball.service.watch import EVENTS_MS, EventsDuty
from tests.kit.installation import App, within
from tests.tools.events.test_types import event
from tools.events.declare import Declarations


def test_it_records_what_has_run_out(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        now, duty = app.context.now_ms(), EventsDuty(app)
        one = event(from_ms=now, to_ms=now + 600_000)
        await Declarations(app.context).declare(one, app.identity.by_hand())
        assert duty.due_ms(now) <= now
        await duty.run(now)
        assert duty.due_ms(now) == now + EVENTS_MS
        assert not await app.log.find(kinds=("event.ended",))
        app.world.advance(600)
        for _ in range(2):
            await duty.run(app.context.now_ms())
        assert len(await app.log.find(kinds=("event.ended",))) == 1

    within(tmp_path, work)
