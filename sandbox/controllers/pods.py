"""Pods as the workload controllers make them, and what others ask of a pod.

What happens to a pod on its node is the kubelet's, on which node it runs is the scheduler's.
"""

import copy
import hashlib
import json
from typing import NamedTuple

from sandbox.api import quota
from sandbox.api.apiserver import ApiServer
from sandbox.api.errors import ApiError
from sandbox.api.indices import workload_of as workload_of  # re-exported: the workload that a pod belongs to
from sandbox.api.kinds import ALPHABET, KINDS, rfc3339
from sandbox.api.ownership import Owner, leaves, render
from sandbox.api.resize_rules import qos, with_requests
from sandbox.api.store import Json, Key, Transaction
from sandbox.controllers import claims
from sandbox.controllers.kubelet import oom_kill as oom_kill
from sandbox.controllers.pod_status import is_ready as is_ready


def template_hash(template: Json) -> str:
    """What tells one version of a pod template from another."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return _letters(digest, 10)


def version_of(txn: Transaction, workload: Json) -> str:
    """The hash of a workload's template as it stands."""
    template = workload["spec"]["template"]
    # By identity: a stored template is replaced, never changed, and the memo keeps it alive.
    found: tuple[Json, str] | None = txn.memo.get(("version", id(template)))
    if found is None:
        found = txn.memo["version", id(template)] = (template, template_hash(template))
    return found[1]


def replicaset_of(key: Key, version: str) -> Key:
    """The ReplicaSet of one version of a Deployment; for a StatefulSet, which has none, itself."""
    return Key("replicaset", key.namespace, f"{key.name}-{version}") if key.kind == "deployment" else key


def pods_of(txn: Transaction, key: Key) -> list[Json]:
    """A workload's own pods, in name order."""
    return txn.pods_of(key)


class _Blueprint(NamedTuple):
    """What the pods of one version share: parts of it are in all of them, and are replaced, never changed."""

    version: str
    annotations: Json
    labels: Json
    spec: Json
    qos: str
    owned: Json


def create_pod(api: ApiServer, key: Key, workload: Json, ordinal: int | None = None) -> Key:
    """Make one pod from the workload's template. Raises ApiError 403 where the namespace lets no more in."""
    plan, uid = _blueprint(api, key, workload), api.new_uid()
    deployment = ordinal is None
    name = _named(api, key, plan.version, uid) if deployment else f"{key.name}-{ordinal}"
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet" if deployment else KINDS[key.kind].name,
        "name": f"{key.name}-{plan.version}" if deployment else key.name,
        "uid": workload["metadata"]["uid"],
        "controller": True,
    }
    now = rfc3339(api.now_ms)
    metadata: Json = {
        "name": name,
        "namespace": key.namespace,
        "uid": uid,
        "generation": 1,
        "creationTimestamp": now,
        "labels": plan.labels,
        "ownerReferences": [owner],
        "managedFields": [plan.owned | {"time": now}],
    }
    if plan.annotations:
        metadata["annotations"] = plan.annotations
    status = {"phase": "Pending", "qosClass": plan.qos}
    spec = claims.with_claims(plan.spec, workload, name)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}
    quota.admit(api.txn, pod)
    claims.ensure(api, key.namespace, workload, name)
    at = Key("pod", key.namespace, name)
    api.store(at, pod)
    return at


def _blueprint(api: ApiServer, key: Key, workload: Json) -> _Blueprint:
    version = version_of(api.txn, workload)
    at = ("blueprint", key, version, api.txn.changes("limitrange"))
    found: _Blueprint | None = api.txn.memo.get(at)
    if found is None:
        found = api.txn.memo[at] = _drawn(api.txn, key, workload)
    return found


def _drawn(txn: Transaction, key: Key, workload: Json) -> _Blueprint:
    template, version = workload["spec"]["template"], version_of(txn, workload)
    inner = template.get("metadata") or {}
    hashed = "pod-template-hash" if key.kind == "deployment" else "controller-revision-hash"
    labels = {**(inner.get("labels") or {}), hashed: version}
    pod = {
        "metadata": {
            "namespace": key.namespace,
            "labels": labels,
            "annotations": inner.get("annotations") or {},
        },
        "spec": copy.deepcopy(template["spec"]),
    }
    pod = quota.defaulted(txn, with_requests(pod))
    owned = Owner("kube-controller-manager", "Update", "", "", "v1", frozenset(leaves(pod)))
    annotations = pod["metadata"]["annotations"]
    return _Blueprint(version, annotations, labels, pod["spec"], qos(pod["spec"]), render([owned])[0])


def _named(api: ApiServer, key: Key, version: str, uid: str) -> str:
    """As generateName: another try where the name is taken."""
    seed = uid
    while True:
        digest = hashlib.sha256(seed.encode()).digest()
        name = f"{key.name}-{version}-{_letters(digest, 5)}"
        if api.txn.get(Key("pod", key.namespace, name)) is None:
            return name
        seed = digest.hex()


def _letters(digest: bytes, length: int) -> str:
    return "".join(ALPHABET[b % len(ALPHABET)] for b in digest[:length])


def refusal(error: ApiError) -> str:
    """What a controller says of a pod that it could not make."""
    return f"Error creating: {error.message}"
