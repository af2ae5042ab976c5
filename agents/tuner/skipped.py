"""Which workloads a pass skips regardless of their usage; no strategy is asked about them."""

from tools.cluster_types import Workload

MODE_ANNOTATION = "flyball.io/mode"
"""Set to `off` on an object, it keeps tuning away from it. Annotations only narrow."""


def skip_reason(workload: Workload) -> str | None:
    """Why this workload is left alone, or None."""
    if workload.owner:
        return f"owned-by-{workload.owner}"
    if workload.annotations.get(MODE_ANNOTATION) == "off":
        return "mode-off"
    if workload.replicas == 0:
        return "scaled-to-zero"
    if workload.paused:
        return "paused"
    if workload.observed_generation < workload.generation or workload.updated < workload.replicas:
        return "rolling-out"
    return None
