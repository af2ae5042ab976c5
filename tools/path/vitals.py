"""Vitals: how a workload is, in the figures that a change is verified by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from policies.types import Judged, Target
from tools.cluster_types import Pod, Workload
from tools.errors import ToolError
from tools.metrics.types import Metric
from tools.path.context import Context

GRACE_MS = 180_000
"""For so long a pod may wait for a node: one that a cluster autoscaler adds takes minutes."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric as it was asked for: `v` in its unit (tools.metrics.types), None where `missing` says why; it is
    taken over the `window_s` seconds before."""

    v: int | None
    missing: str
    window_s: int


@dataclass(frozen=True, slots=True)
class Vitals:
    """`ready` of `replicas` pods; `restarted` have a container that ended within the last `window_s` seconds, which
    in `oom_killed` of them was killed for memory. Kubernetes keeps the last end of each container only: pods are
    counted, not ends. `crashing` are in CrashLoopBackOff, `without_room` have waited for a node for longer than
    GRACE_MS; None in what an older release recorded."""

    at_ms: int
    window_s: int
    ready: int
    replicas: int
    restarted: int
    oom_killed: int
    images: tuple[str, ...]
    metrics: Mapping[Judged, Figure]
    crashing: int | None = None
    without_room: int | None = None

    @property
    def document(self) -> dict[str, Any]:
        """As a record holds it; `vitals_of` reads it back."""
        return asdict(self)


def vitals_of(document: Mapping[str, Any]) -> Vitals:
    """The Vitals that a record holds."""
    metrics = {name: Figure(**figure) for name, figure in document["metrics"].items()}
    return Vitals(**{**document, "images": tuple(document["images"]), "metrics": metrics})


async def look(context: Context, target: Target, window_s: int, metrics: Iterable[Judged]) -> Vitals:
    """How the workload is now. Raises what ClusterReader raises; a metric that cannot be asked for is missing."""
    workload, pods = await context.reader.read(target), await context.reader.pods(target)
    return vitals(workload, pods, window_s, context.now_ms(), await figures(context, target, metrics))


async def figures(context: Context, target: Target, metrics: Iterable[Judged]) -> dict[Judged, Figure]:
    """The metrics now; one that cannot be asked for is missing."""
    now_ms = context.now_ms()
    return {name: await _figure(context, name, target, now_ms) for name in metrics}


def vitals(
    workload: Workload, pods: Sequence[Pod], window_s: int, now_ms: int, metrics: Mapping[Judged, Figure]
) -> Vitals:
    """The figures of what was read."""
    alive = [pod for pod in pods if pod.alive]
    ended = [pod for pod in alive if pod.last_exit_ms > now_ms - window_s * 1000]
    return Vitals(
        at_ms=now_ms,
        window_s=window_s,
        ready=workload.ready,
        replicas=workload.replicas,
        restarted=len(ended),
        oom_killed=sum(pod.last_exit == "OOMKilled" for pod in ended),
        images=images_of(workload),
        metrics=metrics,
        crashing=sum(pod.waiting == "CrashLoopBackOff" for pod in alive),
        without_room=sum(_finds_no_room(pod, now_ms) for pod in alive),
    )


def images_of(workload: Workload) -> tuple[str, ...]:
    """What its containers run."""
    return tuple(container.image for container in workload.containers)


def _finds_no_room(pod: Pod, now_ms: int) -> bool:
    no = pod.unready
    if pod.phase != "Pending" or no is None or (no.type, no.reason) != ("PodScheduled", "Unschedulable"):
        return False
    since_ms = no.since_ms or pod.created_ms
    return 0 < since_ms <= now_ms - GRACE_MS


async def _figure(context: Context, name: Judged, target: Target, now_ms: int) -> Figure:
    if context.metrics is None:
        return Figure(None, "not_served", 0)
    try:
        number = await context.metrics.latest(Metric(name), target, now_ms)
    except ToolError:
        return Figure(None, "source_away", 0)
    return Figure(number.v, number.missing, number.window_s)
