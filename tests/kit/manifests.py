"""Manifests of workloads as tests create them: two containers with requests and limits."""

import copy
from typing import Any

Json = dict[str, Any]

APP: Json = {
    "name": "app",
    "image": "registry.example/app:1",
    "env": [{"name": "MODE", "value": "live"}],
    "resources": {
        "requests": {"cpu": "100m", "memory": "64Mi"},
        "limits": {"cpu": "200m", "memory": "128Mi"},
    },
}
SIDECAR: Json = {
    "name": "sidecar",
    "image": "registry.example/sidecar:1",
    "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "32Mi"}},
}


def workload(
    name: str,
    *,
    kind: str = "Deployment",
    replicas: int = 2,
    containers: tuple[Json, ...] = (APP, SIDECAR),
    **more: Any,
) -> Json:
    """A manifest; `more` goes into its metadata."""
    extra = {"serviceName": name} if kind == "StatefulSet" else {}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"app": name}, **more},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": copy.deepcopy(list(containers))},
            },
            **extra,
        },
    }
