"""One service a state folder: it waits for its turn, does the duties while it holds the lease, drains at the end."""

import asyncio
import logging
import os
import uuid
from functools import partial

from base.errors import FlyballError
from flyball.jobs.types import Holding
from flyball.service import manager
from flyball.service.duties import duties_of
from flyball.service.health import Health, Role
from flyball.service.rota import Rota
from flyball.wiring import App
from tools.path.service_records import ServiceRecords

LOG = logging.getLogger("flyball.service")

WAIT_S = 0.5
"""How often one that waits looks whether the lease is free."""
AGAIN_S = 5.0
"""The pause after an error of its own store or log."""


class ServiceBusy(FlyballError):
    """Another process works on this state folder."""

    effect = "unavailable"


class Service:
    """`flyball serve`. Two of them may be started: one works, the other takes over when the first one's lease lapses.

    Everything that they do goes by leases and request ids, so that even two at work would do nothing twice.
    """

    def __init__(self, app: App, health: Health) -> None:
        self._app, self._health = app, health
        self._lock, self._me = lock_of(app.place.context), f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._records = ServiceRecords(app.context, app.identity.human)
        self._stop = asyncio.Event()
        self._said = ""

    def stop(self) -> None:
        """Begin nothing more; `run` returns when what goes on has ended."""
        self._stop.set()
        self._stand("stopping")
        if self._health.rota is not None:
            self._health.rota.stop()

    async def run(self) -> None:
        """Wait, work, wait again if the lease was lost, until `stop`."""
        manager.tell("READY=1", "STATUS=standby")
        while not self._stop.is_set():
            try:
                await self._turn()
            except FlyballError as e:
                self._say(logging.WARNING, e.said)
                await self._pause(AGAIN_S)
        manager.tell("STOPPING=1")

    async def once(self) -> list[str]:
        """What is due now, once; the problems that there were. Raises ServiceBusy, JobsUnavailable."""
        holding = await self._app.jobs.hold(self._lock, 1, self._me)
        if holding is None:
            raise ServiceBusy(await self._busy(), hint="it does what is due: flyball serve status")
        try:
            rota = self._rota()
            with self._app.jobs.heartbeat(self._me, lambda: None):
                await rota.once()
        finally:
            await self._app.jobs.let_go(holding)
        return [f"{turn.duty.name}: {turn.problem}" for turn in rota.turns if turn.problem]

    async def _turn(self) -> None:
        """Work where the lease is free; wait a moment where it is not. Raises what store and log raise."""
        holding = await self._app.jobs.hold(self._lock, 1, self._me)
        if holding is None:
            self._say(logging.INFO, f"standby: {await self._busy()}")
            await self._pause(WAIT_S)
            return
        try:
            await self._work(holding)
        finally:
            await self._app.jobs.let_go(holding)

    async def _work(self, holding: Holding) -> None:
        rota, loop = self._rota(), asyncio.get_running_loop()
        lapsed = partial(loop.call_soon_threadsafe, rota.lapse)
        with self._app.jobs.heartbeat(self._me, lapsed, holding):
            # Under the heartbeat: a slow disk must not cost the lease.
            await self._records.started(holding.token)
            self._health.rota = rota
            self._stand("active")
            self._say(logging.INFO, f"active: {len(rota.turns)} duties on {self._app.place.context}")
            try:
                if self._stop.is_set():
                    rota.stop()
                await rota.run()
            finally:
                why = "it was asked to stop" if self._stop.is_set() else "its lease lapsed"
                self._health.rota = None
                self._stand("standby")
                self._say(logging.INFO, f"no longer active: {why}")
                await self._records.stopped(why)

    def _rota(self) -> Rota:
        context = self._app.context
        return Rota(duties_of(self._app), context.now_ms, context.clock)

    def _stand(self, role: Role) -> None:
        """A service that is asked to stop stays so."""
        self._health.role = "stopping" if self._stop.is_set() else role
        manager.tell(f"STATUS={self._health.role}")

    async def _busy(self) -> str:
        holders = await self._app.jobs.holders(self._lock)
        pid = holders[0].holder.partition("-")[0] if holders else "another process"
        return f"process {pid} is active on this state folder"

    def _say(self, level: int, text: str) -> None:
        """Once, until there is something else to say."""
        if text != self._said:
            LOG.log(level, "%s", text)
        self._said = text

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return


def lock_of(cluster: str) -> str:
    """The lock of the one service that works on a cluster."""
    return f"service {cluster}"
