"""KubernetesWriter: the write port. Built by wiring, held by the executor and its resolver, by nobody else.

The marker of an intent is its field manager, which the apiserver stores in the same write as the change;
annotations sent through a subresource are dropped silently, so they cannot serve.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from audit.clock import Clock
from policies.permit import Permit
from policies.types import Target
from tools.cluster.kinds import AUTOSCALER, WORKLOADS, path_of
from tools.cluster.patches import APPLY, Write, send
from tools.cluster.permits import Permits
from tools.cluster.reader import KubernetesCluster
from tools.cluster_types import (
    Autoscaler,
    Manager,
    Ownership,
    Patch,
    Pod,
    Precondition,
    Workload,
    audit_id_of,
    fence_manager_of,
    manager_of,
)
from tools.errors import (
    ClusterUnavailable,
    DefiniteConflict,
    MayHaveHappened,
    NeverHappened,
    NotFound,
)

FENCE = "flyball.io/fence"
MARK = "flyball.io/intent"
_FENCE_TRIES = 3


class KubernetesWriter:
    """Writes of one cluster on its reader's connection, each under a permit that is spent by it."""

    def __init__(self, cluster: KubernetesCluster, clock: Clock) -> None:
        self._reader, self._clock = cluster, clock
        self._permits = Permits()

    async def apply(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Workload:
        """One PATCH. For a scale the object afterwards is what was read plus what the answer says: a second
        read could already show another manager's write."""
        path = _path(target, patch.subresource)
        self._permits.spend(permit, target, self._clock.wall_ms())
        body = _guarded(patch.body, precondition)
        dry_run = permit.mode == "dry_run"
        answer = await send(self._reader.api, Write(path, body, manager_of(intent), intent, dry_run))
        before = self._reader.recall(target, precondition.uid, precondition.resource_version)
        try:
            if patch.subresource == "scale":
                return _scaled(before or await self._reader.read(target), answer, manager_of(intent))
            return self._reader.parse(target, answer, (before or await self._reader.read(target)).ownership)
        except (ClusterUnavailable, NeverHappened, NotFound, KeyError, TypeError, ValueError) as error:
            raise _written(error, target) from error

    async def resize(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Pod:
        """One PATCH of `pods/resize`, which takes resources and nothing else of a pod. Its answer is the pod.

        The pod is looked up first where this process has not just seen it among the workload's own: a permit
        for a workload is none for a stranger's pod.
        """
        path = path_of(_pod_of(target, patch.pod), "resize")
        self._permits.spend(permit, target, self._clock.wall_ms(), patch.pod)
        if not self._reader.owns(target, patch.pod, precondition.uid):
            await self._own_pod(target, patch.pod)
        body, dry_run = _guarded(patch.body, precondition), permit.mode == "dry_run"
        audit_id = audit_id_of(intent, precondition.uid)
        answer = await send(self._reader.api, Write(path, body, manager_of(intent), audit_id, dry_run))
        return self._pod(answer, target)

    async def fence_pod(self, target: Target, pod: str, intent: str) -> Pod:
        """By the annotation on the pod itself: needs `patch pods`."""
        seen = await self._own_pod(target, pod)
        body = {"metadata": {"uid": seen.uid, "annotations": {FENCE: intent}}}
        write = Write(path_of(_pod_of(target, pod)), body, fence_manager_of(intent), f"{intent}-fence")
        return self._pod(await send(self._reader.api, write), target)

    async def _own_pod(self, target: Target, pod: str) -> Pod:
        """Raises NeverHappened where it is none of the workload's own, or cannot be asked for."""
        try:
            return await self._reader.own_pod(target, pod)
        except (NotFound, ClusterUnavailable) as error:
            raise error.recast(NeverHappened) from error

    def _pod(self, answer: Mapping[str, Any], target: Target) -> Pod:
        try:
            return self._reader.parse_pod(answer)
        except ClusterUnavailable as error:
            raise _written(error, target) from error

    async def set_bounds(
        self, permit: Permit, intent: str, target: Target, patch: Patch, precondition: Precondition
    ) -> Autoscaler:
        """One PATCH of the HPA, which is looked up first where this process has not just seen it aimed at the
        workload: a permit for a workload is none for a stranger's HPA."""
        path = path_of(_autoscaler_of(target, patch.autoscaler))
        self._permits.spend(permit, target, self._clock.wall_ms())
        seen = await self._own_autoscaler(target, patch.autoscaler, precondition.uid)
        body = _guarded({**patch.body, "metadata": {"annotations": {MARK: intent}}}, precondition)
        dry_run = permit.mode == "dry_run"
        answer = await send(self._reader.api, Write(path, body, manager_of(intent), intent, dry_run))
        return self._bounds(answer, seen, target)

    async def fence_autoscaler(self, target: Target, name: str, intent: str) -> Autoscaler:
        seen = await self._own_autoscaler(target, name)
        body = {"metadata": {"uid": seen.uid, "annotations": {FENCE: intent}}}
        write = Write(
            path_of(_autoscaler_of(target, name)), body, fence_manager_of(intent), f"{intent}-fence"
        )
        return self._bounds(await send(self._reader.api, write), seen, target)

    async def _own_autoscaler(self, target: Target, name: str, uid: str = "") -> Autoscaler:
        """Raises NeverHappened where none such is aimed at the workload, or it cannot be asked for."""
        try:
            found = await self._reader.hpas.own(target, name, uid)
        except (NotFound, ClusterUnavailable) as error:
            raise error.recast(NeverHappened) from error
        if found is None:
            what = f"no HPA `{name[:80]}` of that UID is aimed at this workload"
            raise NeverHappened(
                what, where=str(target), hint="kubectl get hpa", code="NotFound", http=404, quotes=False
            )
        return found

    def _bounds(self, answer: Mapping[str, Any], seen: Autoscaler, target: Target) -> Autoscaler:
        try:
            return self._reader.parse_autoscaler(answer, seen.owner)
        except ClusterUnavailable as error:
            raise _written(error, target) from error

    async def fence(self, target: Target, intent: str) -> Workload:
        """The annotation, else (403 on the object) an apply of the current replicas through `/scale`."""
        try:
            return await self._annotate(target, intent)
        except NeverHappened as refused:
            if refused.http != 403:
                raise
        for attempt in range(1, _FENCE_TRIES + 1):
            try:
                return await self._apply_scale(target, intent)
            except DefiniteConflict:
                if attempt == _FENCE_TRIES:
                    raise
        raise AssertionError("unreachable")

    async def _annotate(self, target: Target, intent: str) -> Workload:
        body = {"metadata": {"annotations": {FENCE: intent}}}
        write = Write(_path(target), body, fence_manager_of(intent), f"{intent}-fence")
        answer = await send(self._reader.api, write)
        return self._reader.parse(target, answer, await self._ownership(target))

    async def _apply_scale(self, target: Target, intent: str) -> Workload:
        """The resourceVersion makes it harmless: a write that lands in between makes this one a conflict,
        never its undoing. The manager is the intent's own, so that the apply moves the version on."""
        try:
            seen = await self._reader.read(target)
        except (NotFound, ClusterUnavailable) as error:
            raise error.recast(NeverHappened) from error
        body = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {
                "name": target.name,
                "namespace": target.namespace,
                "resourceVersion": seen.resource_version,
            },
            "spec": {"replicas": seen.replicas},
        }
        manager = fence_manager_of(intent)
        write = Write(_path(target, "scale"), body, manager, f"{intent}-fence", patch_type=APPLY)
        answer = await send(self._reader.api, write)
        try:
            return _scaled(seen, answer, manager, "Apply")
        except (KeyError, TypeError) as error:
            raise _written(error, target) from error

    async def _ownership(self, target: Target) -> Ownership:
        try:
            return (await self._reader.read(target)).ownership
        except (ClusterUnavailable, NeverHappened, NotFound) as error:
            raise _written(error, target) from error


def _path(target: Target, subresource: str = "") -> str:
    if target.kind not in WORKLOADS or not target.namespace:
        raise NeverHappened(f"no workload of kind `{target.kind}`", where=str(target), code="KindUnknown")
    return path_of(target, subresource)


def _pod_of(target: Target, pod: str) -> Target:
    return _beside(target, "pod", pod)


def _autoscaler_of(target: Target, name: str) -> Target:
    return _beside(target, AUTOSCALER, name)


def _beside(target: Target, kind: str, name: str) -> Target:
    """An object in the workload's namespace. Raises NeverHappened for what can be no name: it goes into a path."""
    try:
        return target.model_validate({**target.model_dump(), "kind": kind, "name": name})
    except ValueError as error:
        what = f"`{name[:80]}` is not {'an HPA' if kind == AUTOSCALER else 'a pod'}'s name"
        raise NeverHappened(what, where=str(target), code="NameInvalid") from error


def _guarded(body: Mapping[str, Any], precondition: Precondition) -> dict[str, Any]:
    """UID and resourceVersion in the body: the apiserver compares both with the stored object."""
    meta = dict(body.get("metadata") or {})
    meta |= {"uid": precondition.uid, "resourceVersion": precondition.resource_version}
    return {**body, "metadata": meta}


def _scaled(before: Workload, answer: Mapping[str, Any], manager: str, operation: str = "Update") -> Workload:
    """The workload after a scale, by the rules of the API: generation counts changes of the spec; an update
    owns what it changed, alone, and nothing else; an apply owns what it names beside the others."""
    version = answer["metadata"]["resourceVersion"]
    replicas = answer["spec"].get("replicas", 0)  # the API leaves a zero out
    changed = replicas != before.replicas
    if not changed and operation == "Update":
        return replace(before, resource_version=version)
    others = [_without_replicas(one) for one in before.managers] if changed else list(before.managers)
    mark = Manager(manager, operation, "scale", "", ("spec.replicas",))
    return replace(
        before,
        resource_version=version,
        replicas=replicas,
        generation=before.generation + int(changed),
        managers=(*(one for one in others if one.fields), mark),
    )


def _without_replicas(one: Manager) -> Manager:
    return replace(one, fields=tuple(field for field in one.fields if field != "spec.replicas"))


def _written(error: Exception, target: Target) -> MayHaveHappened:
    return MayHaveHappened(
        f"the write was accepted, but the object could not be read back: {error}",
        where=str(target),
        hint="do not repeat it: the resolver reads the object and finds out",
        code="ReadBack",
        quotes=True,
    )
