"""The schedule in a world's night: the agent runs when it is due, by itself, and what it does is its own."""

import asyncio
from pathlib import Path

from flyball.service.duties import duties_of
from flyball.service.night import Night
from tests.flyball.tune.agents import opened, sizes


def test_it_runs_when_its_schedule_is_due(tmp_path: Path) -> None:
    async def run() -> None:
        hourly = 'schedule: {cron: "30 * * * *", zone: UTC}'
        async with opened(tmp_path, schedule=hourly) as app:
            assert app.world is not None
            before = await sizes(app)
            await Night(app.world, duties_of(app), app.context.clock).run(3_600)
            after = await sizes(app)
            assert after["web"] > before["web"]
            runs = await app.log.find(kinds=("run.started",))
            by = {(e.record.actor.id, e.record.actor.on_behalf_of) for e in runs}
            assert by == {("agent:night", app.identity.human)}
            intents = await app.log.find(kinds=("action.intent",))
            assert {e.record.actor.id for e in intents} == {"agent:night"}

    asyncio.run(run())
