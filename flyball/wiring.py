"""The composition root: the only place that picks real parts and puts them together, and makes a writer."""

import hashlib
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from audit.clock import Clock, SystemClock
from audit.log import Log
from flyball import __version__
from flyball.exits import UsageError
from flyball.identity import LocalIdentity
from flyball.paths import private
from flyball.policy_cache import policy_cache
from flyball.settings import Settings
from policies.claim_keys import BUSY, FENCE
from policies.errors import PolicyInvalid
from policies.source import PolicySource
from policies.types import AgentName, Principal, Scope
from sandbox.cluster import SimulatedCluster
from sandbox.metrics import SimulatedMetrics
from sandbox.world import World
from sandbox.writer import SimulatedWriter
from tools.actions import registry
from tools.approvals.approvals import Approvals
from tools.metrics.types import MetricsReader
from tools.path.context import Context
from tools.path.executor import Executor
from tools.path.leases import SqliteLeases
from tools.ports import ClusterReader, ClusterWriter, UsageReader
from tools.toolbox.governed import GovernedToolbox
from tools.toolbox.port import Recorder
from tools.toolbox.recorder import JournalRecorder

SANDBOX = "sandbox"
LOG = logging.getLogger("flyball")
"""Warnings for whoever runs this: the command line prints them on stderr."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command works: the cluster's name, the namespace, and the folder of its log."""

    context: str
    namespace: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.context}/{self.namespace}"

    @property
    def simulated(self) -> bool:
        return self.context == SANDBOX

    @property
    def log(self) -> Path:
        return self.folder / "audit.db"


@dataclass(frozen=True, slots=True)
class App:
    """An opened installation. Closed by `open_app` in the reverse order."""

    settings: Settings
    place: Place
    context: Context
    executor: Executor
    approvals: Approvals
    toolbox: GovernedToolbox
    recorder: Recorder
    identity: LocalIdentity
    world: World | None

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


def place_of(settings: Settings) -> Place:
    """Which cluster and namespace, and where its log lies: real and simulated records never share one."""
    context, namespace = settings["context"], settings["namespace"]
    if not context or context != SANDBOX:
        found = _kubeconfig_place(settings, context)
        context, namespace = found[0], namespace or found[1]
    folder = settings.state / ("sandbox" if context == SANDBOX else "real")
    return Place(context, namespace or ("shop" if context == SANDBOX else "default"), folder)


def log_place(settings: Settings) -> Place:
    """Where the log lies, also while the kubeconfig cannot be read: then its clusters are real ones.

    The context may be empty then. For the kill switch and for reading the log; acting takes `place_of`.
    """
    from tools.cluster.kubeconfig import KubeconfigInvalid

    try:
        return place_of(settings)
    except KubeconfigInvalid:
        return Place(settings["context"], settings["namespace"] or "default", settings.state / "real")


def _kubeconfig_place(settings: Settings, context: str) -> tuple[str, str]:
    """The context and its namespace as the kubeconfig has them; the sandbox where there is none."""
    from tools.cluster import kubeconfig as kube
    from tools.cluster.connect import IN_CLUSTER, in_pod

    given = settings["kubeconfig"]
    paths = (Path(given),) if given else kube.locations()
    if context == IN_CLUSTER or (not context and in_pod(paths)):
        return IN_CLUSTER, ""
    named = bool(given or os.environ.get("KUBECONFIG"))  # a file that is named and missing is a mistake
    if not context and not named and not any(path.exists() for path in paths):
        return SANDBOX, ""
    config = kube.read(paths)
    chosen = config.context(context or None)
    return chosen, config.namespace(chosen) or ""


def policy_paths(settings: Settings) -> tuple[Path, ...]:
    """The operator's folder, else the shipped policies."""
    if given := settings["policies"]:
        path = Path(given)
        if not path.exists():
            raise UsageError(
                "no such folder of policies", where=given, hint="give --policies DIR, or leave it out"
            )
        return (path,)
    return (Path(str(resources.files("policies") / "default")),)


def policy_source(settings: Settings, place: Place) -> PolicySource:
    """The policy, read anew whenever its files change. Raises PolicyInvalid."""
    clusters = sorted({SANDBOX, place.context})
    cache = policy_cache(place.folder, settings.pinned, f"flyball {__version__}")
    return PolicySource(
        policy_paths(settings), catalogue=registry.catalogue(), clusters=clusters, cache=cache
    )


def pinned_path(settings: Settings, place: Place) -> Path:
    """Where this log's newest checkpoint is kept a second time: by the log's place on disk, so that a log
    that was exchanged for another one is found out too."""
    there = hashlib.sha256(str(place.folder.resolve()).encode()).hexdigest()[:12]
    return settings.pinned / f"{place.folder.name}-{there}"


async def open_log(settings: Settings, place: Place, clock: Clock) -> Log:
    """The log of a place. Raises LogUnavailable, LogTampered."""
    private(settings.state, place.folder)
    software = f"flyball {__version__}"
    return await Log.open(place.log, clock=clock, pinned=pinned_path(settings, place), software=software)


def open_world(place: Place) -> World:
    """The simulated cluster. Where it is gone and its log is not, says that another one begins.

    Raises WorldUnavailable.
    """
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
    """The log and who sits here, without cluster and policy: `flyball stop` works while those do not."""

    settings: Settings
    place: Place
    log: Log
    identity: LocalIdentity

    def agents(self) -> frozenset[str] | None:
        """The agents that policy names; None where it does not load."""
        try:
            return frozenset(policy_source(self.settings, self.place).current().agents)
        except PolicyInvalid:
            return None

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
            yield Switch(settings, place, log, LocalIdentity())
        finally:
            await log.close()


@asynccontextmanager
async def open_app(settings: Settings) -> AsyncIterator[App]:
    """Open everything that acting needs, in order; whatever fails leaves nothing open."""
    async with AsyncExitStack() as stack:
        place = place_of(settings)
        private(settings.state, place.folder)
        parts = await (_sandbox(stack, place) if place.simulated else _kubernetes(stack, settings, place))
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
            policy=policy_source(settings, place),
            cluster=await parts.reader.identity(),
            reader=parts.reader,
            leases=leases,
            identity=identity,
            clock=parts.clock,
        )
        executor = Executor(context, parts.writer)
        toolbox = GovernedToolbox(context, executor, parts.usage, parts.metrics)
        yield App(
            settings=settings,
            place=place,
            context=context,
            executor=executor,
            approvals=Approvals(context, executor),
            toolbox=toolbox,
            recorder=JournalRecorder(context),
            identity=identity,
            world=parts.world,
        )


@dataclass(frozen=True, slots=True)
class _Parts:
    reader: ClusterReader
    usage: UsageReader
    metrics: MetricsReader
    writer: ClusterWriter
    clock: Clock
    world: World | None


async def _sandbox(stack: AsyncExitStack, place: Place) -> _Parts:
    world = open_world(place)
    stack.callback(world.close)
    clock = world.clock()
    cluster = SimulatedCluster(world)
    return _Parts(cluster, cluster, SimulatedMetrics(world), SimulatedWriter(world), clock, world)


async def _kubernetes(stack: AsyncExitStack, settings: Settings, place: Place) -> _Parts:
    from tools.cluster.cluster_pins import ClusterPins
    from tools.cluster.connect import connect
    from tools.cluster.writer import KubernetesWriter
    from tools.metrics.connect import open_metrics

    clock = SystemClock()
    given = settings["kubeconfig"]
    cluster = await connect(place.context, Path(given) if given else None, clock=clock)
    stack.push_async_callback(cluster.close)
    ClusterPins(place.folder / "pins.json").check(await cluster.identity())
    metrics = await open_metrics(settings, cluster, cluster, clock, place.folder)
    stack.push_async_callback(metrics.close)
    return _Parts(cluster, cluster, metrics, KubernetesWriter(cluster, clock), clock, None)
