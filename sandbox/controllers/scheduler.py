"""Which node a pod runs on: the one with most CPU left that can hold it; where none can, it waits.

Simpler than kube-scheduler: no affinity, no taints, no preemption, and its score is the CPU that is left.
"""

from collections import Counter

from sandbox.api.apiserver import ApiServer
from sandbox.api.indices import NOTHING, Room
from sandbox.api.kinds import rfc3339, stored_at
from sandbox.api.store import Json
from sandbox.controllers import events, kubelet
from sandbox.controllers.node_room import is_up, room_of

_SOURCE = "default-scheduler"


def bind_pending(api: ApiServer) -> None:
    """Give each waiting pod a node, the oldest first."""
    pods = api.txn.pods
    free = {name: room.less(pods.taken.get(name, NOTHING)) for name, room in _open(api)}
    hopeless: dict[Room, str] = {}
    for pod in sorted(pods.waiting.values(), key=_age):
        wanted = pods.takes(stored_at(pod))
        if wanted in hopeless:  # room only shrinks here: what had none has none later
            _wait(api, pod, hopeless[wanted])
            continue
        node = _roomiest(free, wanted)
        if node is not None:
            free[node] = free[node].less(wanted)
            _bind(api, pod, node)
        else:
            hopeless[wanted] = _why_not(api.txn.all("node"), free, wanted)
            _wait(api, pod, hopeless[wanted])


def _open(api: ApiServer) -> list[tuple[str, Room]]:
    """The nodes that take pods, by name, with all their room; looked up once for as long as no node changes."""
    at = ("open nodes", api.txn.changes("node"))
    found: list[tuple[str, Room]] | None = api.txn.memo.get(at)
    if found is None:
        found = api.txn.memo[at] = [
            (node["metadata"]["name"], room_of(node))
            for node in api.txn.all("node")
            if is_up(node) and not (node.get("spec") or {}).get("unschedulable")
        ]
    return found


def _roomiest(free: dict[str, Room], wanted: Room) -> str | None:
    """The one with most CPU left, the first by name of several."""
    best, most = None, -1
    for name, room in free.items():
        if room.cpu > most and room.holds(wanted):
            best, most = name, room.cpu
    return best


def _age(pod: Json) -> tuple[str, str]:
    return pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]


def _bind(api: ApiServer, pod: Json, node: str) -> None:
    meta = pod["metadata"]
    pod["spec"] = pod["spec"] | {"nodeName": node}
    message = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}"
    events.emit(api, stored_at(pod), type="Normal", reason="Scheduled", message=message, source=_SOURCE)
    kubelet.start(api, pod)


def _wait(api: ApiServer, pod: Json, why: str) -> None:
    """Told once, and again when the reason is another."""
    if any(c.get("message") == why for c in pod["status"].get("conditions") or ()):
        return
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
    pod["status"] = pod["status"] | {"conditions": [condition | {"lastTransitionTime": rfc3339(api.now_ms)}]}
    key = stored_at(pod)
    api.store(key, pod)
    events.emit(api, key, type="Warning", reason="FailedScheduling", message=why, source=_SOURCE)


def _why_not(nodes: list[Json], free: dict[str, Room], wanted: Room) -> str:
    """As the scheduler words it (pkg/scheduler/framework/types.go, FitError; plugins/noderesources)."""
    reasons: Counter[str] = Counter()
    for node in nodes:
        room = free.get(node["metadata"]["name"])
        if room is None:
            reasons["node(s) were unschedulable" if is_up(node) else "node(s) had untolerated taint(s)"] += 1
            continue
        short = {
            "Insufficient cpu": room.cpu < wanted.cpu,
            "Insufficient memory": room.memory < wanted.memory,
        }
        short["Too many pods"] = room.pods < wanted.pods
        reasons.update(reason for reason, holds in short.items() if holds)
    total = f"0/{len(nodes)} nodes are available"
    listed = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    return (
        f"{total}: {listed}. no new claims to deallocate, preemption: {total}: {len(nodes)} Preemption is not "
        "helpful for scheduling."
    )
