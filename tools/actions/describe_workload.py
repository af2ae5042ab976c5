"""describe_workload: one workload with its containers, its pods and their latest measured usage."""

from policies.types import ActionInfo
from tools.actions.list_workloads import row
from tools.cluster.names import WorkloadName, target
from tools.cluster_types import Pod, PodUsage, Resources, Workload
from tools.spec import READ_USAGE, Args, Reads, ReadSpec


class DescribeArgs(Args):
    workload: WorkloadName


def resources(r: Resources) -> dict[str, object]:
    """CPU in millicores, memory in bytes; null where not set."""
    return {
        "cpu_request_millicores": r.cpu_request,
        "cpu_limit_millicores": r.cpu_limit,
        "memory_request_bytes": r.memory_request,
        "memory_limit_bytes": r.memory_limit,
    }


def facts(workload: Workload, pods: list[Pod], usage: list[PodUsage]) -> dict[str, object]:
    """What a person or a model needs to judge the workload, as integers with their units in the name.

    Annotations, images, environment and a kubelet's messages stay out: they hold credentials, and texts that
    talk to models. `waiting` and `last_exit` are one word each.
    """
    return {
        **row(workload),
        "uid": workload.uid,
        "updated": workload.updated,
        "available": workload.available,
        "containers": [{"name": c.name, **resources(c.resources)} for c in workload.containers],
        "pods": [
            {
                "name": p.name,
                "phase": p.phase,
                "ready": p.ready,
                "restarts": p.restarts,
                "node": p.node,
                "waiting": p.waiting or None,
                "last_exit": p.last_exit or None,
                "resize": p.resize or None,
            }
            for p in pods
        ],
        "usage": [
            {"pod": u.pod, "container": name, "cpu_millicores": cpu, "memory_bytes": memory, "at_ms": u.at_ms}
            for u in usage
            for name, (cpu, memory) in sorted(u.containers.items())
        ],
        "usage_missing": sorted({p.name for p in pods} - {u.pod for u in usage}),
    }


async def _fetch(args: DescribeArgs, reads: Reads, cluster: str, namespace: str) -> dict[str, object]:
    where = target(cluster, namespace, args.workload)
    workload = await reads.workload(where)
    return {"cluster": cluster, "namespace": namespace} | facts(
        workload, await reads.pods(where), await reads.usage(where)
    )


SPEC = ReadSpec(
    name="describe_workload",
    version="2",
    summary="Show one workload: replicas, containers with requests and limits, pods, measured CPU and memory.",
    args=DescribeArgs,
    actions=(ActionInfo("describe_workload", "read"),),
    fetch=_fetch,
    rbac=READ_USAGE,
)
