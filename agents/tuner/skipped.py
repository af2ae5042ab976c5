"""Which workloads a pass skips regardless of their usage; no strategy is asked about them.

An HPA is no reason: a strategy may move its floor. Who keeps the object itself (Argo CD, Flux, KEDA) is one.
"""

from tools.cluster_types import Workload

MODE_ANNOTATION = "flyball.io/mode"
"""Set to `off` on an object, it keeps tuning away from it. Annotations only narrow."""


def scaled_by_hpa(workload: Workload) -> bool:
    """Whether it is a HorizontalPodAutoscaler, and nobody else, that keeps its replicas."""
    return (workload.owner or "").startswith("horizontalpodautoscaler/")


def skip_reason(workload: Workload) -> str | None:
    """Why this workload is left alone, or None."""
    if workload.owner and not scaled_by_hpa(workload):
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
