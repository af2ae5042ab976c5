"""set_autoscaler_bounds: minReplicas, maxReplicas and the CPU target of a workload's HorizontalPodAutoscaler.

Where an HPA keeps the replicas, its floor is what is moved, never the replicas: the HPA would put those back. To
lower maxReplicas is an action of its own.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from policies.types import ActionInfo, Delta, Scalar
from tools.actions.read_autoscaler import hpa_of
from tools.arguments import BOUNDS, AutoscalerBoundsArgs
from tools.cluster.rollout import RolloutProgress, rolled_out, rolling_out
from tools.cluster_types import Autoscaler, Patch, Pod, Workload
from tools.errors import ArgumentsInvalid, DefiniteConflict
from tools.spec import ActionSpec, RbacRule

LOWERS = "lower_autoscaler_max"
_DIMENSIONS = tuple(BOUNDS.values())
_TITLES = {"min_replicas": "min", "max_replicas": "max", "target_percent": "CPU target"}


def _classify(args: AutoscalerBoundsArgs) -> str:
    return LOWERS if args.lower_max else "set_autoscaler_bounds"


def values_of(hpa: Autoscaler) -> Mapping[str, int | None]:
    """What it has now, by the argument's name."""
    return {
        "min_replicas": hpa.minimum,
        "max_replicas": hpa.maximum,
        "target_percent": hpa.target_percent,
    }


def _view(args: AutoscalerBoundsArgs, workload: Workload) -> dict[str, object]:
    """Only what is asked for: who moves the floor is not bound by what others do to the maximum."""
    hpa = hpa_of(workload)
    now = values_of(hpa)
    return {"autoscaler": hpa.name, "autoscaler_uid": hpa.uid} | {name: now[name] for name in args.wanted()}


def _deltas(args: AutoscalerBoundsArgs, workload: Workload) -> tuple[Delta, ...]:
    """Raises ArgumentsInvalid for what the HPA cannot take, or would be another action than the judged one."""
    hpa = hpa_of(workload)
    _fits(args, hpa)
    _says_lower(args, hpa)
    _replaced(args, workload)
    now = values_of(hpa)
    return tuple(Delta(BOUNDS[name], "", now[name], value) for name, value in args.wanted().items())


def _fits(args: AutoscalerBoundsArgs, hpa: Autoscaler) -> None:
    where = f"horizontalpodautoscaler/{hpa.name}"
    after = {**values_of(hpa), **args.wanted()}
    low, high = after["min_replicas"] or 0, after["max_replicas"] or 0
    if low > high:
        missing = "max_replicas" if args.max_replicas is None else "min_replicas"
        raise ArgumentsInvalid(
            f"its minimum {low} would be more than its maximum {high}",
            where=where,
            hint=f"give {missing} too",
        )
    if args.target_percent is not None and hpa.target_percent is None:
        raise ArgumentsInvalid(
            "it does not aim at a share of the CPU requests", where=where, hint="leave target_percent out"
        )


def _says_lower(args: AutoscalerBoundsArgs, hpa: Autoscaler) -> None:
    """What policy is asked about must be what would be done."""
    if args.max_replicas is None:
        return
    if args.max_replicas < hpa.maximum and not args.lower_max:
        raise ArgumentsInvalid(
            f"it lowers maxReplicas from {hpa.maximum}, an action of its own",
            where="max_replicas",
            hint="say lower_max (--lower-max)",
        )
    if args.max_replicas > hpa.maximum and args.lower_max:
        raise ArgumentsInvalid(
            f"it raises maxReplicas from {hpa.maximum}", where="lower_max", hint="leave it out"
        )


def _replaced(args: AutoscalerBoundsArgs, workload: Workload) -> None:
    """A higher target waits for a rollout: pods of the older template may still have larger requests, of which it
    would be a share too large, and the HPA would take pods away."""
    now = hpa_of(workload).target_percent
    higher = args.target_percent is not None and now is not None and args.target_percent > now
    if higher and rolling_out(workload):
        raise ArgumentsInvalid(
            "its pods are being replaced: a higher CPU target waits for them",
            where=str(workload.target),
            hint=f"when they are: flyball describe {workload.target}",
        )


def _patches(args: AutoscalerBoundsArgs, workload: Workload) -> tuple[Patch, ...]:
    hpa = hpa_of(workload)
    now = values_of(hpa)
    for name in BOUNDS:
        expected = getattr(args, f"current_{name}")
        if expected not in (None, now[name]):
            raise DefiniteConflict(
                f"its {_TITLES[name]} is {now[name]}, not {expected}",
                where=f"horizontalpodautoscaler/{hpa.name}",
                hint="look again, then ask with the number it has now",
                code=f"current_{name}",
            )
    spec: dict[str, object] = {
        BOUNDS[name]: value for name, value in args.wanted().items() if name != "target_percent"
    }
    if args.target_percent is not None:
        spec["metrics"] = [_aimed(one, args.target_percent) for one in hpa.metrics]
    return (Patch("", {"spec": spec}, autoscaler=hpa.name),)


def _aimed(metric: Mapping[str, Any], percent: int) -> Mapping[str, Any]:
    """The metric, with this target where it is the share of the CPU requests. The list is replaced whole by a patch
    (autoscaling/v2: listType atomic), so the others go along as they are."""
    if not _is_cpu(metric):
        return metric
    resource = metric["resource"]
    return {
        **metric,
        "resource": {**resource, "target": {**resource["target"], "averageUtilization": percent}},
    }


def _is_cpu(metric: Mapping[str, Any]) -> bool:
    resource = metric.get("resource") or {}
    return resource.get("name") == "cpu" and "averageUtilization" in (resource.get("target") or {})


def _inverse(args: AutoscalerBoundsArgs, view: Mapping[str, Any]) -> dict[str, Scalar]:
    back: dict[str, Scalar] = dict.fromkeys(AutoscalerBoundsArgs.model_fields)
    for name, value in args.wanted().items():
        back |= {name: view[name], f"current_{name}": value}
    if back["min_replicas"] == 0:
        raise ArgumentsInvalid(
            "its minimum was 0 (HPAScaleToZero), which Flyball sets for nobody",
            where=args.workload,
            hint="set it by hand: kubectl edit hpa",
        )
    lowers = args.max_replicas is not None and args.max_replicas > view["max_replicas"]
    return back | {"workload": args.workload, "lower_max": True if lowers else None}


def _describe(args: AutoscalerBoundsArgs, workload: Workload) -> str:
    hpa = hpa_of(workload)
    now = values_of(hpa)
    parts = [
        f"{_TITLES[name]} {_shown(name, now[name])} -> {_shown(name, value)}"
        for name, value in args.wanted().items()
    ]
    return f"{', '.join(parts)} (HPA {hpa.name}{_at_once(args, workload)})"


def _shown(name: str, value: int | None) -> str:
    return f"{value}%" if name == "target_percent" else str(value)


def _at_once(args: AutoscalerBoundsArgs, workload: Workload) -> str:
    """How many pods the new bounds start or end by themselves; none of a workload that is scaled to zero."""
    has = workload.replicas
    if has and args.min_replicas is not None and args.min_replicas > has:
        return f": {args.min_replicas - has} more than the {has} that run"
    if has and args.max_replicas is not None and args.max_replicas < has:
        return f": {has - args.max_replicas} fewer than the {has} that run"
    return ""


def _kubectl(args: AutoscalerBoundsArgs, workload: Workload) -> str:
    t, hpa = workload.target, hpa_of(workload)
    places = {"min_replicas": "/spec/minReplicas", "max_replicas": "/spec/maxReplicas"}
    at = next((number for number, metric in enumerate(hpa.metrics) if _is_cpu(metric)), 0)
    places["target_percent"] = f"/spec/metrics/{at}/resource/target/averageUtilization"
    steps = [{"op": "add", "path": places[name], "value": value} for name, value in args.wanted().items()]
    body = json.dumps(steps, separators=(",", ":"))
    return f"kubectl patch hpa {hpa.name} -n {t.namespace} --context {t.cluster} --type json -p '{body}'"


def _settled(_: AutoscalerBoundsArgs, workload: Workload, pods: Sequence[Pod]) -> RolloutProgress:
    """The HPA has brought the replicas within its bounds, and as many are ready. Of one that is scaled to zero it
    keeps its hands off (Kubernetes, pkg/controller/podautoscaler/horizontal.go)."""
    hpa, has = hpa_of(workload), workload.replicas
    if has and not hpa.minimum <= has <= hpa.maximum:
        detail = (
            f"the HPA has not moved it yet: {has} replicas, its bounds are {hpa.minimum} to {hpa.maximum}"
        )
        return RolloutProgress(None, workload.ready, has, detail)
    return rolled_out(None, workload, pods)


SPEC = ActionSpec(
    name="set_autoscaler_bounds",
    version="1",
    summary="Set minReplicas, maxReplicas or the CPU target of the HorizontalPodAutoscaler of a workload.",
    example="flyball act set-autoscaler-bounds deploy/checkout -n shop --min-replicas 3",
    args=AutoscalerBoundsArgs,
    kinds=frozenset({"deployment", "statefulset"}),
    actions=(
        ActionInfo("set_autoscaler_bounds", "write", _DIMENSIONS),
        ActionInfo(LOWERS, "write", _DIMENSIONS),
    ),
    classify=_classify,
    view=_view,
    owner=lambda workload: hpa_of(workload).owner,
    deltas=_deltas,
    patches=_patches,
    inverse=_inverse,
    describe=_describe,
    kubectl=_kubectl,
    rbac=(
        RbacRule("apps", "deployments", ("get",)),
        RbacRule("apps", "statefulsets", ("get",)),
        RbacRule("autoscaling", "horizontalpodautoscalers", ("list", "patch")),
    ),
    autoscaler=lambda _: True,
    settled=_settled,
)
