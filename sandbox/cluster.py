"""SimulatedCluster: the reading ports (ClusterReader, UsageReader) on a simulated world.

Objects come back through the same parsing, and errors through the same sorting, as a real apiserver's.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from policies.types import Target
from sandbox import endpoint
from sandbox.api import quota
from sandbox.api.errors import ApiError
from sandbox.api.faults import Call
from sandbox.api.kinds import WORKLOADS
from sandbox.api.selectors import matches
from sandbox.api.store import Json, Key, Transaction
from sandbox.controllers import events
from sandbox.controllers.pods import pods_of
from sandbox.world import World
from tools.cluster import objects, restraints
from tools.cluster.answers import Answer, Question, read_error
from tools.cluster.kinds import Object
from tools.cluster.owners import Above, aimed_at, all_aimed_at, bounds_owner_of, ownership_of
from tools.cluster_types import (
    LISTED,
    ApiEvent,
    Autoscaler,
    ClusterIdentity,
    Pod,
    PodUsage,
    Restraints,
    Workload,
)
from tools.errors import ClusterUnavailable, NotFound

NAME = "sandbox"
"""What the simulated cluster is called, as context and in policy."""


class SimulatedCluster:
    """Reads of one world, under the name that policy knows it by."""

    def __init__(self, world: World, name: str = NAME) -> None:
        self.world, self.name = world, name

    async def identity(self) -> ClusterIdentity:
        with self._asking(Key("namespace", "", "kube-system")):
            return ClusterIdentity(self.name, self.world.cluster_uid(), "sandbox")

    async def namespaces(self) -> list[str]:
        """The namespaces' own objects, and those that objects were loaded into without one."""
        with self._asking(Key("namespace", "", "")), self.world.store.read() as txn:
            own = {str(one["metadata"]["name"]) for one in txn.all("namespace")}
            used = {str(one["metadata"]["namespace"]) for kind in WORKLOADS for one in txn.all(kind)}
            return sorted(own | used)

    async def list_workloads(
        self, namespace: str | None, selector: str = "", kinds: Sequence[str] = LISTED
    ) -> list[Workload]:
        """Each kind in turn, by namespace and name. A world has no DaemonSets and no Jobs."""
        with self._asking(Key("deployment", namespace or "", "")), self.world.store.read() as txn:
            held = [kind for kind in kinds if kind in WORKLOADS]
            found = [(kind, obj) for kind in held for obj in txn.all(kind, namespace)]
            return [
                self._stored(txn, kind, obj, named=False)
                for kind, obj in found
                if matches(selector, obj["metadata"].get("labels") or {})
            ]

    async def read(self, target: Target) -> Workload:
        key = key_for(target)
        with self._asking(key), self.world.store.read() as txn:
            return self._stored(txn, target.kind, _found(txn, key), named=True)

    async def root_owner(self, target: Target) -> Target:
        """Follows `controller: true`; an owner that the world does not hold is named, not followed."""
        key = key_for(target)
        with self._asking(key), self.world.store.read() as txn:
            here, obj = target, _found(txn, key)
            while (above := objects.controller_of(obj["metadata"])) is not None:
                here = here.model_copy(update={"kind": above["kind"].lower(), "name": above["name"]})
                higher = txn.get(Key(here.kind, key.namespace, here.name))
                if higher is None:
                    break
                obj = higher
            return here

    async def pods(self, target: Target) -> list[Pod]:
        key = key_for(target)
        with self._asking(key), self.world.store.read() as txn:
            _found(txn, key)
            return _parsed_pods(txn, key)

    async def pods_of(self, targets: Sequence[Target]) -> dict[str, list[Pod]]:
        keys = {target.key: key_for(target) for target in targets}
        with self._asking(Key("pod", "", "")), self.world.store.read() as txn:
            return {name: _parsed_pods(txn, key) for name, key in keys.items()}

    async def events(self, target: Target) -> list[ApiEvent]:
        key = key_for(target)
        with self._asking(key), self.world.store.read() as txn:
            _found(txn, key)
            hpa = aimed_at(target, txn.all("horizontalpodautoscaler", key.namespace))
            found = events.concerning(txn, key, hpa["metadata"]["name"] if hpa else None)
            return [objects.event(one) for one in found]

    async def autoscaler(self, target: Target) -> Autoscaler | None:
        key = key_for(target)
        with self._asking(key), self.world.store.read() as txn:
            _found(txn, key)
            hpa = aimed_at(target, _aimed_at(txn, key))
            return None if hpa is None else self.parse_autoscaler(txn, target, hpa)

    async def autoscalers(self, target: Target) -> list[Autoscaler]:
        key = key_for(target)
        with self._asking(key), self.world.store.read() as txn:
            _found(txn, key)
            aimed = all_aimed_at(target, _aimed_at(txn, key))
            return [self.parse_autoscaler(txn, target, one) for one in aimed]

    def parse_autoscaler(self, txn: Transaction, target: Target, hpa: Object) -> Autoscaler:
        """The workload's HPA as the port has it, with who else keeps it."""
        controller = _controller(txn, hpa["metadata"], named=True)
        return objects.autoscaler(hpa, bounds_owner_of(target, hpa, [], controller))

    async def autoscalers_of(self, targets: Sequence[Target]) -> dict[str, Autoscaler]:
        found: dict[str, Autoscaler] = {}
        for target in targets:
            key = key_for(target)
            with self._asking(key), self.world.store.read() as txn:
                hpa = aimed_at(target, txn.all("horizontalpodautoscaler", key.namespace))
                if hpa is not None:
                    found[target.key] = self.parse_autoscaler(txn, target, hpa)
        return found

    async def restraints_of(self, workloads: Sequence[Workload]) -> dict[str, Restraints]:
        found: dict[str, Restraints] = {}
        for namespace in dict.fromkeys(workload.target.namespace or "" for workload in workloads):
            here = [one for one in workloads if one.target.namespace == namespace]
            with self._asking(Key("resourcequota", namespace, "")), self.world.store.read() as txn:
                budgets = txn.all("poddisruptionbudget", namespace)
                each = txn.all("resourcequota", namespace)
                quotas = [one | {"status": quota.status(txn, one)} for one in each]
                found |= restraints.of_each(here, budgets, quotas)
        return found

    async def resizable(self) -> bool:
        """Always: `pods/resize` is served from 1.33 on by default."""
        with self._asking(Key("namespace", "", "kube-system")):
            return True

    async def usage(self, target: Target) -> list[PodUsage]:
        key = key_for(target)
        with self._asking(key, "usage"), self.world.store.read() as txn:
            _found(txn, key)
            from sandbox.serving.samples import pod_metrics  # brings numpy along

            samples = pod_metrics(txn, key, pods_of(txn, key), txn.number("now_ms"))
            return [objects.pod_usage(one) for one in samples]

    def parse(self, txn: Transaction, kind: str, obj: Json, *, named: bool = True) -> Workload:
        """An object as it is in the world, or as a write answered, as the port has it; its controller by name where
        it is `named`."""
        meta = obj["metadata"]
        target = Target(cluster=self.name, namespace=meta["namespace"], kind=kind, name=meta["name"])
        autoscalers = _aimed_at(txn, Key(kind, meta["namespace"], meta["name"]))
        above = Above(_controller(txn, meta, named=named))
        return objects.workload(self.name, kind, obj, ownership_of(target, obj, [], autoscalers, above))

    def _stored(self, txn: Transaction, kind: str, obj: Json, *, named: bool) -> Workload:
        """As `parse`, of a stored object: again where it, or what is aimed at it, was written."""
        meta = obj["metadata"]
        if objects.controller_of(meta) is not None:
            return self.parse(txn, kind, obj, named=named)
        key = Key(kind, meta["namespace"], meta["name"])
        beside = tuple(map(_version, _aimed_at(txn, key)))
        return txn.derived_of(f"workload of {self.name}", key, lambda: self.parse(txn, kind, obj), beside)

    @contextmanager
    def _asking(self, key: Key, on: Call = "read") -> Iterator[None]:
        where = f"{self.name}: {key.kind}/{key.name}"
        try:
            endpoint.fetch(self.world.store, key, on)
            yield
        except ApiError as error:
            raise read_error(answer_of(error, "GET", where)) from error
        except (endpoint.NotSent, endpoint.NoAnswer) as error:
            raise ClusterUnavailable(
                str(error), where=where, hint="flyball sandbox status", code="Unavailable"
            ) from error


def _parsed_pods(txn: Transaction, workload: Key) -> list[Pod]:
    """A workload's own pods; each is parsed again where it was written."""
    return [_parsed_pod(txn, one) for one in pods_of(txn, workload)]


def _parsed_pod(txn: Transaction, pod: Json) -> Pod:
    key = Key("pod", pod["metadata"]["namespace"], pod["metadata"]["name"])
    return txn.derived_of("parsed pod", key, lambda: objects.pod(pod))


def _aimed_at(txn: Transaction, workload: Key) -> list[Json]:
    """The HPAs whose reference has that name."""
    by_name = txn.derived("autoscalers by aim", "horizontalpodautoscaler", _by_aim)
    return by_name.get((workload.namespace, workload.name), [])


def _by_aim(autoscalers: list[Json]) -> dict[tuple[str, str], list[Json]]:
    found: dict[tuple[str, str], list[Json]] = {}
    for one in autoscalers:
        aim = one["spec"]["scaleTargetRef"].get("name", "")
        found.setdefault((one["metadata"]["namespace"], aim), []).append(one)
    return found


def _version(obj: Json) -> tuple[str, str]:
    return obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]


def _controller(txn: Transaction, meta: Json, *, named: bool) -> str | None:
    """The controller of its ownerReferences, as a real apiserver confirms it: by an object of that name and UID."""
    reference = objects.controller_of(meta)
    if reference is None:
        return None
    kind = reference["kind"].lower()
    above = txn.get(Key(kind, meta["namespace"], reference["name"]))
    if above is None or above["metadata"]["uid"] != reference["uid"]:
        return "unknown"
    return f"{kind}/{reference['name']}" if named else kind


def key_for(target: Target) -> Key:
    """Where the target lives in the world. Raises NotFound for a kind that is not a workload."""
    if target.kind not in WORKLOADS or not target.namespace:
        raise NotFound(
            f"no workload of kind `{target.kind}`", where=str(target), hint=f"kinds: {', '.join(WORKLOADS)}"
        )
    return Key(target.kind, target.namespace, target.name)


def answer_of(error: ApiError, method: str, where: str) -> Answer:
    """The answer as it would have come over the wire."""
    return Answer(Question(method, where, ""), error.status, json.dumps(error.as_status()).encode())


def _found(txn: Transaction, key: Key) -> Json:
    found = txn.get(key)
    if found is None:
        raise ApiError(404, "NotFound", f'{key.kind}s.apps "{key.name}" not found')
    return found
