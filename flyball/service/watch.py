"""Duties that watch: events that run out, and what the sentinel foresees."""

import logging

from base.durations import DurationInvalid, seconds
from flyball.exits import UsageError
from flyball.wiring import App

LOG = logging.getLogger("flyball.service")
EVENTS_MS = 60_000
"""An event that is over is recorded as such within this long; it holds no longer in any case."""


class EventsDuty:
    """Records that declared events have run out."""

    name = "events"

    def __init__(self, app: App) -> None:
        self._app, self._next_ms = app, 0

    def due_ms(self, now_ms: int) -> int:  # noqa: ARG002
        return self._next_ms

    async def run(self, now_ms: int) -> None:
        """Raises what Log.commit raises."""
        from tools.events.expiry import expire

        await expire(self._app.context)
        self._next_ms = now_ms + EVENTS_MS


SENTINEL_MS = 300_000
"""What is foreseen is seen in blocks of five minutes: more often there is nothing new."""
WORLD_MS = 3_600_000
"""The same in a simulated world: leaks are foreseen hours ahead, and two weeks there should pass in minutes."""

LEAST_MS, MOST_MS = 60_000, 6 * 3_600_000
"""What the setting may say: more often costs reads, more rarely would sleep through what was foreseen for hours."""


class SentinelDuty:
    """A pass of the sentinel, where policy names one."""

    name = "sentinel"

    def __init__(self, app: App) -> None:
        """Raises UsageError where the setting cannot be read."""
        self._app, self._next_ms = app, 0
        self._every_ms = _every_ms(app)

    def due_ms(self, now_ms: int) -> int:  # noqa: ARG002
        return self._next_ms

    async def run(self, now_ms: int) -> None:
        """Raises what flyball.sentinel_pass.look_once raises."""
        from flyball.sentinel_pass import SENTINEL, look_once

        self._next_ms = now_ms + self._every_ms
        if SENTINEL not in (await self._app.context.gate()).snapshot.agents:
            return
        done = await look_once(self._app)
        if done.opened or done.resolved:
            LOG.info("%s: %d opened, %d resolved", self.name, len(done.opened), len(done.resolved))


def _every_ms(app: App) -> int:
    """The setting `sentinel_every`, else what is usual. Raises UsageError."""
    text = app.settings["sentinel_every"]
    if not text:
        return SENTINEL_MS if app.world is None else WORLD_MS
    try:
        every_ms = seconds(text) * 1000
    except DurationInvalid:
        every_ms = 0
    if not LEAST_MS <= every_ms <= MOST_MS:
        raise UsageError(
            f"`{text[:40]}` is no time between two looks", where="sentinel_every", hint="1m to 6h"
        )
    return every_ms
