"""What can be opened without cluster and policy: the log of a place, its simulated world, and the kill switch."""

import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit.clock import Clock, SystemClock
from audit.log import Log
from audit.pinned_checkpoint import PinnedWrite
from base.errors import FlyballError
from base.text import storable
from flyball import __version__
from flyball.exits import UsageError
from flyball.identity import LocalIdentity
from flyball.paths import private
from flyball.place import Place, log_place, pinned_path, stop_places
from flyball.policy import policy_source
from flyball.settings import Settings
from policies.claim_keys import BUSY
from tools.path.stop_files import StopFiles

if TYPE_CHECKING:
    from sandbox.world import World

LOG = logging.getLogger("flyball")
"""Warnings for the operator: the command line prints them on stderr."""


async def open_log(settings: Settings, place: Place, clock: Clock) -> Log:
    """The log of a place; what is wrong with its pinned checkpoint is a warning.

    Raises LogUnavailable, LogTampered, UsageError.
    """
    private(settings.state, place.folder)
    log = await Log.open(
        place.log,
        clock=clock,
        pinned=pinned_path(settings, place),
        pinned_write=_pinned_write(settings),
        software=f"flyball {__version__}",
    )
    for problem in filter(None, (log.pinned_warning, log.pinned_error)):
        LOG.warning("warning: %s\n  flyball audit verify", storable(problem, 1024))
    return log


def _pinned_write(settings: Settings) -> PinnedWrite:
    match settings["pinned_write"]:
        case "async" | "sync" as when:
            return when
        case other:
            where = settings.values["pinned_write"].source
            raise UsageError(f"pinned_write is `{other}`", where=where, hint="write async or sync")


def stop_files(settings: Settings, place: Place) -> StopFiles:
    """The stop files of a place."""
    return StopFiles(stop_places(settings, place))


def agents_named(settings: Settings, place: Place) -> frozenset[str] | None:
    """The agents that policy names; None where it does not load."""
    try:
        return frozenset(policy_source(settings, place).current().agents)
    except (FlyballError, OSError):
        return None


def open_world(place: Place) -> "World":
    """The simulated cluster. Where it is gone and its log is not, says that another one begins.

    Raises WorldUnavailable.
    """
    from sandbox.world import World

    world = World.open(place.folder)
    if world.begun and place.log.exists():
        LOG.warning(
            "the sandbox world was missing or empty (%s): a new one begins, at its own time\n"
            "  the log beside it is of the world before, and stays",
            world.store.path,
        )
    return world


@dataclass(frozen=True, slots=True)
class Switch:
    """The log and the local user, without cluster and policy: `flyball stop` works while those do not."""

    place: Place
    log: Log
    identity: LocalIdentity
    stop_files: StopFiles

    async def in_flight(self) -> int:
        """How many workloads have a write that is in flight or in doubt."""
        return sum(1 for value in (await self.log.prefixed(BUSY.prefix)).values() if value)


@asynccontextmanager
async def open_switch(settings: Settings) -> AsyncIterator[Switch]:
    """Open the log alone. Raises LogUnavailable, LogTampered."""
    place = log_place(settings)
    with ExitStack() as stack:
        clock: Clock = SystemClock()
        if place.simulated:
            private(settings.state, place.folder)
            world = open_world(place)
            stack.callback(world.close)
            clock = world.clock()
        log = await open_log(settings, place, clock)
        try:
            yield Switch(place, log, LocalIdentity(), stop_files(settings, place))
        finally:
            await log.close()
