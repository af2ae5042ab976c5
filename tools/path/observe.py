"""Our own read of what an action touches, reduced to the view that approvals and limits use."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from policies.types import Delta, Observation, Target, digest_of
from tools.cluster_types import ClusterIdentity, Pod, Workload
from tools.errors import ArgumentsInvalid
from tools.ports import ClusterReader
from tools.spec import ActionSpec


async def observe(
    reader: ClusterReader,
    cluster: ClusterIdentity,
    spec: ActionSpec[Any],
    args: Any,
    target: Target,
    label_keys: frozenset[str],
    now_ms: int,
) -> tuple[Observation, Workload]:
    """Read the target once and take its view. Raises what ClusterReader raises, and ArgumentsInvalid."""
    if target.kind not in spec.kinds:
        raise ArgumentsInvalid(
            f"`{spec.name}` does not work on a {target.kind}",
            where="workload",
            hint="on " + ", ".join(spec.kinds),
        )
    workload = replace(await reader.read(target), seen_ms=now_ms)
    workload = await with_what_it_takes(spec, args, workload, reader)
    return take(spec, args, workload, cluster, label_keys, now_ms), workload


async def with_what_it_takes(
    spec: ActionSpec[Any], args: Any, workload: Workload, reader: ClusterReader
) -> Workload:
    """The workload with all that the action's view is made of: pods, HPA. Raises what ClusterReader raises, and
    ArgumentsInvalid."""
    target = workload.target
    if spec.pods(args):
        if not await reader.resizable():
            raise ArgumentsInvalid(
                "this cluster does not serve pods/resize",
                where=target.cluster,
                hint="leave --in-place out: the template is changed, by a rollout (Kubernetes 1.33 has resize)",
            )
        workload = with_pods(workload, await reader.pods(target))
    if spec.sees_pods(args):
        pods = await reader.pods(target)
        workload = replace(workload, seen_pods=with_pods(workload, pods).pods)
    if spec.scaled_by(args):
        workload = replace(workload, scaled_by=await reader.autoscaler(target))
    if spec.autoscaler(args):
        workload = await with_autoscaler(workload, reader)
    return workload


def with_pods(workload: Workload, pods: Sequence[Pod]) -> Workload:
    """The workload with those of its pods that an action may work on: they run, or will."""
    alive = tuple(p for p in pods if not p.deleting and p.phase in ("Running", "Pending"))
    return replace(workload, pods=alive)


async def with_autoscaler(workload: Workload, reader: ClusterReader) -> Workload:
    """The workload with its one HPA. Raises ArgumentsInvalid where there is none, or more than one: those fight each
    other (Kubernetes then follows neither), and a bound of one says nothing."""
    found = await reader.autoscalers(workload.target)
    if len(found) == 1:
        return replace(workload, autoscaler=found[0])
    where = str(workload.target)
    if not found:
        hint = "without one, replicas are what is set: flyball act scale"
        raise ArgumentsInvalid("no HorizontalPodAutoscaler is aimed at it", where=where, hint=hint)
    names = ", ".join(one.name for one in found)
    hint = f"keep one of them: kubectl delete hpa NAME -n {workload.target.namespace}"
    raise ArgumentsInvalid(f"{len(found)} HPAs are aimed at it: {names}", where=where, hint=hint)


def take(
    spec: ActionSpec[Any],
    args: Any,
    workload: Workload,
    cluster: ClusterIdentity,
    label_keys: frozenset[str],
    now_ms: int,
) -> Observation:
    """The view: UID, touched fields, their owner, the labels that policy looks at. Never resourceVersion, so
    that readiness flaps do not unbind an approval."""
    owner = spec.owner(workload)
    labels = {key: workload.labels[key] for key in sorted(label_keys) if key in workload.labels}
    view = {"uid": workload.uid, "owner": owner, "labels": labels, "fields": spec.view(args, workload)}
    return observation(workload, cluster, now_ms, view, spec.deltas(args, workload), owner)


def unseen(target: Target, cluster: ClusterIdentity, now_ms: int) -> Observation:
    """Of a workload that could not be read: nothing is known of it but its name."""
    return Observation(
        target=target,
        at_ms=now_ms,
        uid="",
        resource_version="",
        generation=0,
        labels=None,
        view={},
        view_digest=digest_of({}),
        deltas=(),
        cluster_uid=cluster.uid,
    )


def observation(
    workload: Workload,
    cluster: ClusterIdentity,
    now_ms: int,
    view: Mapping[str, object],
    deltas: tuple[Delta, ...] = (),
    owner: str | None = None,
) -> Observation:
    """What was read, with the view of it that is judged; a read moves no numbers and asks for no owner."""
    return Observation(
        target=workload.target,
        at_ms=now_ms,
        uid=workload.uid,
        resource_version=workload.resource_version,
        generation=workload.generation,
        labels=workload.labels,
        view=view,
        view_digest=digest_of(view),
        deltas=deltas,
        cluster_uid=cluster.uid,
        owner=owner,
    )
