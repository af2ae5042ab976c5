"""Duties that watch: events that run out."""

from flyball.wiring import App

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
