"""API paths of the kinds that this adapter reads or writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policies.types import Target

Object = Mapping[str, Any]
"""One object as the API's JSON has it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource of the API: group (empty for the core), version, plural, and Kind as objects say it."""

    group: str
    version: str
    plural: str
    name: str

    @property
    def base(self) -> str:
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def collection(self, namespace: str | None) -> str:
        """Path of the list, in one namespace or (None) in all."""
        return (
            f"{self.base}/namespaces/{namespace}/{self.plural}" if namespace else f"{self.base}/{self.plural}"
        )


WORKLOADS = {
    "deployment": Kind("apps", "v1", "deployments", "Deployment"),
    "statefulset": Kind("apps", "v1", "statefulsets", "StatefulSet"),
}
CONTROLLERS = WORKLOADS | {
    "replicaset": Kind("apps", "v1", "replicasets", "ReplicaSet"),
    "daemonset": Kind("apps", "v1", "daemonsets", "DaemonSet"),
    "job": Kind("batch", "v1", "jobs", "Job"),
    "cronjob": Kind("batch", "v1", "cronjobs", "CronJob"),
    "pod": Kind("", "v1", "pods", "Pod"),
}
"""Kinds that may stand between a pod and its top owner; an owner of any other kind is named, not followed."""
AUTOSCALERS = Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
AUTOSCALER = "horizontalpodautoscaler"
LOOKED_AT = WORKLOADS | {kind: CONTROLLERS[kind] for kind in ("daemonset", "job")}
"""Kinds that can be looked at; WORKLOADS are those that can be changed, and are listed where no kind is named."""
MARKED = LOOKED_AT | {AUTOSCALER: AUTOSCALERS}
"""Kinds whose marks of a deployer are looked at."""

PODS = CONTROLLERS["pod"]
NAMESPACES = Kind("", "v1", "namespaces", "Namespace")
BUDGETS = Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
QUOTAS = Kind("", "v1", "resourcequotas", "ResourceQuota")
EVENTS = Kind("", "v1", "events", "Event")
RESIZERS = Kind("autoscaling.k8s.io", "v1", "verticalpodautoscalers", "VerticalPodAutoscaler")
APPLICATIONS = Kind("argoproj.io", "v1alpha1", "applications", "Application")
SCALERS = Kind("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject")
POD_METRICS = Kind("metrics.k8s.io", "v1beta1", "pods", "PodMetrics")
_PATHS = CONTROLLERS | MARKED


def path_of(target: Target, subresource: str = "") -> str:
    """Path of one object or of its subresource. Raises KeyError for a kind that is not known here."""
    path = f"{_PATHS[target.kind].collection(target.namespace)}/{target.name}"
    return f"{path}/{subresource}" if subresource else path
