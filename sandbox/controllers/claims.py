"""Claims of a StatefulSet's pods, and their volumes.

A claim is made with the first pod that needs it and stays when the pod goes. It has its volume at once, as large as
it asks for; where it asks for more the volume grows at once, as with a StorageClass that allows it.
"""

from sandbox.api.apiserver import ApiServer
from sandbox.api.claim_rules import CLAIM, storage
from sandbox.api.store import Json, Key


def with_claims(spec: Json, workload: Json, pod: str) -> Json:
    """A pod's spec with the volumes of its workload's claim templates."""
    templates = workload["spec"].get("volumeClaimTemplates")
    if not templates:
        return spec
    claimed = {one["metadata"]["name"]: f"{one['metadata']['name']}-{pod}" for one in templates}
    others = [one for one in spec.get("volumes") or () if one.get("name") not in claimed]
    mine = [{"name": name, "persistentVolumeClaim": {"claimName": claim}} for name, claim in claimed.items()]
    return spec | {"volumes": [*others, *mine]}


def ensure(api: ApiServer, namespace: str, workload: Json, pod: str) -> None:
    """Make the claims that a new pod of the workload lacks."""
    for template in workload["spec"].get("volumeClaimTemplates") or ():
        key = Key(CLAIM, namespace, f"{template['metadata']['name']}-{pod}")
        if api.txn.get(key) is None:
            meta = {"name": key.name, "namespace": namespace}
            claim = {"kind": "PersistentVolumeClaim", "metadata": meta, "spec": template["spec"]}
            api.create(claim, "kube-controller-manager")
            bind(api, key)


def bind(api: ApiServer, key: Key) -> None:
    """Give the claim a volume of the size that it asks for."""
    claim = api.txn.get(key)
    if claim is None:
        return
    status = {"phase": "Bound", "capacity": {"storage": str(storage(claim))}}
    if claim.get("status") != status:
        api.store(key, claim | {"status": status})
