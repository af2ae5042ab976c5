"""What the apiserver refuses of a HorizontalPodAutoscaler, and what it fills in (autoscaling/v2: validation.go and
defaults.go of Kubernetes 1.36)."""

from typing import Any

from sandbox.api.store import Json
from sandbox.api.validate import Causes

AUTOSCALER = "horizontalpodautoscaler"
_CPU_80 = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


def defaulted(spec: Json) -> Json:
    """One replica at least, and 80 % of the CPU requests where no metric is named."""
    return {"minReplicas": 1, **spec, "metrics": spec.get("metrics") or [_CPU_80]}


def findings(body: Json) -> Causes:
    """Bounds that are none. Scaling to zero (HPAScaleToZero) is an alpha feature, and off."""
    spec = body.get("spec") or {}
    low, high = spec.get("minReplicas", 1), spec.get("maxReplicas")
    found: Causes = []
    if not _count(low) or low < 1:
        found.append(("spec.minReplicas", f"Invalid value: {low}: must be greater than or equal to 1"))
    if high is None or high == 0:
        found.append(("spec.maxReplicas", "Required value: must be set and greater than 0"))
    elif not _count(high) or high < 1:
        found.append(("spec.maxReplicas", f"Invalid value: {high}: must be greater than or equal to 1"))
    elif _count(low) and high < low:
        why = f"Invalid value: {high}: must be greater than or equal to `minReplicas`"
        found.append(("spec.maxReplicas", why))
    return found + _of_metrics(spec.get("metrics") or ())


def _of_metrics(metrics: Any) -> Causes:
    found: Causes = []
    for number, one in enumerate(metrics):
        percent = ((one.get("resource") or {}).get("target") or {}).get("averageUtilization", 1)
        if not _count(percent) or percent < 1:
            where = f"spec.metrics[{number}].resource.target.averageUtilization"
            found.append((where, f"Invalid value: {percent}: must be greater than 0"))
    return found


def _count(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**31
