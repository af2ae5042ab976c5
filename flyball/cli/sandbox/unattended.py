"""`flyball sandbox advance` where agents of the policy have schedules: they work while the world's time passes."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from base.durations import written
from base.errors import FlyballError
from flyball.cli.kit.options import Options
from flyball.cli.kit.output import note, safe
from flyball.cli.sandbox.progress import watched
from flyball.exits import Interrupted
from flyball.place import SANDBOX, Place

if TYPE_CHECKING:
    from flyball.service.happened import Happened, Tally
    from flyball.wiring import App

_COUNTED_MS = 600_000


def scheduled(opts: Options) -> bool:
    """Whether an agent of the policy runs by itself. Where the policy does not load none does, and that is said."""
    from flyball.policy import policy_source

    place = Place(SANDBOX, "", opts.settings.state / "sandbox")
    try:
        agents = policy_source(opts.settings, place).current().agents.values()
    except (FlyballError, OSError) as e:
        note(f"the policy does not load, so no agent works meanwhile: {safe(str(e))}")
        return False
    return any(agent.spec.schedule is not None for agent in agents)


def lived(opts: Options, seconds: int) -> "Happened":
    """Let that much time pass with every duty of the installation; returns what happened.

    Raises what opening the installation raises, and Interrupted with the world between two steps.
    """
    sandbox = replace(opts, flags={**opts.flags, "context": SANDBOX})
    return sandbox.run(lambda app: _lived(app, seconds))


async def _lived(app: "App", seconds: int) -> "Happened":
    from flyball.service.duties import duties_of
    from flyball.service.happened import Tally
    from flyball.service.night import Night

    if app.world is None:
        raise ValueError("only a simulated world moves when it is told to")
    tally, begin = await Tally.begin(app), app.world.now_ms()
    night = Night(app.world, [*duties_of(app), _Counting(tally)], app.context.clock)
    with watched("advance", lambda: str(tally.so_far)) as progress:
        try:
            await night.run(seconds, progress)
        except asyncio.CancelledError:
            passed = written((app.world.now_ms() - begin) // 1000, 2)
            note(
                f"stopped after {passed} of {written(seconds, 2)}: {await tally.count()}; what was done stays"
            )
            raise Interrupted from None
    return await tally.count()


class _Counting:
    """The duty of the progress line."""

    name = "tally"

    def __init__(self, tally: "Tally") -> None:
        self._tally, self._next_ms = tally, 0

    def due_ms(self, now_ms: int) -> int:  # noqa: ARG002
        return self._next_ms

    async def run(self, now_ms: int) -> None:
        await self._tally.count()
        self._next_ms = now_ms + _COUNTED_MS
