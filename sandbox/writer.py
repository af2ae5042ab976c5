"""SimulatedWriter: the write port on a simulated world. Built by wiring, held by executor and resolver only.

It sends what the Kubernetes adapter sends (same managers, same preconditions, same fences), and checks the
permit in the same way; only the time is the world's, because the gate used that.
"""

from collections.abc import Mapping
from typing import Any

from audit.clock import Clock
from policies.permit import Permit
from policies.types import Target
from sandbox import endpoint
from sandbox.api.apiserver import Write
from sandbox.api.errors import ApiError
from sandbox.api.faults import Call
from sandbox.api.store import Json, Key
from sandbox.cluster import NAME, SimulatedCluster, answer_of, key_for
from sandbox.world import World
from tools.cluster import objects
from tools.cluster.answers import write_error
from tools.cluster.kinds import AUTOSCALER
from tools.cluster.owners import all_aimed_at
from tools.cluster.permits import Permits
from tools.cluster_types import (
    Autoscaler,
    Patch,
    Pod,
    Precondition,
    Workload,
    audit_id_of,
    fence_manager_of,
    manager_of,
)
from tools.errors import DefiniteConflict, MayHaveHappened, NeverHappened, NotFound

FENCE = "flyball.io/fence"
MARK = "flyball.io/intent"
_FENCE_TRIES = 3


class SimulatedWriter:
    """Writes of one world, each under a permit that is spent by it; `name` is what policy calls the cluster."""

    def __init__(self, world: World, *, name: str = NAME, clock: Clock | None = None) -> None:
        self._reader, self._clock = SimulatedCluster(world, name), clock or world.clock()
        self._permits = Permits()

    async def apply(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Workload:
        self._permits.spend(permit, target, self._now_ms())
        meta = dict(_object(patch.body.get("metadata")))
        meta |= {"uid": precondition.uid, "resourceVersion": precondition.resource_version}
        body = {**patch.body, "metadata": meta}
        dry_run = permit.mode == "dry_run"
        call = Write("patch", _key(target), patch.subresource, body, manager_of(intent), intent, dry_run)
        return self._send(target, call, "write")

    async def resize(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Pod:
        self._permits.spend(permit, target, self._now_ms(), patch.pod)
        meta = dict(_object(patch.body.get("metadata")))
        meta |= {"uid": precondition.uid, "resourceVersion": precondition.resource_version}
        body, dry_run = {**patch.body, "metadata": meta}, permit.mode == "dry_run"
        at = self._own_pod(target, patch.pod)
        audit_id = audit_id_of(intent, precondition.uid)
        call = Write("patch", at, "resize", body, manager_of(intent), audit_id, dry_run)
        return objects.pod(self._answer(target, call, "write"))

    async def fence_pod(self, target: Target, pod: str, intent: str) -> Pod:
        at = self._own_pod(target, pod)
        body = {"metadata": {"annotations": {FENCE: intent}}}
        call = Write("patch", at, "", body, fence_manager_of(intent), f"{intent}-fence")
        return objects.pod(self._answer(target, call, "fence"))

    def _own_pod(self, target: Target, pod: str) -> Key:
        """Raises NeverHappened where it is none of the workload's own: a permit for a workload is none for a
        stranger's pod."""
        workload = _key(target)
        with self._reader.world.store.read() as txn:
            if any(own["metadata"]["name"] == pod for own in txn.pods_of(workload)):
                return Key("pod", workload.namespace, pod)
        raise NeverHappened(
            f"pod `{pod[:80]}` does not belong to this workload",
            where=str(target),
            hint="kubectl get pods --show-labels",
            code="NotFound",
            http=404,
            quotes=False,
        )

    async def set_bounds(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Autoscaler:
        self._permits.spend(permit, target, self._now_ms())
        at = self._own_autoscaler(target, patch.autoscaler)
        meta = {"uid": precondition.uid, "resourceVersion": precondition.resource_version}
        body = {**patch.body, "metadata": {**meta, "annotations": {MARK: intent}}}
        dry_run = permit.mode == "dry_run"
        return self._bounds(
            target, Write("patch", at, "", body, manager_of(intent), intent, dry_run), "write"
        )

    async def fence_autoscaler(self, target: Target, name: str, intent: str) -> Autoscaler:
        at = self._own_autoscaler(target, name)
        body = {"metadata": {"annotations": {FENCE: intent}}}
        call = Write("patch", at, "", body, fence_manager_of(intent), f"{intent}-fence")
        return self._bounds(target, call, "fence")

    def _own_autoscaler(self, target: Target, name: str) -> Key:
        """Raises NeverHappened where none such is aimed at the workload."""
        workload = _key(target)
        with self._reader.world.store.read() as txn:
            aimed = all_aimed_at(target, txn.all(AUTOSCALER, workload.namespace))
            if any(one["metadata"]["name"] == name for one in aimed):
                return Key(AUTOSCALER, workload.namespace, name)
        what = f"no HPA `{name[:80]}` of that UID is aimed at this workload"
        raise NeverHappened(
            what, where=str(target), hint="kubectl get hpa", code="NotFound", http=404, quotes=False
        )

    def _bounds(self, target: Target, call: Write, on: Call) -> Autoscaler:
        answer = self._answer(target, call, on)
        with self._reader.world.store.read() as txn:
            return self._reader.parse_autoscaler(txn, target, answer)

    async def fence(self, target: Target, intent: str) -> Workload:
        """The annotation, else (403 on the object) an apply of the current replicas through `/scale`."""
        body = {"metadata": {"annotations": {FENCE: intent}}}
        try:
            return self._send(
                target,
                Write("patch", _key(target), "", body, fence_manager_of(intent), f"{intent}-fence"),
                "fence",
            )
        except NeverHappened as refused:
            if refused.http != 403:
                raise
        for _ in range(_FENCE_TRIES - 1):
            try:
                return self._apply_scale(target, intent)
            except DefiniteConflict:
                continue
        return self._apply_scale(target, intent)

    def _apply_scale(self, target: Target, intent: str) -> Workload:
        """The resourceVersion makes it harmless: a write that lands in between makes this one a conflict."""
        with self._reader.world.store.read() as txn:
            seen = txn.get(_key(target))
        if seen is None:
            raise NeverHappened(
                f"{target} is not there", where=str(target), code="NotFound", http=404, quotes=False
            )
        body = {
            "metadata": {"resourceVersion": seen["metadata"]["resourceVersion"]},
            "spec": {"replicas": seen["spec"]["replicas"]},
        }
        manager = fence_manager_of(intent)
        return self._send(
            target, Write("apply", _key(target), "scale", body, manager, f"{intent}-fence"), "fence"
        )

    def _now_ms(self) -> int:
        world_ms = self._clock.world_ms()
        return self._clock.wall_ms() if world_ms is None else world_ms

    def _send(self, target: Target, call: Write, on: Call) -> Workload:
        return self._parse(target, self._answer(target, call, on))

    def _answer(self, target: Target, call: Write, on: Call) -> Json:
        where = f"{self._reader.name}: {target}"
        try:
            return endpoint.send(self._reader.world.store, call, on)
        except ApiError as error:
            raise write_error(answer_of(error, "PATCH", where)) from error
        except endpoint.NotSent as error:
            raise NeverHappened(
                str(error), where=where, hint="flyball sandbox status", code="Unavailable"
            ) from error
        except endpoint.NoAnswer as error:
            hint = "do not repeat it: the resolver reads the object and finds out"
            raise MayHaveHappened(str(error), where=where, hint=hint, code="Timeout") from error

    def _parse(self, target: Target, body: Json) -> Workload:
        with self._reader.world.store.read() as txn:
            return self._reader.parse(txn, target.kind, body)


def _key(target: Target) -> Key:
    try:
        return key_for(target)
    except NotFound as error:
        raise error.recast(NeverHappened, code="KindUnknown") from error


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
