"""keep_scale_point: the CPU target of a workload's HPA in another unit, at the same scale point: CPU of a pod in
place of a share of its requests, or back.

In CPU of a pod (autoscaling/v2: `averageValue`) the point at which the HPA adds a pod does not hang on the requests:
those can change then, by a rollout that takes its time or in place, and no pod is added or taken away for it. The
number is computed here, on the pods as they are; who asks gives none.
"""

import json
from collections.abc import Mapping
from typing import Any

from base.instants import utc_ms
from base.quantities import format_millicores
from policies.types import ActionInfo, Delta, Scalar
from tools.actions.read_autoscaler import hpa_of
from tools.actions.requested_cpu import requested_of_a_pod
from tools.arguments import KeepScalePointArgs
from tools.cluster.rollout import rolling_out
from tools.cluster_types import Patch, Workload
from tools.envelope_text import written
from tools.errors import ArgumentsInvalid
from tools.scale_point import ScalePoint
from tools.spec import ActionSpec, RbacRule

NAME = "keep_scale_point"
_OTHER: Mapping[str, str] = {"cpu": "percent", "percent": "cpu"}


def _view(_: KeepScalePointArgs, workload: Workload) -> dict[str, object]:
    hpa = hpa_of(workload)
    return {
        "autoscaler": hpa.name,
        "autoscaler_uid": hpa.uid,
        "target_percent": hpa.target_percent,
        "target_cpu": hpa.target_cpu,
    }


def _number(args: KeepScalePointArgs, workload: Workload) -> int:
    """The target in the wanted unit: millicores of a pod, or percent of its requests. Raises ArgumentsInvalid."""
    hpa = hpa_of(workload)
    where = f"horizontalpodautoscaler/{hpa.name}"
    requests = requested_of_a_pod(workload)
    if args.unit == "cpu":
        if hpa.target_percent is None:
            raise ArgumentsInvalid("it does not aim at a share of the CPU requests", where=where)
        _its_own(workload, hpa.target_percent)
        found = ScalePoint(hpa.target_percent, requests).millicores
    else:
        if hpa.target_cpu is None:
            raise ArgumentsInvalid("it does not aim at CPU of a pod", where=where)
        _replaced(workload)
        found = ScalePoint.percent_of(hpa.target_cpu, requests)
    if found < 1:
        raise ArgumentsInvalid("its scale point is too small for that unit", where=where)
    return found


def _its_own(workload: Workload, percent: int) -> None:
    """A target that stands for the time of a lease would stay for good: nothing puts CPU of a pod back."""
    lease = written(workload.annotations)
    if lease is None or utc_ms(lease.until) <= workload.seen_ms or percent != lease.guard:
        return
    if lease.guard != lease.target:
        raise ArgumentsInvalid(
            f"it aims at {percent}% for a lease, and at {lease.target}% again afterwards",
            where=str(workload.target),
            hint=f"end the lease first: flyball act set-envelope {workload.target} --end",
        )


def _deltas(args: KeepScalePointArgs, workload: Workload) -> tuple[Delta, ...]:
    """It moves no number that policy bounds: the scale point stays. Raises ArgumentsInvalid where it cannot."""
    _number(args, workload)
    return ()


def _replaced(workload: Workload) -> None:
    """A share waits for a rollout: of the pods that are leaving, the requests are others than of those that come."""
    if rolling_out(workload):
        raise ArgumentsInvalid(
            "its pods are being replaced: a share of their requests waits for them",
            where=str(workload.target),
            hint=f"when they are: flyball describe {workload.target}",
        )


def _patches(args: KeepScalePointArgs, workload: Workload) -> tuple[Patch, ...]:
    hpa, number = hpa_of(workload), _number(args, workload)
    metrics = [_aimed(one, args, number) if _is_cpu(one) else one for one in hpa.metrics]
    return (Patch("", {"spec": {"metrics": metrics}}, autoscaler=hpa.name),)


def _is_cpu(metric: Mapping[str, Any]) -> bool:
    return metric.get("type") == "Resource" and (metric.get("resource") or {}).get("name") == "cpu"


def _aimed(metric: Mapping[str, Any], args: KeepScalePointArgs, number: int) -> dict[str, Any]:
    return {**metric, "resource": {**metric["resource"], "target": _target(args, number)}}


def _target(args: KeepScalePointArgs, number: int) -> dict[str, object]:
    if args.unit == "cpu":
        return {"type": "AverageValue", "averageValue": format_millicores(number)}
    return {"type": "Utilization", "averageUtilization": number}


def _inverse(args: KeepScalePointArgs, _: Mapping[str, Any]) -> dict[str, Scalar]:
    """The other unit again: its number is that of the requests as they are then, not one that they have outgrown."""
    return {"workload": args.workload, "unit": _OTHER[args.unit]}


def _describe(args: KeepScalePointArgs, workload: Workload) -> str:
    hpa, number = hpa_of(workload), _number(args, workload)
    percent, cpu = f"{hpa.target_percent}%", format_millicores(hpa.target_cpu or number)
    shown = (percent, f"{cpu} of a pod") if args.unit == "cpu" else (f"{cpu} of a pod", f"{number}%")
    return f"CPU target {shown[0]} -> {shown[1]}, where it adds pods now (HPA {hpa.name})"


def _kubectl(args: KeepScalePointArgs, workload: Workload) -> str:
    t, hpa = workload.target, hpa_of(workload)
    at = next((number for number, metric in enumerate(hpa.metrics) if _is_cpu(metric)), 0)
    value = _target(args, _number(args, workload))
    body = json.dumps(
        [{"op": "replace", "path": f"/spec/metrics/{at}/resource/target", "value": value}],
        separators=(",", ":"),
    )
    return f"kubectl patch hpa {hpa.name} -n {t.namespace} --context {t.cluster} --type json -p '{body}'"


SPEC = ActionSpec(
    name=NAME,
    version="1",
    summary="Write the CPU target of a workload's HorizontalPodAutoscaler as CPU of a pod in place of a share of its "
    "requests, or back, so that it adds pods where it does now, whatever becomes of the requests.",
    example="flyball act keep-scale-point deploy/checkout -n shop --unit cpu",
    args=KeepScalePointArgs,
    kinds=frozenset({"deployment", "statefulset"}),
    actions=(ActionInfo(NAME, "write", neutral=True),),
    classify=lambda _: NAME,
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
        RbacRule("", "pods", ("list",)),
        RbacRule("autoscaling", "horizontalpodautoscalers", ("list", "patch")),
    ),
    autoscaler=lambda _: True,
    sees_pods=lambda _: True,
)
