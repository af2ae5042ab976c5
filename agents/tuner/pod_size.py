"""What one pod of a workload is: what it requests, and how long it takes to be ready."""

from collections.abc import Sequence
from statistics import median_high

from tools.cluster_types import Pod, Workload

STARTUP_S = 60
"""Where no pod shows its own."""


def requested_millicores(workload: Workload) -> int | None:
    """CPU requests of a pod by the workload's template; None where a container has none, or it is 0."""
    requests = [container.resources.cpu_request for container in workload.containers]
    total = sum(one or 0 for one in requests)
    return total if total and None not in requests else None


def startup_s(pods: Sequence[Pod]) -> int | None:
    """Seconds from a pod's making to its being ready, the median of those that are ready and have never restarted;
    None where there is none."""
    seen = [
        pod.ready_ms - pod.created_ms
        for pod in pods
        if pod.alive and pod.ready and not pod.restarts and 0 < pod.created_ms <= pod.ready_ms
    ]
    return -(-median_high(seen) // 1_000) if seen else None
