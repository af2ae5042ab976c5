"""The HPA of a workload, for the actions that write to it."""

from tools.cluster_types import Autoscaler, Workload


def hpa_of(workload: Workload) -> Autoscaler:
    """The one that was read with the workload, as `ActionSpec.autoscaler` asks for it."""
    assert workload.autoscaler is not None, "ActionSpec.autoscaler says that it is read"
    return workload.autoscaler
