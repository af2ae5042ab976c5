"""How many pods one simulated cluster carries: limited so that its time still advances fast enough."""

from sandbox.api.kinds import WORKLOADS, stored_at
from sandbox.api.store import Json, Key, Transaction

MAX_PODS = 50_000
"""Of all workloads together, as their `spec.replicas` ask for."""


def beyond(txn: Transaction, key: Key, new: Json, old: Json | None = None) -> list[tuple[str, str]]:
    """Why a workload's replicas are more than the sandbox carries, as a cause; none where they do not grow."""
    wanted = new["spec"]["replicas"]
    if old is not None and wanted <= old["spec"]["replicas"]:
        return []
    known = (one for kind in WORKLOADS for one in txn.all(kind))
    others = sum(one["spec"]["replicas"] for one in known if stored_at(one) != key)
    if others + wanted <= MAX_PODS:
        return []
    room = max(0, MAX_PODS - others)
    why = f"the sandbox carries {MAX_PODS} pods in all, {room} of them are left for this"
    return [("spec.replicas", f"Invalid value: {wanted}: {why}")]
