"""ChangeLook: how far the cluster is with one change of ours, as it is read now."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from audit.record import Record
from policies.types import Target
from tools.cluster.rollout import RolloutProgress
from tools.cluster_types import Pod, Workload
from tools.errors import ArgumentsInvalid, ClusterUnavailable, NotFound
from tools.path.context import Context
from tools.path.evidence import spec_of
from tools.path.later_writes import last_writer
from tools.path.observe import with_autoscaler
from tools.path.rollback import pods_of


class ChangeLook:
    """Looks at one change again and again, and distinguishes it from what another manager has changed since."""

    def __init__(self, context: Context, intent: Record, after: Mapping[str, Any]) -> None:
        assert intent.resource is not None
        self._reader, self._intent, self._after = context.reader, intent, after
        self._spec, self._args = spec_of(intent)
        where = intent.resource
        self.target = Target(
            cluster=where.cluster, namespace=where.namespace, kind=where.kind, name=where.name
        )
        self._total = 0

    @property
    def restarts(self) -> int:
        """In how many running pods the change restarts a container on purpose."""
        return self._spec.restarts(self._args)

    async def look(self) -> RolloutProgress:
        """Raises NeverHappened where the cluster refuses to be read."""
        try:
            workload = await self._reader.read(self.target)
            pods = await self._reader.pods(self.target)
            if self._spec.autoscaler(self._args):
                workload = await with_autoscaler(workload, self._reader)
        except ArgumentsInvalid as e:
            return RolloutProgress("superseded", 0, self._total, f"it is not what it was: {e.what}")
        except NotFound:
            return RolloutProgress("superseded", 0, self._total, "it is not there any more")
        except ClusterUnavailable as e:
            return RolloutProgress(None, 0, self._total, f"the cluster cannot be asked: {e.what}")
        found = self.progress(workload, pods)
        self._total = found.total
        return found

    def progress(self, workload: Workload, pods: Sequence[Pod]) -> RolloutProgress:
        """How far it is by what was read."""
        intent = self._intent
        if intent.resource is not None and workload.uid != intent.resource.uid:
            return RolloutProgress("superseded", 0, self._total, "it is another object of the same name")
        if self._spec.pods(self._args):
            meant = pods_of(intent)
            pods = [pod for pod in pods if pod.uid == meant.get(pod.name, {}).get("uid")]
            workload = replace(workload, pods=tuple(pods))
        try:
            now = self._spec.view(self._args, workload)
            found = self._spec.settled(self._args, workload, pods)
        except ArgumentsInvalid as e:
            return RolloutProgress("superseded", 0, self._total, f"it is not what it was: {e.what}")
        if not _still(self._after, now):
            by = last_writer(workload, intent.id, now) or "somebody else"
            return replace(found, state="superseded", detail=f"{by} has changed it since")
        return found


def _still(after: Mapping[str, Any], now: Mapping[str, object]) -> bool:
    """Whether the fields are what our write made of them (nothing is known of that where a person said so);
    pods that are gone are not asked."""
    if "pods" not in after:
        return not after or after == now
    pods = now["pods"]
    assert isinstance(pods, Mapping)
    return all(after["pods"].get(name) == pod for name, pod in pods.items())
