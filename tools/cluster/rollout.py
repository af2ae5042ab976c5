"""How far the cluster has come with a change after it took the write: pure functions of what is read again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from tools.cluster.objects import unix_ms
from tools.cluster_types import Pod, Workload

SettledState = Literal["applied", "deferred", "infeasible", "error", "superseded", "timeout"]
"""How a change ended in the cluster. `deferred`: the node has no room now and the kubelet tries again;
`infeasible`: it never will on that node; `superseded`: another manager has changed the same fields since;
`timeout`: neither settled nor failed in the time that was given."""


@dataclass(frozen=True, slots=True)
class RolloutProgress:
    """`state` is None while it goes on; `done` of `total` pods are finished; `detail` is for a person."""

    state: SettledState | None
    done: int
    total: int
    detail: str


def replacement(workload: Workload) -> str:
    """How many pods a changed template replaces, and in which way (k8s.io/api/apps/v1: DeploymentStrategyType,
    StatefulSet's RollingUpdateStatefulSetStrategy; a paused Deployment replaces none)."""
    count = workload.replicas
    if not count:
        return "no pod: it is scaled to zero"
    of = f"{replaceable(workload) or 'none'} of {count}" if workload.partition else str(count)
    pods = f"{of} {'pod' if count == 1 else 'pods'}"
    if workload.paused:
        return f"{pods}, none until it is resumed (paused)"
    match workload.strategy:
        case "Recreate":
            return f"{pods}, all at once: none runs until they are replaced (strategy Recreate)"
        case "OnDelete":
            return f"{pods}, none until it is deleted (update strategy OnDelete)"
        case "Unknown":
            return f"{pods}, by an update strategy that is not known"
        case "RollingUpdate" if workload.partition and not replaceable(workload):
            return f"{pods} (partition {workload.partition} keeps them all)"
        case "RollingUpdate" if workload.partition:
            return f"{pods}, one after another (partition {workload.partition} keeps the others)"
        case "RollingUpdate" if workload.target.kind == "deployment":
            return f"{pods}, by a rolling update"
        case "RollingUpdate":
            return f"{pods}, one after another"
        case never:
            assert_never(never)


def replaces_all(workload: Workload) -> bool:
    """Whether a changed template soon replaces every pod, while others serve."""
    return workload.strategy == "RollingUpdate" and not workload.partition and not workload.paused


def replaceable(workload: Workload) -> int:
    """The pods whose ordinal is not below the partition."""
    return max(0, workload.replicas - workload.partition)


def rolled_out(_: object, workload: Workload, pods: Sequence[Pod]) -> RolloutProgress:
    """As `kubectl rollout status` sees it (kubectl/pkg/polymorphichelpers/rollout_status.go), and as many pods
    ready as are asked for; a container of the newest template that cannot start, or is killed for memory, is an
    error. A partition's lower ordinals, OnDelete's pods and those of a paused Deployment keep their template."""
    total, done = workload.replicas, min(workload.updated, workload.ready)
    if workload.observed_generation < workload.generation:
        return RolloutProgress(None, 0, total, "the controller has not seen it yet")
    newest = _newest(workload, pods)
    stuck = next((pod for pod in newest if pod.waiting and pod.waiting not in STARTING), None)
    if stuck is not None:
        return RolloutProgress(
            "error", done, total, f"pod {stuck.name}: {stuck.waiting} {stuck.last_exit}".rstrip()
        )
    if (
        workload.updated >= due(workload)
        and workload.ready == total
        and sum(pod.alive for pod in pods) == total
    ):
        return RolloutProgress(
            "applied", total, total, f"{total} of {total} ready{_but(held_back(workload))}"
        )
    return RolloutProgress(
        None, done, total, f"{workload.ready} of {total} ready, {workload.updated} updated"
    )


STARTING = frozenset({"ContainerCreating", "PodInitializing"})
"""Why a container waits that is on its way to run."""


def due(workload: Workload) -> int:
    """So many pods have the newest template in the end, unless somebody acts."""
    if workload.strategy == "OnDelete" or workload.paused:
        return 0
    return replaceable(workload)


def rolling_out(workload: Workload) -> bool:
    """Whether the controller has not seen the newest spec, or not every pod that will have the newest template has
    it. A paused one waits, and changes nothing meanwhile."""
    return workload.observed_generation < workload.generation or workload.updated < due(workload)


def held_back(workload: Workload) -> str:
    """How many pods keep an older template for good, and why; empty where none does. For a rollout that is over."""
    kept = workload.replicas - workload.updated
    if kept <= 0:
        return ""
    if workload.paused:
        why = "paused: until resumed"
    elif workload.strategy == "OnDelete":
        why = "OnDelete: until deleted"
    else:
        why = f"partition {workload.partition}"
    return f"{kept} {'keeps' if kept == 1 else 'keep'} the older template ({why})"


def _but(held: str) -> str:
    return held and f", {held}"


def _newest(workload: Workload, pods: Sequence[Pod]) -> list[Pod]:
    """Those of the newest template. A pod from before the template was last written is of an older one: a change
    that cures a crash loop has its broken pods beside it for a while. Where the status names the newest
    template (a StatefulSet's does), the pod's label decides."""
    if workload.newest_template:
        return [pod for pod in pods if pod.template_hash in ("", workload.newest_template)]
    writes = [one.at for one in workload.managers if _TEMPLATE in one.fields and one.at]
    since = max(map(unix_ms, writes), default=0)
    return [pod for pod in pods if pod.created_ms >= since]


_TEMPLATE = "spec.template"
