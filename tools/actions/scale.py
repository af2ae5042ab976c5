"""scale: replicas of a Deployment or StatefulSet, by its `scale` subresource. To 0 is an action of its own."""

from collections.abc import Mapping
from typing import Any

from policies.types import ActionInfo, Delta, Scalar
from tools.arguments import ScaleArgs
from tools.cluster_types import Patch, Workload
from tools.errors import DefiniteConflict
from tools.spec import ActionSpec, RbacRule


def _classify(args: ScaleArgs) -> str:
    return "scale" if args.replicas else "scale_to_zero"


def _view(_: ScaleArgs, workload: Workload) -> dict[str, object]:
    return {"replicas": workload.replicas}


def _deltas(args: ScaleArgs, workload: Workload) -> tuple[Delta, ...]:
    return (Delta("replicas", "", workload.replicas, args.replicas),)


def _patches(args: ScaleArgs, workload: Workload) -> tuple[Patch, ...]:
    if args.current_replicas not in (None, workload.replicas):
        raise DefiniteConflict(
            f"it has {workload.replicas} replicas, not {args.current_replicas}",
            where=str(workload.target),
            hint="look again, then ask with the number it has now",
            code="current_replicas",
        )
    return (Patch("scale", {"spec": {"replicas": args.replicas}}),)


def _inverse(args: ScaleArgs, view: Mapping[str, Any]) -> dict[str, Scalar]:
    return {"workload": args.workload, "replicas": view["replicas"], "current_replicas": args.replicas}


def _kubectl(args: ScaleArgs, workload: Workload) -> str:
    t = workload.target
    return f"kubectl scale {t} -n {t.namespace} --context {t.cluster} --replicas={args.replicas}"


SPEC = ActionSpec(
    name="scale",
    version="1",
    summary="Set the number of replicas of a workload.",
    example="flyball act scale deploy/web -n shop --replicas 6",
    args=ScaleArgs,
    kinds=frozenset({"deployment", "statefulset"}),
    actions=(
        ActionInfo("scale", "write", ("replicas",)),
        ActionInfo("scale_to_zero", "write", ("replicas",)),
    ),
    classify=_classify,
    view=_view,
    owner=lambda workload: workload.owner,
    deltas=_deltas,
    patches=_patches,
    inverse=_inverse,
    describe=lambda args, workload: f"{workload.replicas} -> {args.replicas}",
    kubectl=_kubectl,
    rbac=(
        RbacRule("apps", "deployments/scale", ("get", "patch")),
        RbacRule("apps", "statefulsets/scale", ("get", "patch")),
    ),
)
