"""Nodes without machines: a fake kubelet and a fake metrics-server, in one process beside the control plane.

Bound pods become Running and Ready (kubelet.py says where not), deleted ones go. metrics.k8s.io is served by a
CRD, and each pod's usage is its share of its workload's demand (demand.py). Every node of the cluster is run:
a test may add one of its own, as small as it likes.
"""

import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from base.quantities import millicores, whole_bytes
from tests.real import crds, kubelet
from tests.real.demand import Share, shares
from tests.real.rest import Json, Refused, Rest

NODES = ("node-a", "node-b", "node-c")
CPU = "16"
"""Of each of NODES, all of it allocatable."""
WINDOW_S = 2
"""Over which a sample is taken: a pod counts from its first whole window on, so this is how long tests wait."""
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


def serve(kubeconfig: Path, feed_s: float) -> None:
    """Run until the process ends, and sample every pod every `feed_s` seconds; an apiserver that is away for a while
    is waited for."""
    api = Rest(kubeconfig)
    for name in NODES:
        register(api, name)
    for task, pause in ((_beat, 10), (_feed, feed_s)):
        threading.Thread(target=_repeat, args=(task, api, pause), daemon=True).start()
    _repeat(lambda api: Pods(api).run(), api, 0.2)


def register(api: Rest, name: str, cpu: str = CPU, memory: str = "64Gi", *, alone: bool = False) -> None:
    """A Node of that size, ready, labelled `node: <name>`; `alone` taints it with `only`."""
    meta = {"name": name, "labels": {"kubernetes.io/hostname": name, "node": name}}
    spec = {"taints": [{"key": "only", "value": name, "effect": "NoSchedule"}]} if alone else {}
    api.apply(f"/api/v1/nodes/{name}", {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec})
    size = {"cpu": cpu, "memory": memory, "pods": "110"}
    ready = {"type": "Ready", "status": "True", "reason": "Fake", "message": "a fake kubelet runs here"}
    ready |= {"lastHeartbeatTime": now(), "lastTransitionTime": now()}
    api.merge(
        f"/api/v1/nodes/{name}/status",
        {"status": {"capacity": size, "allocatable": size, "conditions": [ready]}},
    )
    _beat_one(api, name)


def now(spec: str = "seconds") -> str:
    return datetime.now(UTC).isoformat(timespec=spec).replace("+00:00", "Z")


class Pods:
    """The bound pods as a watch tells of them."""

    def __init__(self, api: Rest) -> None:
        self._api = api
        self._known: dict[str, Json] = {}

    def run(self) -> None:
        """One list and one watch; the caller repeats it when the watch ends."""
        listed = self._api.get("/api/v1/pods")
        self._known = {pod["metadata"]["uid"]: pod for pod in listed["items"]}
        for pod in listed["items"]:
            self._sync(pod)
        for event in self._api.watch("/api/v1/pods", listed["metadata"]["resourceVersion"]):
            if event["type"] == "ERROR":
                return
            self._take(event["type"], event["object"])

    def _take(self, kind: str, pod: Json) -> None:
        if kind == "DELETED":
            self._known.pop(pod["metadata"]["uid"], None)
        else:
            self._known[pod["metadata"]["uid"]] = pod
            self._sync(pod)
        for other in [one for one in self._on(pod) if kubelet.is_deferred(one)]:
            self._sync(other)

    def _sync(self, pod: Json) -> None:
        meta, path = pod["metadata"], _path(pod)
        if not pod["spec"].get("nodeName"):
            return
        try:
            if "deletionTimestamp" in meta:
                self._api.delete(path, gracePeriodSeconds=0)
            elif status := kubelet.status_of(pod, now(), kubelet.is_given(pod) or self._has_room(pod)):
                self._api.merge(f"{path}/status", {"status": status})
        except Refused as error:
            if error.http not in (404, 409):
                raise

    def _has_room(self, pod: Json) -> bool:
        """Whether the pod's node could give it what its spec asks for, beside what the others have."""
        size = self._api.get(f"/api/v1/nodes/{pod['spec']['nodeName']}")["status"]["allocatable"]
        others = [
            kubelet.allocated(one)
            for one in self._on(pod)
            if one["metadata"]["uid"] != pod["metadata"]["uid"]
        ]
        cpu, memory = (sum(amounts) for amounts in zip(kubelet.asked(pod), *others, strict=True))
        return cpu <= millicores(size["cpu"]) and memory <= whole_bytes(size["memory"])

    def _on(self, pod: Json) -> list[Json]:
        node = pod["spec"].get("nodeName")
        return [one for one in self._known.values() if node and one["spec"].get("nodeName") == node]


def _repeat(task, api: Rest, pause: float) -> None:  # type: ignore[no-untyped-def]
    while True:
        try:
            task(api)
        except (Refused, OSError) as error:
            print(f"{getattr(task, '__name__', task)}: {error!r}", flush=True)
        time.sleep(pause)


def _beat(api: Rest) -> None:
    for node in api.get("/api/v1/nodes")["items"]:
        _beat_one(api, node["metadata"]["name"])


def _beat_one(api: Rest, name: str) -> None:
    spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now("microseconds")}
    meta = {"name": name, "namespace": "kube-node-lease"}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
    api.apply(f"{_LEASES}/{name}", lease)


def _feed(api: Rest) -> None:
    """A sample for every pod that has a share of some demand."""
    for share in shares(api):
        meta = share.pod["metadata"]
        api.apply(f"{crds.METRICS}/namespaces/{meta['namespace']}/pods/{meta['name']}", _sample(share))


def _sample(share: Share) -> Json:
    """Usage falls on the first container."""
    cpu, memory = int(share.demand.cpu * share.of), int(share.demand.memory * share.of)
    return sample(share.pod, cpu, memory)


def sample(pod: Json, cpu: int, memory: int, at: str = "", window_s: int = WINDOW_S) -> Json:
    """PodMetrics of one pod: millicores and bytes on its first container. It goes with its pod."""
    meta = pod["metadata"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
    usage = {"cpu": f"{cpu}m", "memory": str(memory)}
    return {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": meta.get("labels", {}),
            "ownerReferences": [owner],
        },
        "timestamp": at or now(),
        "window": f"{window_s}s",
        "containers": [{"name": pod["spec"]["containers"][0]["name"], "usage": usage}],
    }


def _path(obj: Json) -> str:
    return f"/api/v1/namespaces/{obj['metadata']['namespace']}/pods/{obj['metadata']['name']}"


if __name__ == "__main__":
    serve(Path(sys.argv[1]), float(sys.argv[2]))
