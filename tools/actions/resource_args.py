"""What set_resources is asked for, as a container has it and as the API takes it."""

from collections.abc import Iterable, Mapping

from tools.cluster_types import Container, Resources, Workload
from tools.errors import ArgumentsInvalid
from tools.resource_arguments import VALUES, SetResourcesArgs


def resources_block(wanted: Mapping[str, int]) -> dict[str, dict[str, str]]:
    """The values as a container's `resources` has them."""
    block: dict[str, dict[str, str]] = {}
    for name, amount in wanted.items():
        value = VALUES[name]
        block.setdefault(value.part, {})[value.resource] = value.text(amount)
    return block


def pod_spec_patch(args: SetResourcesArgs, workload: Workload) -> dict[str, object]:
    """The wanted values as a strategic merge patch of a pod's or a template's spec. Raises ArgumentsInvalid."""
    container = container_of(args, workload.containers)
    return {container.listed_in: [{"name": container.name, "resources": resources_block(args.wanted())}]}


def container_of(args: SetResourcesArgs, containers: Iterable[Container]) -> Container:
    """The one that is meant. Raises ArgumentsInvalid."""
    known = {one.name: one for one in containers}
    if args.container is None and len(known) == 1:
        return next(iter(known.values()))
    if args.container in known:
        return known[args.container]
    what = (
        f"it has {len(known)} containers"
        if args.container is None
        else f"it has no container `{args.container}`"
    )
    raise ArgumentsInvalid(what, where="container", hint=f"--container {' or '.join(known)}")


def amount_of(resources: Resources, name: str) -> int | None:
    """One value by the argument's name."""
    amount: int | None = getattr(resources, name)
    return amount


def amounts_of(resources: Resources) -> dict[str, object]:
    """All four, as a view holds them."""
    return {name: amount_of(resources, name) for name in VALUES}
