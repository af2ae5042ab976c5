"""The containers in a pod's spec: those that run as long as the pod, and all of them.

An init container with `restartPolicy: Always` is a native sidecar and runs as long as the pod (KEP-753); an ordinary
one has ended before the pod is at work.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sandbox.api.cache import Json

LISTS = ("containers", "initContainers")


def is_sidecar(container: Mapping[str, Any]) -> bool:
    """Of an init container: whether it is a native sidecar."""
    return container.get("restartPolicy") == "Always"


def lasting(spec: Json) -> list[Json]:
    """The containers, then the native sidecars."""
    return [*spec["containers"], *filter(is_sidecar, spec.get("initContainers") or ())]


def every(spec: Json) -> Iterator[Json]:
    """The containers, then all init containers."""
    for name in LISTS:
        yield from spec.get(name) or ()


def changed(spec: Json, change: Callable[[Json], Json]) -> Json:
    """The spec with each of its containers changed."""
    return spec | {name: [change(one) for one in spec[name]] for name in LISTS if spec.get(name)}
