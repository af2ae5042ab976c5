"""What pods request of CPU, all containers of one together: what an HPA on utilisation divides by. Pure."""

from collections.abc import Iterable, Sequence

from tools.cluster_types import Container, Resources, Workload
from tools.errors import ArgumentsInvalid


def total(containers: Iterable[Container], changed: str = "", to: int | None = None) -> int | None:
    """Of one pod, in millicores, with `to` in the container `changed`; None where a container asks for nothing."""
    return known_sum([to if to and one.name == changed else one.resources.cpu_request for one in containers])


def known_sum(amounts: Sequence[int | None]) -> int | None:
    """None where one is missing."""
    known = [one for one in amounts if one is not None]
    return sum(known) if len(known) == len(amounts) else None


def requested_of_a_pod(workload: Workload) -> int:
    """In millicores, of its pods as they run; of the template where none do. Raises ArgumentsInvalid where that is
    not one number: a container asks for nothing, or pods differ."""
    pods, where = workload.seen_pods or (), str(workload.target)
    if any(pod.resources != Resources() for pod in pods):
        raise ArgumentsInvalid("its pods have amounts of their own beside their containers'", where=where)
    found = {total(each) for each in [pod.containers for pod in pods] or [workload.containers]}
    (requests, *others) = found
    if others:
        hint = f"when they are alike: flyball describe {workload.target}"
        raise ArgumentsInvalid("its pods request different amounts of CPU", where=where, hint=hint)
    if not requests:
        raise ArgumentsInvalid("a container requests no CPU: the HPA has no scale point", where=where)
    return requests
