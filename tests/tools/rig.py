"""A governed installation over a scripted cluster: the real log, policy, gate, leases and path; what the cluster
and the metrics say is a list, and what is written is kept."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from audit.log import Log
from flyball.identity import LocalIdentity
from policies.permit import Permit
from policies.source import PolicySource
from policies.types import Principal, Scope, Target
from tests.kit.logs import ToldClock
from tests.tools.workloads import workload
from tools.actions import registry
from tools.cluster_types import (
    ApiEvent,
    Autoscaler,
    ClusterIdentity,
    Manager,
    Patch,
    Pod,
    PodUsage,
    Precondition,
    Workload,
    manager_of,
)
from tools.errors import NotFound, ToolError
from tools.metrics.types import SPECS, Metric, Number, OneByOne, Series, Span
from tools.path.context import Context
from tools.path.executor import Executor
from tools.path.leases import SqliteLeases
from tools.path.stop_files import StopFiles
from tools.path.verifier import Verifier
from tools.reading.governed_reads import GovernedReads
from tools.toolbox.governed import GovernedToolbox
from tools.toolbox.port import Call, Card

Seen = tuple[Workload, Sequence[Pod]] | ToolError
WEB = Target(cluster="sandbox", namespace="shop", kind="deployment", name="web")


@dataclass
class ScriptedCluster:
    """`script` is what each look sees in turn; the last goes on. A write becomes the next thing that is seen."""

    script: list[Seen] = field(default_factory=lambda: [(workload(), ())])
    told: list[ApiEvent] = field(default_factory=list)
    hpa: Autoscaler | None = None
    looks: int = 0
    written: list[Patch] = field(default_factory=list)

    def _now(self) -> tuple[Workload, Sequence[Pod]]:
        seen = self.script[min(self.looks, len(self.script) - 1)]
        if isinstance(seen, ToolError):
            self.looks += 1
            raise seen
        return seen

    async def identity(self) -> ClusterIdentity:
        return ClusterIdentity("sandbox", "uid-of-it", "scripted")

    async def namespaces(self) -> list[str]:
        return ["shop"]

    async def list_workloads(self, namespace: str | None, *_: object) -> list[Workload]:
        return [self._now()[0]]

    async def read(self, target: Target) -> Workload:
        found = self._now()[0]
        if target != found.target:
            raise NotFound("it is not there", where=str(target))
        return found

    async def root_owner(self, target: Target) -> Target:
        return target

    async def pods(self, target: Target) -> list[Pod]:
        """Ends a look: the next one sees the next step."""
        pods = list(self._now()[1])
        self.looks += 1
        return pods

    async def pods_of(self, targets: Sequence[Target]) -> dict[str, list[Pod]]:
        return {target.key: await self.pods(target) for target in targets}

    async def events(self, target: Target) -> list[ApiEvent]:
        return list(self.told)

    async def autoscaler(self, target: Target) -> Autoscaler | None:
        return self.hpa

    async def autoscalers(self, target: Target) -> list[Autoscaler]:
        return [self.hpa] if self.hpa else []

    async def resizable(self) -> bool:
        return True

    async def usage(self, target: Target) -> list[PodUsage]:
        return []

    async def apply(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Workload:
        now, pods = self._now()
        if permit.mode == "dry_run":
            return now
        self.written.append(patch)
        wanted: Mapping[str, Any] = patch.body["spec"]  # type: ignore[assignment]
        mark = Manager(manager_of(intent), "Update", patch.subresource, "", ("spec.replicas",))
        after = replace(
            now,
            replicas=wanted["replicas"],
            resource_version=str(int(now.resource_version) + 1),
            managers=(mark,),
        )
        self.script[min(self.looks, len(self.script) - 1)] = (after, pods)
        return after

    async def resize(self, *_: Any) -> Pod:
        raise AssertionError("nothing here is resized")

    async def set_bounds(self, *_: Any) -> Autoscaler:
        raise AssertionError("nothing here has bounds")

    async def fence_autoscaler(self, target: Target, name: str, intent: str) -> Autoscaler:
        raise AssertionError("nothing here has bounds")

    async def fence(self, target: Target, intent: str) -> Workload:
        return self._now()[0]

    async def fence_pod(self, target: Target, pod: str, intent: str) -> Pod:
        raise AssertionError("nothing here is resized")


@dataclass
class ScriptedMetrics(OneByOne):
    """Figures by metric; an error is raised, what is not there is missing."""

    figures: dict[Metric, int | ToolError] = field(default_factory=dict)
    lines: dict[Metric, tuple[int | None, ...]] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    source: str = "scripted"

    async def latest(self, metric: Metric, target: Target, now_ms: int) -> Number:
        v = self.figures.get(metric)
        if isinstance(v, ToolError):
            raise v
        if v is None:
            return Number(metric, SPECS[metric].unit, None, "no_data", None, None, 0, 0)
        return Number(metric, SPECS[metric].unit, v, "", now_ms - 5000, 5000, 60, 1_000_000)

    async def history(self, metric: Metric, target: Target, span: Span) -> Series:
        self.spans.append(span)
        line = self.lines.get(metric, ())
        values = (*line, *(None,) * span.points)[: span.points]
        return Series(metric, SPECS[metric].unit, span, values)


@dataclass
class Rig:
    context: Context
    cluster: ScriptedCluster
    metrics: ScriptedMetrics
    clock: ToldClock
    executor: Executor
    toolbox: GovernedToolbox
    identity: LocalIdentity

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.context, self.executor.execute)

    @property
    def log(self) -> Log:
        return self.context.log

    def agent(self, session: str = "s-1") -> Principal:
        actions = tuple(info.name for info in registry.catalogue())
        scope = Scope(clusters=("sandbox",), namespaces=("shop",), actions=actions)
        return self.identity.agent("agent:ops", scope, session)

    def reads(self, principal: Principal | None = None) -> GovernedReads:
        return GovernedReads(self.context, self.cluster, self.metrics, principal or self.agent(), run_id=None)

    async def call(self, name: str, arguments: Mapping[str, Any], request_id: str, **given: Any) -> Card:
        usual = {"principal": self.agent(), "namespace": "shop", "mode": "live", **given}
        return await self.toolbox.call(Call(name, json.dumps(arguments), request_id=request_id, **usual))


@asynccontextmanager
async def rig(folder: Path, policy: Sequence[Mapping[str, Any]]) -> AsyncIterator[Rig]:
    """Open an installation in `folder` under these policy documents."""
    (folder / "p").mkdir(parents=True, exist_ok=True)
    text = "\n---\n".join(json.dumps(one) for one in policy) + "\n...\n"
    (folder / "p" / "policy.yaml").write_text(text)
    clock, cluster, metrics, identity = ToldClock(), ScriptedCluster(), ScriptedMetrics(), LocalIdentity()
    log = await Log.open(folder / "audit.db", clock=clock)

    async def floor(key: str) -> int:
        return (await log.values((f"fence/{key}",)))[f"fence/{key}"]

    leases = SqliteLeases(folder / "leases.db", clock, floor)
    source = PolicySource([folder / "p"], catalogue=registry.catalogue(), clusters=["sandbox"])
    stops = StopFiles((folder / "stop",))
    context = Context(log, source, await cluster.identity(), cluster, leases, identity, clock, stops, metrics)
    executor = Executor(context, cluster)
    toolbox = GovernedToolbox(context, executor, cluster, metrics)
    try:
        yield Rig(context, cluster, metrics, clock, executor, toolbox, identity)
    finally:
        leases.close()
        await log.close()
