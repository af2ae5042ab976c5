"""The cluster of `bench tuning_pass` as the apiserver has it: Deployments, their pods, and what bounds them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.fleet_demand import PODS, REQUEST_M

PER_NAMESPACE = 250
HPA_EACH, BUDGET_EACH = 10, 5
"""One workload of so many has an HPA, and one of so many a PodDisruptionBudget."""
_MADE, _READY = "2026-01-01T00:00:00Z", "2026-01-01T00:00:40Z"
_SAFE = "bcdfghjklmnpqrstvwxz2456789"
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fleet:
    """`count` workloads in namespaces of PER_NAMESPACE."""

    count: int

    def now_s(self) -> float:
        return time.time()

    @property
    def namespaces(self) -> list[str]:
        return [namespace_of(i) for i in range(0, self.count, PER_NAMESPACE)]

    def within(self, namespace: str) -> range:
        """The numbers of its workloads."""
        first = int(namespace[4:]) * PER_NAMESPACE
        return range(first, min(first + PER_NAMESPACE, self.count))

    def at(self, path: str, query: Mapping[str, str]) -> Object | None:
        """What the API answers to a GET of the path, the collection's page or the object; None where nothing is."""
        match path.strip("/").split("/"):
            case ["api", "v1", "namespaces", name]:
                return {"metadata": {"name": name, "uid": f"uid-{name}"}}
            case ["api", "v1", "namespaces"]:
                return {"items": [{"metadata": {"name": name}} for name in self.namespaces]}
            case ["api", "v1"]:
                return {"resources": [{"name": "pods/resize"}]}
            case [*_, "namespaces", namespace, kind] if kind in _LISTS:
                return _page(self._objects(kind, namespace), query)
            case [*_, "namespaces", _, "deployments", name]:
                return _deployment(int(name[1:]))
        return None

    def _objects(self, kind: str, namespace: str) -> list[Object]:
        here = self.within(namespace)
        match kind:
            case "deployments":
                return [_deployment(n) for n in here]
            case "pods":
                return [_pod(n, name) for n in here for name in pods(n)]
            case "horizontalpodautoscalers":
                return [_hpa(n) for n in here if n % HPA_EACH == 0]
            case "poddisruptionbudgets":
                return [_budget(n) for n in here if n % BUDGET_EACH == 0]
            case "resourcequotas":
                return [_quota(namespace)]
        return []


_LISTS = frozenset(
    {
        "deployments",
        "statefulsets",
        "pods",
        "horizontalpodautoscalers",
        "poddisruptionbudgets",
        "resourcequotas",
    }
)


def namespace_of(number: int) -> str:
    return f"team{number // PER_NAMESPACE:03}"


def name_of(number: int) -> str:
    return f"w{number:05}"


def pods(number: int) -> list[str]:
    """As a ReplicaSet names them."""
    return [f"{name_of(number)}-7d9f4c5b6-x2z4{_SAFE[i]}" for i in range(PODS)]


def _page(items: Sequence[Object], query: Mapping[str, str]) -> Object:
    start, limit = int(query.get("continue", "0")), int(query.get("limit", "500"))
    more = str(start + limit) if start + limit < len(items) else ""
    return {"metadata": {"resourceVersion": "7", "continue": more}, "items": items[start : start + limit]}


def _meta(number: int, name: str, **more: Any) -> Object:
    common = {"name": name, "namespace": namespace_of(number), "uid": f"uid-{name}", "resourceVersion": "7"}
    return common | {"generation": 1, "creationTimestamp": _MADE} | more


def _spec() -> Object:
    amounts = {"cpu": f"{REQUEST_M}m", "memory": "256Mi"}
    resources = {"requests": amounts, "limits": amounts}
    return {"containers": [{"name": "app", "image": "registry.example/app:1", "resources": resources}]}


def _deployment(number: int) -> Object:
    labels = {"app": name_of(number)}
    counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), PODS)
    return {
        "metadata": _meta(number, name_of(number), labels=labels),
        "spec": {
            "replicas": PODS,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": _spec()},
        },
        "status": counts | {"observedGeneration": 1},
    }


def _pod(number: int, name: str) -> Object:
    labels = {"app": name_of(number), "pod-template-hash": "7d9f4c5b6"}
    owner = {"kind": "ReplicaSet", "name": name.rsplit("-", 1)[0], "controller": True, "uid": "u"}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": _READY}
    app = {"name": "app", "restartCount": 0, "ready": True, "state": {"running": {"startedAt": _MADE}}}
    return {
        "metadata": _meta(number, name, labels=labels, ownerReferences=[owner]),
        "spec": _spec() | {"nodeName": f"node-{number % 200}"},
        "status": {
            "phase": "Running", "startTime": _MADE, "conditions": [ready], "containerStatuses": [app],
            "qosClass": "Guaranteed",
        },
    }  # fmt: skip


def _hpa(number: int) -> Object:
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    return {
        "metadata": _meta(number, name_of(number)),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name_of(number)},
            "minReplicas": 2, "maxReplicas": 20, "metrics": [{"type": "Resource", "resource": resource}],
        },
    }  # fmt: skip


def _budget(number: int) -> Object:
    selector = {"matchLabels": {"app": name_of(number)}}
    return {"metadata": _meta(number, name_of(number)), "spec": {"selector": selector, "maxUnavailable": 1}}


def _quota(namespace: str) -> Object:
    meta = {"name": "all", "namespace": namespace, "uid": "uid-quota", "resourceVersion": "7"}
    return {"metadata": meta, "spec": {}, "status": {"hard": {"pods": "5000"}, "used": {"pods": "750"}}}
