"""A pod as the engine sees it: when it serves, what it may use, and since when its container runs."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from base.quantities import millicores, whole_bytes
from sandbox.api.containers import lasting
from sandbox.api.store import Json, Key, Transaction
from tools.cluster.objects import claims_of, unix_ms

_ms = lru_cache(maxsize=65_536)(unix_ms)
_cpu, _memory = lru_cache(maxsize=4096)(millicores), lru_cache(maxsize=4096)(whole_bytes)
UNLIMITED = 8_000
"""Millicores that a container without a limit can use: a whole node of the sandbox."""


@dataclass(frozen=True, slots=True)
class PodState:
    """Times in Unix ms, CPU in millicores, memory in bytes, None where there is none.

    `ready_ms` is when it became ready (None: it is not), `changed_ms` when its readiness last changed,
    `running_ms` when its first container started (None: it does not run). Limits and requests of the first
    container are those that its node has given it (containerStatuses' resources), else what the spec asks for;
    `*_all` are sums over all containers and native sidecars. `others` is how many more containers there are, `claims`
    are those that it mounts.
    """

    name: str
    container: str
    phase: str
    deleting: bool
    start_ms: int | None
    changed_ms: int | None
    ready_ms: int | None
    running_ms: int | None
    cpu_limit: int | None
    memory_limit: int | None
    cpu_request_all: int | None
    memory_request_all: int | None
    cpu_limit_all: int | None
    memory_limit_all: int | None
    others: int
    restarts: int
    cpu_requested: int
    memory_requested: int
    claims: tuple[str, ...] = ()

    @property
    def cap(self) -> int:
        """Millicores that its first container can use."""
        return UNLIMITED if self.cpu_limit is None else self.cpu_limit

    def serves(self, at_ms: int) -> bool:
        return self.ready_ms is not None and self.ready_ms <= at_ms


def states_of(txn: Transaction, workload: Key) -> tuple[PodState, ...]:
    """A workload's own pods, in name order; each is read again where it was written."""
    return tuple(_stored(txn, workload.namespace, pod) for pod in txn.pods_of(workload))


def _stored(txn: Transaction, namespace: str, pod: Json) -> PodState:
    return txn.derived_of("pod state", Key("pod", namespace, pod["metadata"]["name"]), lambda: state_of(pod))


def state_of(pod: Json) -> PodState:
    """From the API's object."""
    meta, status = pod["metadata"], pod["status"]
    given = [_resources(one, status) for one in lasting(pod["spec"])]
    first = (status.get("containerStatuses") or [{}])[0]
    changed, ready = _readiness(status)
    started = (first.get("state") or {}).get("running", {}).get("startedAt")
    asked = [block.get("requests") or {} for block in given]
    limits = [block.get("limits") or {} for block in given]
    return PodState(
        name=meta["name"],
        container=pod["spec"]["containers"][0]["name"],
        phase=status.get("phase", "Unknown"),
        deleting="deletionTimestamp" in meta,
        start_ms=_ms(status["startTime"]) if status.get("startTime") else None,
        changed_ms=changed,
        ready_ms=changed if ready else None,
        running_ms=_ms(started) if started else None,
        cpu_limit=_cpu(limits[0]["cpu"]) if "cpu" in limits[0] else None,
        memory_limit=_memory(limits[0]["memory"]) if "memory" in limits[0] else None,
        cpu_request_all=_sum(asked, "cpu"),
        memory_request_all=_sum(asked, "memory"),
        cpu_limit_all=_some(limits, "cpu"),
        memory_limit_all=_some(limits, "memory"),
        others=len(given) - 1,
        restarts=sum(one.get("restartCount", 0) for one in _statuses(status)),
        cpu_requested=_some(asked, "cpu") or 0,
        memory_requested=_some(asked, "memory") or 0,
        claims=claims_of(pod["spec"]),
    )


def _resources(container: Json, status: Json) -> Json:
    """What the node has given the container; what the spec asks for where no node says so."""
    for one in _statuses(status):
        if one["name"] == container["name"] and one.get("resources"):
            block: Json = one["resources"]
            return block
    return container.get("resources") or {}


def _statuses(status: Json) -> list[Json]:
    return [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]


def _readiness(status: Json) -> tuple[int | None, bool]:
    for one in status.get("conditions") or ():
        if one["type"] == "Ready":
            return _ms(one["lastTransitionTime"]), one["status"] == "True"
    return None, False


def _amount(name: str, text: Any) -> int:
    return _cpu(text) if name == "cpu" else _memory(text)


def _sum(blocks: list[Json], name: str) -> int | None:
    """The sum, or None where a container has none."""
    return None if any(name not in b for b in blocks) else sum(_amount(name, b[name]) for b in blocks)


def _some(blocks: list[Json], name: str) -> int | None:
    """The sum over the containers that have one; None where none has."""
    found = [_amount(name, b[name]) for b in blocks if name in b]
    return sum(found) if found else None
