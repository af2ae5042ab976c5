"""How much room a node has for pods, and what of it is taken."""

from sandbox.api.indices import NOTHING, PODS_MAX, Room, asks, given, takes
from sandbox.api.kinds import stored_at
from sandbox.api.store import Json, Key, Transaction

CPU_MANAGER = "sandbox.flyball.io/cpu-manager-policy"
"""A node's annotation: `static` is a kubelet that gives Guaranteed pods CPUs of their own."""


def allocatable(status: Json) -> tuple[int, int]:
    """What a node's status says pods may ask of it: CPU in millicores, bytes. Raises QuantityInvalid."""
    return asks(status.get("allocatable") or {})


def room_of(node: Json) -> Room:
    """All that a node has for pods."""
    status = node.get("status") or {}
    pods = (status.get("allocatable") or {}).get("pods", PODS_MAX)
    return Room(*allocatable(status), int(pods))


def is_up(node: Json) -> bool:
    """Whether its kubelet answers; a node that says nothing of it does."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return all(c.get("status") == "True" for c in conditions if c.get("type") == "Ready")


def left_to(txn: Transaction, pod: Json) -> tuple[Room, Room]:
    """All room of a pod's node, and what the other pods there leave to it by what each has been given."""
    name, own = pod["spec"]["nodeName"], stored_at(pod)
    node = txn.get(Key("node", "", name))
    whole = free = room_of(node) if node else NOTHING
    for key in txn.pods.by_node.get(name, ()):
        other = txn.get(key)
        if other is not None and key != own:
            free = free.less(given(other) or takes(other))
    return whole, free
