"""What the scheduler and the controllers look pods up by, updated with every change of a transaction."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from base.quantities import millicores, whole_bytes
from sandbox.api.cache import Json, Key
from sandbox.api.containers import is_sidecar
from tools.cluster.objects import controller_of

_cpu, _memory = lru_cache(maxsize=4096)(millicores), lru_cache(maxsize=4096)(whole_bytes)
_OVER = ("Succeeded", "Failed")


class Room(NamedTuple):
    """CPU in millicores, memory in bytes, and a number of pods."""

    cpu: int
    memory: int
    pods: int

    def less(self, other: "Room") -> "Room":
        return Room(self.cpu - other.cpu, self.memory - other.memory, self.pods - other.pods)

    def plus(self, other: "Room") -> "Room":
        return Room(self.cpu + other.cpu, self.memory + other.memory, self.pods + other.pods)

    def holds(self, other: "Room") -> bool:
        return self.cpu >= other.cpu and self.memory >= other.memory and self.pods >= other.pods


NOTHING = Room(0, 0, 0)
PODS_MAX = 110
"""A kubelet's own default for maxPods."""


class _Place(NamedTuple):
    workload: Key | None
    node: str | None
    takes: Room


class Indices:
    """Pods by workload and by node, those that wait for a node or for room to grow, and what is taken of each
    node.

    `stirred`: since it was last reset, room came free or a pod came that waits.
    """

    def __init__(self) -> None:
        self._places: dict[Key, _Place] = {}
        self.by_workload: dict[Key, dict[str, Json]] = {}
        self.by_node: dict[str, set[Key]] = {}
        self.taken: dict[str, Room] = {}
        self.waiting: dict[Key, Json] = {}
        self.deferred: set[Key] = set()
        self.stirred = True

    def put(self, key: Key, body: Json) -> None:
        """A pod or a node was read, made or changed."""
        if key.kind == "node":
            self.stirred = True
        if key.kind != "pod":
            return
        before, place = self._places.get(key), _place(body)
        if before is not None and before != place:
            self._leave(key, before)
        self._places[key] = place
        deferred = "deferred" in body.get("sandbox", ())
        (self.deferred.add if deferred else self.deferred.discard)(key)
        self._objects(place.workload)[key.name] = body
        if place.node is None:
            self.waiting[key] = body
            self.stirred = True
        elif before != place:
            self.by_node.setdefault(place.node, set()).add(key)
            self.taken[place.node] = self.taken.get(place.node, NOTHING).plus(place.takes)

    def drop(self, key: Key) -> None:
        """It was deleted."""
        if key.kind == "node":
            self.stirred = True
        place = self._places.pop(key, None)
        if place is not None:
            self._leave(key, place)

    def takes(self, key: Key) -> Room:
        """What that pod takes of a node."""
        return self._places[key].takes

    def _leave(self, key: Key, place: _Place) -> None:
        self._objects(place.workload).pop(key.name, None)
        self.deferred.discard(key)
        if place.node is None:
            self.waiting.pop(key, None)
        else:
            self.by_node[place.node].discard(key)
            self.taken[place.node] = self.taken[place.node].less(place.takes)
            self.stirred = True

    def _objects(self, workload: Key | None) -> dict[str, Json]:
        return self.by_workload.setdefault(workload or Key("", "", ""), {})


def _place(pod: Json) -> _Place:
    over = pod["status"].get("phase") in _OVER
    return _Place(workload_of(pod), pod["spec"].get("nodeName"), NOTHING if over else takes(pod))


def workload_of(pod: Json) -> Key | None:
    """The workload that a pod belongs to (a ReplicaSet is named after its Deployment and the hash)."""
    owner = controller_of(pod["metadata"])
    if owner is None:
        return None
    kind, name = owner["kind"], owner["name"]
    if kind == "ReplicaSet":
        return Key("deployment", pod["metadata"]["namespace"], name.rpartition("-")[0])
    return Key(kind.lower(), pod["metadata"]["namespace"], name)


def takes(pod: Json) -> Room:
    """What a pod takes of its node: of what its spec asks for and what the node has given, the larger, as the
    scheduler counts while a resize is under way (k8s.io/component-helpers/resource, PodRequests)."""
    asked, held = _asked(pod), given(pod)
    if held is None or _infeasible(pod):
        return held or asked
    return Room(max(asked.cpu, held.cpu), max(asked.memory, held.memory), 1)


def given(pod: Json) -> Room | None:
    """What the pod's node has given it, where that is not what the spec asks for: a resize is under way."""
    allocated = (pod.get("sandbox") or {}).get("allocated")
    return None if allocated is None else Room(*amounts_of(allocated.values()), 1)


def _asked(pod: Json) -> Room:
    return Room(*effective(pod["spec"], "requests"), 1)


def effective(spec: Json, section: Literal["requests", "limits"]) -> tuple[int, int]:
    """Millicores and bytes of a pod whole, as the scheduler and quotas count (k8s.io/component-helpers/resource,
    PodRequests): containers and native sidecars together, or an init container beside the sidecars that were started
    before it, whichever is more."""
    cpu, memory = _total(spec["containers"], section)
    beside_cpu = beside_memory = most_cpu = most_memory = 0
    for one in spec.get("initContainers") or ():
        own_cpu, own_memory = _total((one,), section)
        if is_sidecar(one):
            beside_cpu, beside_memory = beside_cpu + own_cpu, beside_memory + own_memory
            own_cpu = own_memory = 0
        most_cpu = max(most_cpu, beside_cpu + own_cpu)
        most_memory = max(most_memory, beside_memory + own_memory)
    return max(cpu + beside_cpu, most_cpu), max(memory + beside_memory, most_memory)


def _total(containers: Iterable[Json], section: str) -> tuple[int, int]:
    found = [asks((one.get("resources") or {}).get(section) or {}) for one in containers]
    return sum(cpu for cpu, _ in found), sum(memory for _, memory in found)


def amounts_of(blocks: Iterable[Json]) -> tuple[int, int]:
    """The requests of all containers' resources together: millicores and bytes. Raises QuantityInvalid."""
    found = [asks(block.get("requests") or {}) for block in blocks]
    return sum(cpu for cpu, _ in found), sum(memory for _, memory in found)


def asks(amounts: Mapping[str, Any]) -> tuple[int, int]:
    """CPU and memory of a block of amounts; 0 where it names none. Raises QuantityInvalid."""
    return _cpu(amounts.get("cpu", 0)), _memory(amounts.get("memory", 0))


def _infeasible(pod: Json) -> bool:
    return any(
        c["type"] == "PodResizePending" and c.get("reason") == "Infeasible"
        for c in pod["status"].get("conditions") or ()
    )
