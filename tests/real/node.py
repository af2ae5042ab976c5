"""Nodes without machines: a fake kubelet and a fake metrics-server, in one process beside the control plane.

Bound pods become Running and Ready, deleted ones go. metrics.k8s.io is served by a CRD, and each pod's usage
is its workload's demand divided by the workload's pods: a ConfigMap `demand` in the namespace says it, such
as `deployment.web: 2400m/512Mi`.
"""

import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.real.rest import Json, Refused, Rest
from tools.cluster.quantity import millicores, whole_bytes

NODES = ("node-a", "node-b", "node-c")
DEMAND = "demand"
METRICS = "/apis/metrics.k8s.io/v1beta1"
_SIZE = {"cpu": "16", "memory": "64Gi", "pods": "110"}
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "pods.metrics.k8s.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, test only"},
    },
    "spec": {
        "group": "metrics.k8s.io",
        "scope": "Namespaced",
        "names": {
            "plural": "pods",
            "singular": "podmetrics",
            "kind": "PodMetrics",
            "listKind": "PodMetricsList",
        },
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}


def serve(kubeconfig: Path) -> None:
    """Run until the process ends; an apiserver that is away for a while is waited for."""
    api = Rest(kubeconfig)
    api.apply("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/pods.metrics.k8s.io", _CRD)
    for name in NODES:
        _register(api, name)
    for task, pause in ((_beat, 10), (_feed, 1)):
        threading.Thread(target=_repeat, args=(task, api, pause), daemon=True).start()
    _repeat(_run_pods, api, 0.2)


def _repeat(task, api: Rest, pause: float) -> None:  # type: ignore[no-untyped-def]
    while True:
        try:
            task(api)
        except (Refused, OSError) as error:
            print(f"{task.__name__}: {error!r}", flush=True)
        time.sleep(pause)


def _now(spec: str = "seconds") -> str:
    return datetime.now(UTC).isoformat(timespec=spec).replace("+00:00", "Z")


def _register(api: Rest, name: str) -> None:
    meta = {"name": name, "labels": {"kubernetes.io/hostname": name}}
    api.apply(f"/api/v1/nodes/{name}", {"apiVersion": "v1", "kind": "Node", "metadata": meta})
    ready = {"type": "Ready", "status": "True", "reason": "Fake", "message": "a fake kubelet runs here"}
    ready |= {"lastHeartbeatTime": _now(), "lastTransitionTime": _now()}
    api.merge(
        f"/api/v1/nodes/{name}/status",
        {"status": {"capacity": _SIZE, "allocatable": _SIZE, "conditions": [ready]}},
    )


def _beat(api: Rest) -> None:
    for name in NODES:
        spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": _now("microseconds")}
        meta = {"name": name, "namespace": "kube-node-lease"}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
        api.apply(f"{_LEASES}/{name}", lease)


def _run_pods(api: Rest) -> None:
    """One list and one watch; the caller repeats it when the watch ends."""
    listed = api.get("/api/v1/pods")
    for pod in listed["items"]:
        _sync(api, pod)
    for event in api.watch("/api/v1/pods", listed["metadata"]["resourceVersion"]):
        if event["type"] == "ERROR":
            return
        if event["type"] != "DELETED":
            _sync(api, event["object"])


def _sync(api: Rest, pod: Json) -> None:
    meta, path = pod["metadata"], _path(pod)
    if pod["spec"].get("nodeName") not in NODES:
        return
    try:
        if "deletionTimestamp" in meta:
            api.delete(path, gracePeriodSeconds=0)
        elif pod["status"]["phase"] == "Pending":
            api.merge(f"{path}/status", {"status": _running(pod)})
    except Refused as error:
        if error.http not in (404, 409):
            raise


def _running(pod: Json) -> Json:
    since = _now()
    kinds = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")
    return {
        "phase": "Running",
        "startTime": since,
        "podIP": "10.1.0.1",
        "conditions": [{"type": kind, "status": "True", "lastTransitionTime": since} for kind in kinds],
        "containerStatuses": [
            {
                "name": one["name"],
                "image": one["image"],
                "imageID": "fake://" + one["image"],
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": since}},
                "resources": one.get("resources", {}),
            }
            for one in pod["spec"]["containers"]
        ],
    }


def _feed(api: Rest) -> None:
    """A sample for every Running pod of a workload whose demand is told."""
    for told in api.get("/api/v1/configmaps", fieldSelector=f"metadata.name={DEMAND}")["items"]:
        namespace = told["metadata"]["namespace"]
        pods = api.get(f"/api/v1/namespaces/{namespace}/pods", fieldSelector="status.phase=Running")["items"]
        owned = [(pod, _workload(pod)) for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        counts = Counter(workload for _, workload in owned)
        for pod, workload in owned:
            demand = (told.get("data") or {}).get(workload)
            if demand:
                api.apply(
                    f"{METRICS}/namespaces/{namespace}/pods/{pod['metadata']['name']}",
                    _sample(pod, demand, counts[workload]),
                )


def _sample(pod: Json, demand: str, pods: int) -> Json:
    """Usage falls on the first container; the sample goes with its pod (garbage collection)."""
    meta = pod["metadata"]
    cpu, _, memory = demand.partition("/")
    owner = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
    usage = {"cpu": f"{millicores(cpu) // pods}m", "memory": str(whole_bytes(memory or "64Mi") // pods)}
    return {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": meta.get("labels", {}),
            "ownerReferences": [owner],
        },
        "timestamp": _now(),
        "window": "10s",
        "containers": [{"name": pod["spec"]["containers"][0]["name"], "usage": usage}],
    }


def _workload(pod: Json) -> str:
    """`deployment.web` of a pod, by its controller; a Deployment's ReplicaSet ends in a hash."""
    controller = next(
        (one for one in pod["metadata"].get("ownerReferences", ()) if one.get("controller")), None
    )
    if controller is None:
        return ""
    if controller["kind"] == "ReplicaSet":
        return f"deployment.{controller['name'].rpartition('-')[0]}"
    return f"{controller['kind'].lower()}.{controller['name']}"


def _path(obj: Json) -> str:
    return f"/api/v1/namespaces/{obj['metadata']['namespace']}/pods/{obj['metadata']['name']}"


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
