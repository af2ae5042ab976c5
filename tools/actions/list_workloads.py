"""list_workloads: the Deployments and StatefulSets of a namespace, one line each."""

from typing import Annotated

from pydantic import Field

from policies.types import ActionInfo
from tools.cluster_types import Workload
from tools.spec import Args, RbacRule, Reads, ReadSpec


class ListArgs(Args):
    selector: Annotated[
        str | None, Field(max_length=512, description="label selector, e.g. tier=frontend; or null")
    ]


def row(workload: Workload) -> dict[str, object]:
    """One workload as a line of facts; counts are pods."""
    return {
        "workload": str(workload.target),
        "replicas": workload.replicas,
        "ready": workload.ready,
        "owner": workload.owner,
        "template_owner": workload.template_owner,
        "paused": workload.paused,
    }


async def _fetch(args: ListArgs, reads: Reads, cluster: str, namespace: str) -> dict[str, object]:
    found = await reads.workloads(namespace, args.selector or "")
    return {"cluster": cluster, "namespace": namespace, "workloads": [row(w) for w in found]}


SPEC = ReadSpec(
    name="list_workloads",
    version="1",
    summary="List the workloads of the namespace with their replicas and who else keeps them.",
    args=ListArgs,
    actions=(ActionInfo("list_workloads", "read"),),
    fetch=_fetch,
    rbac=(RbacRule("apps", "deployments", ("list",)), RbacRule("apps", "statefulsets", ("list",))),
)
