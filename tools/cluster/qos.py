"""The quality-of-service class of a pod, which a resize in place must not change.

The rule is that of Kubernetes, pkg/apis/core/v1/helper/qos/qos.go (ComputePodQOS).
"""

from collections.abc import Iterable
from typing import Literal

from tools.cluster_types import Resources

QosClass = Literal["Guaranteed", "Burstable", "BestEffort"]


def qos_class(containers: Iterable[Resources]) -> QosClass:
    """Guaranteed: every container has a CPU and a memory limit, and its requests are its limits (a request that
    is left out is its limit). BestEffort: nothing is set anywhere."""
    blocks = list(containers)
    if all(value in (None, 0) for block in blocks for value in _values(block)):
        return "BestEffort"
    return "Guaranteed" if all(_guaranteed(block) for block in blocks) else "Burstable"


def _values(block: Resources) -> tuple[int | None, ...]:
    return block.cpu_request, block.cpu_limit, block.memory_request, block.memory_limit


def _guaranteed(block: Resources) -> bool:
    pairs = ((block.cpu_request, block.cpu_limit), (block.memory_request, block.memory_limit))
    return all(limit and request in (None, limit) for request, limit in pairs)
