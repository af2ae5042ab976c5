"""What a test holds of the real cluster: a namespace of its own, workloads in it, users with few rights."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.real import crds, demand, node
from tests.real.controlplane import ControlPlane
from tests.real.kubelet import PREFIX
from tests.real.rest import Json, Refused

SETTLE_S = 30
RESOURCES = {
    "requests": {"cpu": "100m", "memory": "64Mi"},
    "limits": {"cpu": "500m", "memory": "256Mi"},
}
RBAC = "/apis/rbac.authorization.k8s.io/v1"


class Namespace:
    """One test's namespace on the control plane."""

    def __init__(self, plane: ControlPlane, name: str, folder: Path) -> None:
        self.plane, self.name, self._folder = plane, name, folder
        self.api = plane.admin
        self._nodes: list[str] = []
        self._volumes: list[str] = []
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
        for name in self._nodes:
            self.api.delete(f"/api/v1/nodes/{name}")
        for name in self._volumes:
            self.api.delete(f"/api/v1/persistentvolumes/{name}")

    def workload(
        self,
        name: str,
        replicas: int = 2,
        kind: str = "deployment",
        *,
        resources: Json | None = None,
        words: dict[str, str] | None = None,
        on: str | None = None,
        sidecar: str | None = None,
        claim: str | None = None,
        **meta: Any,
    ) -> Json:
        """A Deployment or StatefulSet of one container `main` with requests and limits.

        `words` for the fake kubelet hold for every pod, `on` is a node of its own (see `node`), `sidecar` names a
        native one with the same resources, `claim` is what each pod mounts (see `claim`).
        """
        labels = {"app": name}
        container = {
            "name": "main",
            "image": f"registry.invalid/{name}:1",
            "resources": resources or RESOURCES,
        }
        pod: Json = {"containers": [container]}
        if sidecar:
            pod["initContainers"] = [{**container, "name": sidecar, "restartPolicy": "Always"}]
        if claim:
            pod["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
        if on:
            pod |= {"nodeSelector": {"node": on}, "tolerations": [{"key": "only", "operator": "Exists"}]}
        annotations = {PREFIX + key: value for key, value in (words or {}).items()}
        template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod}
        spec: Json = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        if kind == "statefulset":
            spec |= {"serviceName": name, "podManagementPolicy": "Parallel"}
        body = {"metadata": {"name": name, "labels": labels, **meta}, "spec": spec}
        return self.api.post(f"{self.apps}/{kind}s", body)

    def claim(self, name: str, storage: str) -> None:
        """A claim, and a volume for it; nothing is ever stored there."""
        volume, modes = f"{self.name}-{name}", ["ReadWriteMany"]
        of: Json = {"storageClassName": "", "accessModes": modes}
        backed: Json = {
            "capacity": {"storage": storage},
            "hostPath": {"path": f"/invalid/{volume}"},
            "claimRef": {"namespace": self.name, "name": name},
        }
        self.api.post("/api/v1/persistentvolumes", {"metadata": {"name": volume}, "spec": of | backed})
        self._volumes.append(volume)
        asked: Json = {"volumeName": volume, "resources": {"requests": {"storage": storage}}}
        self.api.post(f"{self.core}/persistentvolumeclaims", {"metadata": {"name": name}, "spec": of | asked})

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

    def demand(
        self, name: str, cpu: str, memory: str = "256Mi", kind: str = "deployment", **more: int
    ) -> None:
        """What the workload's pods do together (`more`: see demand.py); samples appear within a second or two."""
        line = " ".join([f"{cpu}/{memory}", *(f"{key}={value}" for key, value in more.items())])
        meta, data = {"name": demand.CONFIGMAP}, {f"{kind}.{name}": line}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
        self.api.apply(f"{self.core}/configmaps/{demand.CONFIGMAP}", body, manager=f"demand-{kind}-{name}")

    def demands(self, lines: Mapping[str, str]) -> None:
        """The same of many Deployments, a line each as demand.py reads it, in one write: nothing else has any."""
        data = {f"deployment.{name}": line for name, line in lines.items()}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": demand.CONFIGMAP}, "data": data}
        self.api.apply(f"{self.core}/configmaps/{demand.CONFIGMAP}", body, manager="demand")

    def pods(self, name: str) -> list[Json]:
        """The workload's pods by its label, oldest first, without those that are being deleted."""
        found = self.api.get(f"{self.core}/pods", labelSelector=f"app={name}")["items"]
        alive = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        return sorted(alive, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))

    def pod(self, name: str) -> Json:
        return self.api.get(f"{self.core}/pods/{name}")

    def tell(self, pod: str, **words: str | None) -> None:
        """Have the fake kubelet make trouble of a pod, or end it (None); see kubelet.py for the words."""
        annotations = {PREFIX + key.replace("_", "-"): value for key, value in words.items()}
        self.api.merge(f"{self.core}/pods/{pod}", {"metadata": {"annotations": annotations}})

    def unmeasured(self, pod: str) -> None:
        """Have nobody measure a pod any more, and its last sample forgotten."""
        self.tell(pod, metrics="none")
        time.sleep(2 * self.plane.pace.feed_s)  # what was under way when it was told has been written
        with suppress(Refused):
            self.api.delete(f"{crds.METRICS}/namespaces/{self.name}/pods/{pod}")

    def node(self, cpu: str, memory: str = "4Gi") -> str:
        """A node of that size for this test alone: only a pod that names it in `nodeSelector` fits there."""
        name = f"{self.name}-node"
        node.register(self.api, name, cpu, memory, alone=True)
        self._nodes.append(name)
        return name

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
