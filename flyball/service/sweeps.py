"""The two sweeps of the path as duties: how writes without an answer ended, and the verdicts that are owed."""

import logging

from flyball.wiring import App

LOG = logging.getLogger("flyball.service")

OPEN_MS = 5_000
"""While an intent stands open it is looked at again after this long."""
IDLE_MS = 60_000
"""Where nothing is known to be due: how long a sweep waits before it looks again."""
WORLD_TICK_MS = 15_000
"""What pods use is settled this often in a simulated world: between two ticks no harm begins."""


class ResolverDuty:
    """Finds out how writes without an answer ended; a write of this process that is in flight has its lease."""

    name = "resolver"

    def __init__(self, app: App) -> None:
        self._app, self._next_ms = app, 0

    def due_ms(self, now_ms: int) -> int:  # noqa: ARG002
        return self._next_ms

    async def run(self, now_ms: int) -> None:
        """Raises what Resolver.sweep raises."""
        resolver = self._app.executor.resolver
        self._next_ms = now_ms + OPEN_MS
        for result in await resolver.sweep():
            LOG.info("%s: %s", self.name, type(result).__name__.lower())
        if not await resolver.open_intents():
            self._next_ms = now_ms + IDLE_MS


class VerifierDuty:
    """Looks at every change that owes a verdict, gives those that are due, and rolls back what made things worse."""

    name = "verifier"

    def __init__(self, app: App) -> None:
        self._verifier, self._next_ms = app.verifier, 0
        self._tick_ms = 1 if app.world is None else WORLD_TICK_MS

    def due_ms(self, now_ms: int) -> int:  # noqa: ARG002
        return self._next_ms

    async def run(self, now_ms: int) -> None:
        """Raises what Verifier.sweep raises."""
        self._next_ms = now_ms + OPEN_MS
        async for verified in self._verifier.sweep():
            LOG.info("%s: record %d is %s", self.name, verified.intent.seq, verified.verdict.word)
        self._next_ms = -(-await self._verifier.next_ms() // self._tick_ms) * self._tick_ms
