"""The composition root: the only place that chooses and connects the real parts, and constructs a writer."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from audit.clock import Clock, SystemClock
from audit.log import Log
from flyball.identity import LocalIdentity
from flyball.open_log import open_log, open_world, stop_files
from flyball.paths import private
from flyball.place import Place, place_of
from flyball.policy import policy_source
from flyball.settings import Settings
from policies.claim_keys import FENCE
from policies.types import AgentName, Principal, Scope
from tools.actions import registry
from tools.path.context import Context
from tools.path.executor import Executor
from tools.path.leases import SqliteLeases
from tools.toolbox.governed import GovernedToolbox
from tools.toolbox.port import Recorder
from tools.toolbox.recorder import JournalRecorder

if TYPE_CHECKING:
    from flyball.jobs.port import Jobs
    from sandbox.world import World
    from tools.approvals.approvals import Approvals
    from tools.cluster.reader import KubernetesCluster
    from tools.errors import ToolError
    from tools.metrics.types import MetricsReader
    from tools.path.verifier import Verifier
    from tools.ports import ClusterReader, ClusterWriter, UsageReader

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
    open_jobs: "Callable[[], Jobs]"
    away: "ToolError | None" = None
    """Why the cluster cannot be asked; only where it was opened for what the log holds."""

    @property
    def jobs(self) -> "Jobs":
        """Schedules and runs, opened when they are first asked for. Raises JobsUnavailable."""
        return self.open_jobs()

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
        identity = LocalIdentity()
        context = Context(
            log=log,
            policy=policy_source(settings, place, closed=for_log),
            cluster=await parts.reader.identity(),
            reader=parts.reader,
            leases=_leases(stack, place, log, parts.clock),
            identity=identity,
            clock=parts.clock,
            stop_files=stop_files(settings, place),
            metrics=parts.metrics,
        )
        await context.journal.checks.switches()
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
            open_jobs=_jobs(stack, place, parts.clock),
            away=parts.away,
        )


def _leases(stack: AsyncExitStack, place: Place, log: Log, clock: Clock) -> SqliteLeases:
    async def floor(key: str) -> int:
        name = FENCE.of(key)
        return (await log.values((name,)))[name]

    leases = SqliteLeases(place.folder / "leases.db", clock, floor)
    stack.callback(leases.close)
    return leases


def _jobs(stack: AsyncExitStack, place: Place, clock: Clock) -> "Callable[[], Jobs]":
    @cache
    def opened() -> "Jobs":
        from flyball.jobs.embedded import EmbeddedJobs

        jobs = EmbeddedJobs(place.folder / "jobs.db", clock)
        stack.push_async_callback(jobs.close)
        return jobs

    return opened


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
