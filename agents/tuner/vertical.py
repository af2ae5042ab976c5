"""What the strategies of CPU and memory share: the one container that they are about, and changes of its resources.

Metrics are of whole workloads, so a workload whose pods run several containers is left to a person: whose the usage
is would be a guess.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.tuner.change import Change, Move, checked, held_in_cpu
from agents.tuner.strategy import Observed
from forecasting.vertical.live import Usage
from tools.cluster_types import Container, Resources
from tools.metrics.types import Series
from tools.resource_arguments import VALUES, SetResourcesArgs

SET_RESOURCES = "set_resources"


def unfit(one: Observed) -> str | None:
    """Why no strategy of CPU and memory fits it; None where one may."""
    workload = one.workload
    if keeper := workload.controller or workload.resources_owner:
        return f"owned-by-{keeper}"
    if len(workload.containers) != 1:
        return "several-containers"
    return None if one.ready is not None else "no-metrics"


def container_of(one: Observed) -> Container:
    """Its only container."""
    return one.workload.containers[0]


def usage(total: Series, ready: Series) -> Usage:
    """As the live recommenders take it."""
    return Usage(total.values, ready.values, total.span.start_ms // 1000, total.span.step_s)


def aims_at_share(one: Observed) -> bool:
    """Whether its HPA divides by the CPU requests, so that another request would move its scale point."""
    return one.autoscaler is not None and one.autoscaler.target_percent is not None


def keeps_scale_point(one: Observed) -> bool:
    """Whether its HPA's scale point can be held while the requests change: the share is that of all containers, pods
    request alike, and it is a millicore at least."""
    hpa = one.autoscaler
    if hpa is None or any(_of_one_container(metric) for metric in hpa.metrics):
        return hpa is None
    if hpa.target_percent is None:
        return True
    alive = [pod.containers for pod in one.pods if not pod.deleting and pod.phase in ("Running", "Pending")]
    requested = {requests_of(each) for each in alive} | {requests_of(one.workload.containers)}
    return len(requested) == 1 and hpa.target_percent * (requested.pop() or 0) >= 100


def requests_of(containers: Sequence[Container]) -> int | None:
    """CPU of all containers together, in millicores; None where one asks for nothing."""
    known = [each.resources.cpu_request for each in containers if each.resources.cpu_request is not None]
    return sum(known) if len(known) == len(containers) else None


def _of_one_container(metric: Mapping[str, Any]) -> bool:
    """Such a metric divides by the requests of a container, and cannot be held so."""
    resource = metric.get("containerResource") or {}
    return resource.get("name") == "cpu" and "averageUtilization" in (resource.get("target") or {})


def resized(one: Observed, wanted: Mapping[str, int], *, in_place: bool) -> Change:
    """The change to these amounts (millicores and bytes, by argument); where an HPA divides by the CPU requests,
    after one that holds its scale point. Raises StrategyBroken."""
    container = container_of(one)
    values: dict[str, object] = {"workload": str(one.workload.target), "container": container.name}
    values |= {name: VALUES[name].text(amount) for name, amount in wanted.items()}
    holds = "cpu_request" in wanted and aims_at_share(one)
    args = checked(
        SetResourcesArgs, values | {"in_place": in_place or None, "scale_point_held": holds or None}
    )
    moves = [
        Move(VALUES[name].dimension, name, getattr(container.resources, name), amount)
        for name, amount in wanted.items()
    ]
    return Change(SET_RESOURCES, args, tuple(moves), held_in_cpu(one.workload) if holds else None)


def with_limit(now: Resources, resource: str, request: int) -> dict[str, int]:
    """The request, and the limit where it has to go along: a pod whose limit is its request keeps it so (its QoS
    class cannot change in place), and no limit is ever less than the request."""
    asked, limit = getattr(now, f"{resource}_request"), getattr(now, f"{resource}_limit")
    moved = {f"{resource}_request": request}
    if limit is not None and (limit == asked or limit < request):
        moved[f"{resource}_limit"] = request
    return moved
