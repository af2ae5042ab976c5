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
            workload, pods = await self.read()
        except ArgumentsInvalid as e:
            return RolloutProgress("superseded", 0, self._total, f"it is not what it was: {e.what}")
        except NotFound:
            return RolloutProgress("superseded", 0, self._total, "it is not there any more")
        except ClusterUnavailable as e:
            return RolloutProgress(None, 0, self._total, f"the cluster cannot be asked: {e.what}")
        found = self.progress(workload, pods)
        self._total = found.total
        return found

    async def read(self) -> tuple[Workload, list[Pod]]:
        """The workload and its pods, as `progress` wants them. Raises what ClusterReader raises, and ArgumentsInvalid
        as `whole`."""
        workload = await self.whole(await self._reader.read(self.target))
        return workload, await self._reader.pods(self.target)

    async def whole(self, workload: Workload) -> Workload:
        """With the HPA, where the change is of one. Raises ArgumentsInvalid where it is gone, or has got company."""
        return (
            await with_autoscaler(workload, self._reader) if self._spec.autoscaler(self._args) else workload
        )

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
