"""What a test holds of the real cluster: a namespace of its own, workloads in it, users with few rights."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.real.controlplane import ControlPlane
from tests.real.node import DEMAND
from tests.real.rest import Json, Refused

SETTLE_S = 30
RBAC = "/apis/rbac.authorization.k8s.io/v1"


class Namespace:
    """One test's namespace on the control plane."""

    def __init__(self, plane: ControlPlane, name: str, folder: Path) -> None:
        self.plane, self.name, self._folder = plane, name, folder
        self.api = plane.admin
        self.api.post("/api/v1/namespaces", {"metadata": {"name": name}})

    @property
    def apps(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.name}"

    @property
    def core(self) -> str:
        return f"/api/v1/namespaces/{self.name}"

    def remove(self) -> None:
        """The controller-manager empties it in its own time."""
        self.api.delete(f"/api/v1/namespaces/{self.name}")

    def workload(self, name: str, replicas: int = 2, kind: str = "deployment", **meta: Json) -> Json:
        """A Deployment or StatefulSet of one container `main` with requests and limits."""
        labels = {"app": name}
        resources = {
            "requests": {"cpu": "100m", "memory": "64Mi"},
            "limits": {"cpu": "500m", "memory": "256Mi"},
        }
        container = {"name": "main", "image": f"registry.invalid/{name}:1", "resources": resources}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec: Json = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        if kind == "statefulset":
            spec |= {"serviceName": name, "podManagementPolicy": "Parallel"}
        body = {"metadata": {"name": name, "labels": labels, **meta}, "spec": spec}
        return self.api.post(f"{self.apps}/{kind}s", body)

    def get(self, name: str, kind: str = "deployment") -> Json:
        return self.api.get(f"{self.apps}/{kind}s/{name}")

    def scale(self, name: str, replicas: int, manager: str = "someone-else") -> None:
        """Somebody else's scale."""
        body = {"spec": {"replicas": replicas}}
        self.api.merge(f"{self.apps}/deployments/{name}/scale", body, fieldManager=manager)

    def settled(self, name: str, kind: str = "deployment") -> Json:
        """The workload once all of its pods are ready and its status has caught up."""

        def done() -> Json | None:
            obj = self.get(name, kind)
            status, wanted = obj.get("status", {}), obj["spec"]["replicas"]
            caught_up = status.get("observedGeneration") == obj["metadata"]["generation"]
            counts = (
                status.get("replicas", 0),
                status.get("readyReplicas", 0),
                status.get("updatedReplicas", 0),
            )
            return obj if caught_up and counts == (wanted,) * 3 else None

        return eventually(done, f"{kind}/{name} to settle")

    def demand(self, name: str, cpu: str, memory: str = "256Mi", kind: str = "deployment") -> None:
        """What the workload's pods use together; samples appear within a second or two."""
        data = {f"{kind}.{name}": f"{cpu}/{memory}"}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": DEMAND}, "data": data}
        self.api.apply(f"{self.core}/configmaps/{DEMAND}", body, manager=f"demand-{kind}-{name}")

    def user(self, name: str, *rules: Json) -> Path:
        """Kubeconfig of a ServiceAccount with a bound token that may do what `rules` say, here only."""
        self.api.post(f"{self.core}/serviceaccounts", {"metadata": {"name": name}})
        self.api.post(
            f"{RBAC}/namespaces/{self.name}/roles", {"metadata": {"name": name}, "rules": list(rules)}
        )
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": self.name}],
        }
        self.api.post(f"{RBAC}/namespaces/{self.name}/rolebindings", binding)
        return self.plane.write_kubeconfig(
            self._folder / f"{name}.kubeconfig", name, f"token: {self.token(name)}", context=name
        )

    def token(self, name: str) -> str:
        """A bound token of a ServiceAccount (TokenRequest)."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        answer = self.api.post(f"{self.core}/serviceaccounts/{name}/token", body)
        return str(answer["status"]["token"])

    def audit_events(self, **wanted: str) -> list[Json]:
        """The apiserver's own record of finished requests here, with fields as given (`auditID=…`)."""
        lines = self.plane.audit_log.read_text().splitlines()
        events = [json.loads(line) for line in lines if f'"{self.name}"' in line]
        return [
            one
            for one in events
            if one["stage"] == "ResponseComplete"
            and all(one.get(key) == value for key, value in wanted.items())
        ]


def rule(verbs: str, resources: str, group: str = "apps") -> Json:
    """One RBAC rule; verbs and resources separated by commas."""
    return {"apiGroups": [group], "resources": resources.split(","), "verbs": verbs.split(",")}


def eventually(look: Callable[[], Any], what: str, seconds: float = SETTLE_S) -> Any:
    """Poll the real world until `look` returns something true. Raises AssertionError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except Refused as error:
            if error.http != 404:
                raise
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")
