"""A HorizontalPodAutoscaler as it is configured, with the API's defaults filled in; pure.

Defaults as in Kubernetes 1.36, pkg/apis/autoscaling/v2/defaults.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from base.quantities import millicores, parse
from forecasting.hpa.formula import TARGET_PERCENT, TOLERANCES, Tolerances
from forecasting.hpa.rules import SCALE_DOWN, SCALE_UP, Behavior, Bounds, Policy, ScalingRules

Resource = Literal["cpu", "memory"]


@dataclass(frozen=True, slots=True)
class MetricTarget:
    """One metric of a resource. `target` is in percent of requests where `utilisation`, else in thousandths of
    the resource's unit (millicores, bytes / 1000). `invalid` says why the controller cannot read it, where it
    is a metric of another `type` than Resource."""

    resource: Resource
    utilisation: bool
    target: int
    invalid: str = ""
    type: str = "Resource"


@dataclass(frozen=True, slots=True)
class Spec:
    """Whom it scales (`kind` and `name` as scaleTargetRef has them), within which bounds, by what."""

    kind: str
    name: str
    bounds: Bounds
    behavior: Behavior | None
    metrics: tuple[MetricTarget, ...]
    tolerances: Tolerances = TOLERANCES


def parsed(hpa: Mapping[str, Any]) -> Spec:
    """From the API's object. Raises KeyError, TypeError or ValueError for one that no apiserver lets in."""
    spec = hpa["spec"]
    target, behavior = spec["scaleTargetRef"], spec.get("behavior")
    metrics = spec.get("metrics") or [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": TARGET_PERCENT}}}
    ]
    return Spec(
        str(target["kind"]),
        str(target["name"]),
        Bounds(int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])),
        None if behavior is None else _behavior(behavior),
        tuple(_metric(one) for one in metrics),
        _tolerances(behavior or {}),
    )


def _behavior(block: Mapping[str, Any]) -> Behavior:
    return Behavior(_rules(block.get("scaleUp"), SCALE_UP), _rules(block.get("scaleDown"), SCALE_DOWN))


def _rules(block: Mapping[str, Any] | None, default: ScalingRules) -> ScalingRules:
    given = block or {}
    policies = tuple(
        Policy(one["type"], int(one["value"]), int(one["periodSeconds"]))
        for one in given.get("policies") or ()
    )
    window = given.get("stabilizationWindowSeconds")
    return ScalingRules(
        default.window_s if window is None else int(window),
        given.get("selectPolicy") or default.select,
        policies or default.policies,
    )


def _tolerances(block: Mapping[str, Any]) -> Tolerances:
    """spec.behavior.scaleUp.tolerance and its like (HPAConfigurableTolerance, on since 1.35)."""
    given = {side: (block.get(f"scale{side.title()}") or {}).get("tolerance") for side in ("down", "up")}
    return Tolerances(**{side: float(parse(value)) for side, value in given.items() if value is not None})


def _metric(block: Mapping[str, Any]) -> MetricTarget:
    kind = str(block["type"])
    if kind != "Resource":
        return MetricTarget("cpu", False, 0, f"the sandbox serves no {kind} metrics", kind)
    name, target = block["resource"]["name"], block["resource"]["target"]
    if name not in ("cpu", "memory"):
        return MetricTarget("cpu", False, 0, f"the sandbox serves no resource `{name}`", kind)
    if "averageValue" in target:
        return MetricTarget(name, False, millicores(target["averageValue"]))
    return MetricTarget(name, True, int(target["averageUtilization"]))
