"""A change in place, pod by pod: what each has, would have, and whether its container starts anew for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tools.actions.resource_args import amount_of, container_of
from tools.cluster_types import Container, Pod, Resources, Workload
from tools.resource_arguments import VALUES, SetResourcesArgs


@dataclass(frozen=True, slots=True)
class Resize:
    """One pod, its container as its spec has it, and the resources that it would have."""

    pod: Pod
    container: Container
    after: Resources

    @property
    def changes(self) -> bool:
        return self.after != self.container.resources

    @property
    def restarts(self) -> bool:
        """Whether the kubelet restarts the container for it: an amount changes whose resizePolicy says so
        (k8s.io/api/core/v1, ContainerResizePolicy)."""
        before = self.container.resources
        return any(
            amount_of(before, name) != amount_of(self.after, name)
            for name, value in VALUES.items()
            if value.resource in self.container.restarts_on
        )


def resizes(args: SetResourcesArgs, workload: Workload, pods: Sequence[Pod] | None = None) -> list[Resize]:
    """Of the workload's pods (or of these) that have the container: one of an older template may not."""
    name = container_of(args, workload.containers).name
    return [
        Resize(pod, container, replace(container.resources, **args.wanted()))
        for pod in (workload.pods or () if pods is None else pods)
        for container in pod.containers
        if container.name == name
    ]
