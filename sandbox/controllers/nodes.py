"""Nodes that become unavailable and come back.

Kubernetes 1.36, pkg/controller/nodelifecycle and tainteviction: the pods of a node whose kubelet is silent are
not ready at once, and after EVICT_MS they are deleted, so that their controllers make others. Simpler than the
real one: no grace before a node counts as away, and an evicted pod is gone at once.
"""

from sandbox.api.apiserver import ApiServer
from sandbox.api.indices import workload_of
from sandbox.api.kinds import stored_at
from sandbox.api.store import Json, Key
from sandbox.controllers import events, kubelet
from sandbox.controllers.node_room import is_up
from sandbox.controllers.pod_status import is_ready, with_ready

EVICT_MS = 300_000
"""The default tolerationSeconds of not-ready and unreachable (plugin/pkg/admission/defaulttolerationseconds)."""


def changed(api: ApiServer, key: Key) -> set[Key]:
    """A node was made, changed or deleted; returns the workloads to settle."""
    node = api.txn.get(key)
    if node is None:
        return _evict(api, key)
    since = (node.get("sandbox") or {}).get("away_ms")
    if is_up(node) is (since is None):
        return set()
    if since is None:
        return _went(api, key, node)
    return _came(api, key, node)


def come_due(api: ApiServer, node: Json) -> set[Key]:
    """It has been away for too long."""
    key = stored_at(node)
    api.txn.put(key, node)
    return _evict(api, key)


def _went(api: ApiServer, key: Key, node: Json) -> set[Key]:
    node["sandbox"] = {"away_ms": api.now_ms}
    api.store(key, node, due_ms=api.now_ms + EVICT_MS)
    events.emit(
        api,
        key,
        type="Normal",
        reason="NodeNotReady",
        message=f"Node {key.name} status is now: NodeNotReady",
        source="node-controller",
    )
    touched = set()
    for pod in _pods_on(api, key):
        with_ready(pod, False, api.now_ms)
        touched.add(workload_of(pod))
        kubelet.keep(api, pod)
        message = "Node is not ready"
        events.emit(
            api,
            stored_at(pod),
            type="Warning",
            reason="NodeNotReady",
            message=message,
            source="node-controller",
        )
    return {one for one in touched if one}


def _came(api: ApiServer, key: Key, node: Json) -> set[Key]:
    node.pop("sandbox", None)
    api.store(key, node)
    touched = set()
    for pod in _pods_on(api, key):
        if not is_ready(pod) and all("running" in s["state"] for s in pod["status"]["containerStatuses"]):
            with_ready(pod, True, api.now_ms)
        kubelet.keep(api, pod)
        touched.add(workload_of(pod))
    return {one for one in touched if one}


def _evict(api: ApiServer, key: Key) -> set[Key]:
    touched = set()
    for pod in _pods_on(api, key):
        message = f"Marking for deletion Pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"
        events.emit(
            api,
            stored_at(pod),
            type="Normal",
            reason="TaintManagerEviction",
            message=message,
            source="taint-eviction-controller",
        )
        api.txn.delete(stored_at(pod))
        touched.add(workload_of(pod))
    return {one for one in touched if one}


def _pods_on(api: ApiServer, key: Key) -> list[Json]:
    found = (api.txn.get(pod) for pod in sorted(api.txn.pods.by_node.get(key.name, ())))
    return [pod for pod in found if pod is not None]
