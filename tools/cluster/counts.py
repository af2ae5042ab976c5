"""How many pods each kind of workload wants, and has. Pure; fields of apps/v1 and batch/v1 (k8s.io/api)."""

from dataclasses import dataclass

from tools.cluster.kinds import Object


@dataclass(frozen=True, slots=True)
class Counts:
    """Pods: wanted, ready, of the newest template, available; and the generation that the controller has seen."""

    replicas: int
    ready: int
    updated: int
    available: int
    observed: int


def counts(kind: str, obj: Object) -> Counts:
    """As the kind counts. Of a DaemonSet the nodes that it chooses are what is wanted."""
    status = obj.get("status") or {}
    if kind == "job":
        return _of_job(obj)
    names = _DAEMONSET if kind == "daemonset" else _REPLICATED
    ready, updated, available = (status.get(name, 0) for name in names)
    wanted = (
        status.get("desiredNumberScheduled", 0) if kind == "daemonset" else obj["spec"].get("replicas", 1)
    )
    return Counts(wanted, ready, updated, available, status.get("observedGeneration", 0))


_REPLICATED = ("readyReplicas", "updatedReplicas", "availableReplicas")
_DAEMONSET = ("numberReady", "updatedNumberScheduled", "numberAvailable")


def _of_job(obj: Object) -> Counts:
    """What it wants to run at once now: nothing once it has ended or while it is suspended. Its template cannot be
    changed, so that all of its pods are of the newest."""
    spec, status = obj["spec"], obj.get("status") or {}
    ended = any(
        one["type"] in ("Complete", "Failed") and one["status"] == "True"
        for one in status.get("conditions") or ()
    )
    parallel = spec.get("parallelism", 1)
    left = max(0, spec.get("completions", parallel) - status.get("succeeded", 0))
    wanted = 0 if ended or spec.get("suspend") else min(parallel, left)
    ready = status.get("ready", 0)
    return Counts(wanted, ready, wanted, ready, obj["metadata"].get("generation", 0))
