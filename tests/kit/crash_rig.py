"""A governed installation on a simulated world, as small as it goes, and what must hold of it whatever happens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from audit import verify
from audit.clock import Clock
from audit.log import Entry, Log
from flyball.identity import LocalIdentity
from policies.source import PolicySource
from policies.types import Mode, Request
from sandbox.cluster import SimulatedCluster
from sandbox.endpoint import Arrival
from sandbox.world import World
from sandbox.writer import SimulatedWriter
from tests.kit.manifests import workload
from tools.actions import registry
from tools.approvals.approvals import Approvals
from tools.path.context import Context
from tools.path.executor import Executor
from tools.path.leases import SqliteLeases
from tools.path.requests import build
from tools.path.standing import ENDS
from tools.path.stop_files import StopFiles
from tools.ports import ClusterWriter

T = TypeVar("T")
WORKLOADS = ("web", "search", "worker")
NAMESPACE = "shop"
POLICY = """
apiVersion: flyball/v1
kind: RoleBinding
metadata: {name: operators}
spec: {subjects: ["group:local"], role: operator, clusters: [sandbox]}
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {name: alone}
spec:
  roles: [operator]
  actions: [scale]
  target: {clusters: [sandbox], namespaces: [shop], kinds: [deployment, statefulset], names: [web, worker, queue]}
  effect: allow
  limits: {replicas: {min: 1, max: 12}}
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {name: with-approval}
spec:
  roles: [operator]
  actions: [scale]
  target: {clusters: [sandbox], namespaces: [shop], kinds: [deployment], names: [web]}
  effect: allow
  limits: {replicas: {min: 1, max: 20}}
  approval: {from: local, expires: 15m}
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {name: slowly-and-rehearsed}
spec:
  roles: [operator]
  actions: [scale]
  target: {clusters: [sandbox], namespaces: [shop], kinds: [deployment], names: [search]}
  effect: allow
  limits: {replicas: {min: 1, max: 12}}
  cooldown: 10m
  require: [dryRun]
...
"""


@dataclass
class Rig:
    """One process's open installation; several on one folder are several processes to each other."""

    folder: Path
    world: World
    log: Log
    context: Context
    executor: Executor
    approvals: Approvals
    identity: LocalIdentity

    def scale(
        self, replicas: int, name: str = "web", *, id: str, mode: Mode = "live", **more: str
    ) -> Request:
        """A request by hand to scale one of the workloads."""
        kind = "statefulset" if name == "queue" else "deployment"
        return self.request("scale", {"workload": f"{kind}/{name}", "replicas": replicas}, id, mode, **more)

    def request(
        self, tool: str, args: dict[str, object], id: str, mode: Mode = "live", **more: str
    ) -> Request:
        """Any request by hand; arguments that are left out are null."""
        return build(
            tool,
            registry.parse(registry.action(tool).args, args),
            id=id,
            principal=self.identity.by_hand(),
            cluster="sandbox",
            namespace=NAMESPACE,
            mode=mode,
            **more,  # type: ignore[arg-type]
        )

    async def replicas(self, name: str = "web") -> int:
        request = self.scale(1, name, id="only-to-look")
        return (await self.context.reader.read(request.target)).replicas


def new_world(folder: Path) -> None:
    """Three Deployments and a StatefulSet of two replicas, and the policy beside them."""
    (folder / "policy").mkdir(parents=True)
    (folder / "policy" / "policy.yaml").write_text(POLICY)
    world = World(folder)
    kinds = [(name, "Deployment") for name in WORKLOADS] + [("queue", "StatefulSet")]
    manifests = [workload(name, kind=kind, namespace=NAMESPACE) for name, kind in kinds]
    world.reset(manifests, cluster_uid="8a0c1f5e-7d43-4b52-9d0e-3f6a5f1c2b7d")
    world.close()


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    ttl_s: float = 0.1,
    wait_s: float = 10.0,
    log_class: type[Log] = Log,
    writer: Callable[[ClusterWriter], ClusterWriter] = lambda inner: inner,
    clock: Callable[[Clock], Clock] = lambda inner: inner,
) -> AsyncIterator[Rig]:
    """Open it as the composition root does; leases are short, so that a killed holder is not waited for."""
    world = World(folder)
    time = clock(world.clock())
    log = await log_class.open(folder / "audit.db", clock=time, pinned=folder / "pinned")
    cluster = SimulatedCluster(world)

    async def floor(key: str) -> int:
        return (await log.values((f"fence/{key}",)))[f"fence/{key}"]

    leases = SqliteLeases(folder / "leases.db", time, floor, ttl_s=ttl_s, wait_s=wait_s)
    identity = LocalIdentity()
    policy = PolicySource([folder / "policy"], catalogue=registry.catalogue(), clusters=["sandbox"])
    stops = StopFiles((folder / "stop",))
    context = Context(log, policy, await cluster.identity(), cluster, leases, identity, time, stops)
    executor = Executor(context, writer(SimulatedWriter(world, clock=time)))
    try:
        yield Rig(folder, world, log, context, executor, Approvals(context, executor), identity)
    finally:
        leases.close()
        await log.close()
        world.close()


def run(folder: Path, work: Callable[[Rig], Awaitable[T]], **how: object) -> T:
    """Open, work, close."""

    async def inside() -> T:
        async with opened(folder, **how) as rig:  # type: ignore[arg-type]
            return await work(rig)

    return asyncio.run(inside())


@dataclass(frozen=True)
class Books:
    """Our log beside the cluster's own: `ends` by intent id, `effects` the arrivals that changed something."""

    entries: list[Entry]
    intents: dict[str, Entry]
    ends: dict[str, list[Entry]]
    effects: Counter[str]
    arrivals: list[Arrival]

    @property
    def open(self) -> list[str]:
        return [id for id, ends in self.ends.items() if not ends]

    def statuses(self) -> Counter[str]:
        found = (e.record.outcome for ends in self.ends.values() for e in ends)
        return Counter(outcome.status for outcome in found if outcome is not None)


async def books(rig: Rig) -> Books:
    entries = await rig.log.find()
    intents = {
        e.record.id: e for e in entries if e.record.kind == "action.intent" and e.record.mode == "live"
    }
    ends: dict[str, list[Entry]] = {id: [] for id in intents}
    for entry in entries:
        for parent in entry.record.parents:
            if entry.record.kind in ENDS and parent.rel == "intent" and parent.id in ends:
                ends[parent.id].append(entry)
    arrivals = rig.world.arrivals()
    ours = [a for a in arrivals if a.changed and a.audit_id and not a.audit_id.endswith("-fence")]
    return Books(entries, intents, ends, Counter(a.audit_id for a in ours), arrivals)


async def balanced(rig: Rig, *, still_open: int = 0) -> Books:
    """Hold the two logs against each other: every invariant of the governed path. Returns what was compared."""
    b = await books(rig)
    assert set(b.effects) <= set(b.intents), "an effect without an intent"
    assert all(count == 1 for count in b.effects.values()), "an effect twice"
    by_request = Counter(b.intents[id].record.request_id for id in b.effects)
    assert all(count == 1 for count in by_request.values()), "a request took effect twice"
    assert len(b.open) == still_open, f"{len(b.open)} intents are open"
    for id, ends in b.ends.items():
        assert len(ends) <= 1, "an intent that ended twice"
        for end in ends:
            assert end.seq > b.intents[id].seq
            _fits(end, b.intents[id], b.effects[id])
    busy = {key for key, value in (await rig.log.prefixed("busy/")).items() if value}
    blocked = {f"busy/{b.intents[id].record.resource.key}" for id in b.open}  # type: ignore[union-attr]
    assert busy == blocked, "a workload is busy without an open intent, or free with one"
    report = verify.verify(
        rig.folder / "audit.db", rig.log.verifier, pinned_path=rig.folder / "pinned", full=True
    )
    assert report.whole, report
    return b


def _fits(end: Entry, intent: Entry, effects: int) -> None:
    """Applied means that the cluster changed. Only who finds out afterwards cannot tell a change from what was so
    already: that write leaves no mark."""
    assert end.record.outcome is not None
    status = end.record.outcome.status
    if status == "applied":
        wanted = (intent.record.args or {})["replicas"]
        already = (intent.record.before or {})["fields"] == {"replicas": wanted}
        found_out = end.record.kind == "action.in_doubt_resolved"
        assert effects == 1 or (found_out and already), "recorded as applied, and never arrived"
    else:
        assert effects == 0, f"recorded as {status}, and it took effect"
