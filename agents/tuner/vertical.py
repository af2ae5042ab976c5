"""What the strategies of CPU and memory share: the one container that they are about, and changes of its resources.

Metrics are of whole workloads, so a workload whose pods run several containers is left to a person: whose the usage
is would be a guess.
"""

from collections.abc import Mapping

from agents.tuner.change import Change, Move, checked
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


def resized(one: Observed, wanted: Mapping[str, int], *, in_place: bool) -> Change:
    """The change to these amounts (millicores and bytes, by argument). Raises StrategyBroken."""
    container = container_of(one)
    values: dict[str, object] = {"workload": str(one.workload.target), "container": container.name}
    values |= {name: VALUES[name].text(amount) for name, amount in wanted.items()}
    args = checked(SetResourcesArgs, values | {"in_place": in_place or None})
    moves = [
        Move(VALUES[name].dimension, name, getattr(container.resources, name), amount)
        for name, amount in wanted.items()
    ]
    return Change(SET_RESOURCES, args, tuple(moves))


def with_limit(now: Resources, resource: str, request: int) -> dict[str, int]:
    """The request, and the limit where it has to go along: a pod whose limit is its request keeps it so (its QoS
    class cannot change in place), and no limit is ever less than the request."""
    asked, limit = getattr(now, f"{resource}_request"), getattr(now, f"{resource}_limit")
    moved = {f"{resource}_request": request}
    if limit is not None and (limit == asked or limit < request):
        moved[f"{resource}_limit"] = request
    return moved
