"""The composition root: the only place that chooses and connects the real parts, and constructs a writer."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
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
from flyball.place import Place, log_place, pinned_path, place_of, stop_places
from flyball.policy import policy_source
from flyball.settings import Settings
from policies.claim_keys import BUSY, FENCE
from policies.types import AgentName, Principal, Scope
from tools.actions import registry
from tools.path.context import Context
from tools.path.executor import Executor
from tools.path.leases import SqliteLeases
from tools.path.stop_files import StopFiles
from tools.toolbox.governed import GovernedToolbox
from tools.toolbox.port import Recorder
from tools.toolbox.recorder import JournalRecorder

if TYPE_CHECKING:
    from sandbox.world import World
    from tools.approvals.approvals import Approvals
    from tools.cluster.reader import KubernetesCluster
    from tools.errors import ToolError
    from tools.metrics.types import MetricsReader
    from tools.path.verifier import Verifier
    from tools.ports import ClusterReader, ClusterWriter, UsageReader

LOG = logging.getLogger("flyball")
"""Warnings for the operator: the command line prints them on stderr."""
PINS = "pins.json"
"""Which cluster a context's name means, in the folder of the log."""


@dataclass(frozen=True, slots=True)
class App:
    """An opened installation. Closed by `open_app` in the reverse order."""

    settings: Settings
    place: Place
    context: Context
    executor: Executor
    toolbox: GovernedToolbox
    recorder: Recorder
    identity: LocalIdentity
    world: "World | None"
    away: "ToolError | None" = None
    """Why the cluster cannot be asked; only where it was opened for what the log holds."""

    @property
    def approvals(self) -> "Approvals":
        """Votes and plans; most commands have no need of them."""
        from tools.approvals.approvals import Approvals

        return Approvals(self.context, self.executor)

    @property
    def verifier(self) -> "Verifier":
        """Carries out what policy's `verify` owes."""
        from tools.path.verifier import Verifier

        return Verifier(self.context, self.executor.execute)

    @property
    def log(self) -> Log:
        return self.context.log

    def scope(self, namespace: str | None = None) -> Scope:
        """The scope of an agent's task here: this cluster, this namespace, every registered action."""
        actions = tuple(info.name for info in registry.catalogue())
        return Scope(
            clusters=(self.place.context,), namespaces=(namespace or self.place.namespace,), actions=actions
        )

    def agent(self, name: AgentName, session: str | None = None) -> Principal:
        """An agent of the policy, acting for the person at this machine."""
        return self.identity.agent(name, self.scope(), session)


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


@asynccontextmanager
async def open_app(settings: Settings, *, for_log: bool = False) -> AsyncIterator[App]:
    """Open everything that acting needs, in order; whatever fails leaves nothing open.

    `for_log` says that the log holds the answer: then a cluster that cannot be asked is `away`, a policy that
    does not load allows nothing, and the rest opens.
    Raises LogTampered where the kill switch is not as its records say, and what the parts raise.
    """
    async with AsyncExitStack() as stack:
        place = place_of(settings)
        private(settings.state, place.folder)
        opened = _sandbox(stack, place) if place.simulated else _kubernetes(stack, settings, place, for_log)
        parts = await opened
        log = await open_log(settings, place, parts.clock)
        stack.push_async_callback(log.close)

        async def floor(key: str) -> int:
            name = FENCE.of(key)
            return (await log.values((name,)))[name]

        leases = SqliteLeases(place.folder / "leases.db", parts.clock, floor)
        stack.callback(leases.close)
        identity = LocalIdentity()
        context = Context(
            log=log,
            policy=policy_source(settings, place, closed=for_log),
            cluster=await parts.reader.identity(),
            reader=parts.reader,
            leases=leases,
            identity=identity,
            clock=parts.clock,
            stop_files=stop_files(settings, place),
            metrics=parts.metrics,
        )
        await context.journal.checks.kill_switch()
        executor = Executor(context, parts.writer)
        toolbox = GovernedToolbox(context, executor, parts.usage, parts.metrics)
        yield App(
            settings=settings,
            place=place,
            context=context,
            executor=executor,
            toolbox=toolbox,
            recorder=JournalRecorder(context),
            identity=identity,
            world=parts.world,
            away=parts.away,
        )


@dataclass(frozen=True, slots=True)
class _Parts:
    reader: "ClusterReader"
    usage: "UsageReader"
    metrics: "MetricsReader"
    writer: "ClusterWriter"
    clock: Clock
    world: "World | None"
    away: "ToolError | None" = None


async def _sandbox(stack: AsyncExitStack, place: Place) -> _Parts:
    from sandbox.cluster import SimulatedCluster
    from sandbox.metrics import SimulatedMetrics
    from sandbox.writer import SimulatedWriter

    world = open_world(place)
    stack.callback(world.close)
    clock = world.clock()
    cluster = SimulatedCluster(world)
    return _Parts(cluster, cluster, SimulatedMetrics(world), SimulatedWriter(world), clock, world)


async def _kubernetes(stack: AsyncExitStack, settings: Settings, place: Place, for_log: bool) -> _Parts:
    from tools.cluster.writer import KubernetesWriter
    from tools.errors import ClusterUnavailable, NeverHappened
    from tools.metrics.connect import open_metrics

    clock = SystemClock()
    try:
        cluster = await _connected(stack, settings, place, clock)
    except (ClusterUnavailable, NeverHappened) as why:
        if not for_log:
            raise
        return await _away(stack, settings, place, clock, why)
    metrics = await open_metrics(settings, cluster, cluster, clock, place.folder)
    stack.push_async_callback(metrics.close)
    return _Parts(cluster, cluster, metrics, KubernetesWriter(cluster, clock), clock, None)


async def _connected(
    stack: AsyncExitStack, settings: Settings, place: Place, clock: Clock
) -> "KubernetesCluster":
    """The cluster, reached, and the one that its name means."""
    from tools.cluster.cluster_pins import ClusterPins
    from tools.cluster.connect import connect

    given = settings["kubeconfig"]
    cluster = await connect(place.context, Path(given) if given else None, clock=clock)
    stack.push_async_callback(cluster.close)
    ClusterPins(place.folder / PINS).check(await cluster.identity())
    return cluster


async def _away(
    stack: AsyncExitStack, settings: Settings, place: Place, clock: Clock, why: "ToolError"
) -> _Parts:
    from tools.cluster.away import AwayCluster, NoWriter
    from tools.cluster.cluster_pins import ClusterPins
    from tools.metrics.connect import open_metrics

    cluster = AwayCluster(ClusterPins(place.folder / PINS).known(place.context), why)
    metrics = await open_metrics(settings, cluster, cluster, clock, place.folder)
    stack.push_async_callback(metrics.close)
    return _Parts(cluster, cluster, metrics, NoWriter(), clock, None, why)
