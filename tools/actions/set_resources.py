"""set_resources: CPU and memory of a container, in the workload's template (a rollout; it lasts) or in place, in
its running pods (until they are replaced; no restart, unless their resizePolicy asks for one)."""

from collections.abc import Mapping, Sequence
from typing import Any

from policies.types import ActionInfo, Delta, Scalar
from tools.actions import in_place, in_place_progress, scale_point_checks
from tools.actions.resource_args import amount_of, amounts_of, container_of, pod_spec_patch, resources_block
from tools.cluster.rollout import RolloutProgress, replacement, replaces_all, rolled_out
from tools.cluster_types import Patch, Pod, Workload
from tools.errors import ArgumentsInvalid
from tools.resource_arguments import VALUES, SetResourcesArgs
from tools.spec import ActionSpec, RbacRule

LOWERS = "lower_memory_limit"
RESTARTS = "resize_with_restart"
_DIMENSIONS = tuple(value.dimension for value in VALUES.values())


def _classify(args: SetResourcesArgs) -> str:
    if args.restart_containers:
        return RESTARTS
    return LOWERS if args.lower_memory_limit else "set_resources"


def _owner(workload: Workload) -> str | None:
    """A VPA keeps them anywhere; its controller, or who deploys it, keeps the template, and no pod."""
    if workload.resources_owner is not None:
        return workload.resources_owner
    return None if workload.pods is not None else workload.template_owner


def _view(args: SetResourcesArgs, workload: Workload) -> dict[str, object]:
    if args.in_place:
        return in_place.view(args, workload)
    container = container_of(args, workload.containers)
    return {"container": container.name, **amounts_of(container.resources)}


def _deltas(args: SetResourcesArgs, workload: Workload) -> tuple[Delta, ...]:
    scale_point_checks.check(args, workload)
    if args.in_place:
        return in_place.deltas(args, workload)
    container = container_of(args, workload.containers)
    return tuple(
        Delta(VALUES[name].dimension, container.name, amount_of(container.resources, name), amount)
        for name, amount in args.wanted().items()
    )


def _patches(args: SetResourcesArgs, workload: Workload) -> tuple[Patch, ...]:
    if args.in_place:
        return in_place.patches(args, workload)
    return (Patch("", {"spec": {"template": {"spec": pod_spec_patch(args, workload)}}}),)


def _inverse(args: SetResourcesArgs, view: Mapping[str, Any]) -> dict[str, Scalar]:
    if args.in_place:
        return in_place.inverse(args, view)
    back: dict[str, Scalar] = dict.fromkeys(SetResourcesArgs.model_fields)
    back |= {"workload": args.workload, "container": view["container"], "hpa_target": args.hpa_target}
    back["scale_point_held"] = args.scale_point_held
    for name in args.wanted():
        if view[name] is None:
            raise ArgumentsInvalid(
                f"{name} was not set before", where=args.workload, hint="take it out of the template by hand"
            )
        back[name] = VALUES[name].text(view[name])
    return back


def _describe(args: SetResourcesArgs, workload: Workload) -> str:
    if args.in_place:
        return in_place.describe(args, workload)
    before = container_of(args, workload.containers).resources
    parts = [
        f"{name} {VALUES[name].show(now)} -> {VALUES[name].show_asked(amount, now)}"
        for name, amount in args.wanted().items()
        for now in [amount_of(before, name)]
    ]
    return f"{', '.join(parts)} (template: {_outlook(workload)})"


def _outlook(workload: Workload) -> str:
    """What the new template does to the pods. It lasts in any case."""
    if replaces_all(workload) and workload.replicas:
        return "a rollout, it lasts"
    return f"{replacement(workload)}; it lasts"


def _kubectl(args: SetResourcesArgs, workload: Workload) -> str:
    if args.in_place:
        return in_place.kubectl(args, workload)
    t = workload.target
    flags = " ".join(
        f"--{part}={','.join(f'{resource}={text}' for resource, text in values.items())}"
        for part, values in sorted(resources_block(args.wanted()).items(), reverse=True)
    )
    name = container_of(args, workload.containers).name
    return f"kubectl set resources {t} -n {t.namespace} --context {t.cluster} -c {name} {flags}"


def _settled(args: SetResourcesArgs, workload: Workload, pods: Sequence[Pod]) -> RolloutProgress:
    return (in_place_progress.settled if args.in_place else rolled_out)(args, workload, pods)


SPEC = ActionSpec(
    name="set_resources",
    version="5",
    summary="Set CPU and memory requests and limits of a container: in the template (a rollout that lasts), or "
    "in place in the running pods (until they are replaced; a restart only where their resizePolicy asks for it).",
    example="flyball act set-resources deploy/web -n shop --cpu-request 250m",
    args=SetResourcesArgs,
    kinds=frozenset({"deployment", "statefulset"}),
    actions=(
        ActionInfo("set_resources", "write", _DIMENSIONS),
        ActionInfo(LOWERS, "write", _DIMENSIONS),
        ActionInfo(RESTARTS, "write", _DIMENSIONS),
    ),
    classify=_classify,
    view=_view,
    owner=_owner,
    deltas=_deltas,
    patches=_patches,
    inverse=_inverse,
    describe=_describe,
    kubectl=_kubectl,
    rbac=(
        RbacRule("apps", "deployments", ("get", "patch")),
        RbacRule("apps", "statefulsets", ("get", "patch")),
        RbacRule("", "pods", ("get", "list", "patch")),
        RbacRule("", "pods/resize", ("patch",)),
    ),
    pods=lambda args: bool(args.in_place),
    scaled_by=lambda args: args.cpu_request is not None,
    only_pods=frozenset({LOWERS, RESTARTS}),
    restarts=lambda args: 1 if args.restart_containers else 0,
    settled=_settled,
    ready=scale_point_checks.held,
)
