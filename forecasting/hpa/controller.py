"""One sync of the HPA controller: its inputs to its decision; pure.

Rules, words of conditions and of events as in Kubernetes 1.36, pkg/controller/podautoscaler/horizontal.go
(reconcileAutoscaler, computeReplicasForMetrics). `decisions` runs a whole series, so that the same series can be
put before the real controller.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from base.quantities import format_bytes, format_millicores
from forecasting.hpa.formula import Unknown, by_average, by_utilisation
from forecasting.hpa.pods import PodView, sample
from forecasting.hpa.rules import Change, Memory, normalised, scaled
from forecasting.hpa.spec import MetricTarget, Spec

SYNC_S = 15
"""--horizontal-pod-autoscaler-sync-period, default 15 s."""

_ABLE = {
    "ReadyForNewScale": "recommended size matches current size",
    "ScaleDownStabilized": "recent recommendations were higher than current one, applying the highest recent"
    " recommendation",
    "ScaleUpStabilized": "recent recommendations were lower than current one, applying the lowest recent"
    " recommendation",
}
_LIMIT = {
    "DesiredWithinRange": "the desired count is within the acceptable range",
    "TooFewReplicas": "the desired replica count is less than the minimum replica count",
    "TooManyReplicas": "the desired replica count is more than the maximum replica count",
    "ScaleUpLimit": "the desired replica count is increasing faster than the maximum scale rate",
    "ScaleDownLimit": "the desired replica count is decreasing faster than the maximum scale rate",
}
_NO_METRICS = "no metrics returned from resource metrics API"
_NO_PODS = "no pods returned by selector while calculating replica count"
_UNREADY = "did not receive metrics for targeted pods (pods might be unready)"


class Condition(NamedTuple):
    type: str
    status: bool
    reason: str
    message: str


class Event(NamedTuple):
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of one sync. `replicas` is the wanted number, `rescale` whether it is written;
    `current` was seen. `metrics` are status.currentMetrics as the API writes them."""

    current: int
    replicas: int
    rescale: bool
    reason: str
    conditions: tuple[Condition, ...]
    metrics: tuple[dict[str, Any], ...]
    events: tuple[Event, ...]
    memory: Memory


@dataclass(frozen=True, slots=True)
class Seen:
    """What the controller sees at one sync: the target's spec.replicas, and its pods."""

    now_ms: int
    replicas: int
    pods: tuple[PodView, ...]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A proposal of the metrics: `replicas` None where none may be acted on."""

    replicas: int | None
    metric: str
    metrics: tuple[dict[str, Any], ...]
    active: Condition
    events: tuple[Event, ...]


def decisions(spec: Spec, series: Iterable[Seen]) -> list[Decision]:
    """What the controller decides at each sync of a series, remembering what it must between them."""
    memory, found = Memory(), []
    for seen in series:
        found.append(sync(spec, memory, seen))
        memory = found[-1].memory
    return found


def sync(spec: Spec, memory: Memory, seen: Seen) -> Decision:
    """One sync."""
    current, bounds = seen.replicas, spec.bounds
    able = Condition(
        "AbleToScale", True, "SucceededGetScale",
        "the HPA controller was able to get the target's current scale",
    )  # fmt: skip
    if not memory.recommended:
        memory = replace(memory, recommended=(Change(seen.now_ms, current),))
    if current == 0:
        why = "scaling is disabled since the replica count of the target is zero"
        off = Condition("ScalingActive", False, "ScalingDisabled", why)
        return Decision(current, 0, False, "", (able, off), (), (), memory)
    if current > bounds.maximum:
        text = "Current number of replicas above Spec.MaxReplicas"
        return _rescaled(spec, memory, seen, bounds.maximum, text)
    if current < bounds.minimum:
        text = "Current number of replicas below Spec.MinReplicas"
        return _rescaled(spec, memory, seen, bounds.minimum, text)
    wanted = _wanted(spec, seen)
    if wanted.replicas is None:
        conditions = (able, wanted.active)
        return Decision(current, current, False, "", conditions, wanted.metrics, wanted.events, memory)
    return _moved(spec, memory, seen, wanted)


def _moved(spec: Spec, memory: Memory, seen: Seen, wanted: _Wanted) -> Decision:
    current, asked = seen.replicas, wanted.replicas or 0
    reason = f"{wanted.metric} above target" if asked > current else ""
    reason = "All metrics below target" if asked < current else reason
    normal = normalised(spec.behavior, spec.bounds, memory, current, asked, seen.now_ms)
    conditions = (
        Condition("AbleToScale", True, normal.able, _ABLE[normal.able]),
        wanted.active,
        Condition("ScalingLimited", normal.limited, normal.limit, _LIMIT[normal.limit]),
    )
    if normal.replicas == current:
        return Decision(current, current, False, "", conditions, wanted.metrics, wanted.events, normal.memory)
    done = _rescaled(spec, normal.memory, seen, normal.replicas, reason)
    return replace(
        done,
        conditions=(*done.conditions, *conditions[1:]),
        metrics=wanted.metrics,
        events=(*wanted.events, *done.events),
    )


def _rescaled(spec: Spec, memory: Memory, seen: Seen, replicas: int, reason: str) -> Decision:
    able = Condition(
        "AbleToScale", True, "SucceededRescale",
        f"the HPA controller was able to update the target scale to {replicas}",
    )  # fmt: skip
    event = Event("Normal", "SuccessfulRescale", f"New size: {replicas}; reason: {reason}")
    kept = scaled(spec.behavior, memory, seen.replicas, replicas, seen.now_ms)
    return Decision(seen.replicas, replicas, True, reason, (able,), (), (event,), kept)


def _wanted(spec: Spec, seen: Seen) -> _Wanted:
    """The largest proposal; none where all metrics fail, or some do and the others would scale down."""
    best, name, statuses = 0, "", []
    failures: list[tuple[Condition, str]] = []
    for metric in spec.metrics:
        found = _proposal(spec, metric, seen)
        if isinstance(found, str):
            failures.append((_failed(metric, found), found))
            continue
        replicas, status = found
        statuses.append(status)
        if best == 0 or replicas > best:
            best, name = replicas, _named(metric)
    events = tuple(Event("Warning", c.reason, text) for c, text in failures)
    if len(failures) == len(spec.metrics) or (failures and best < seen.replicas):
        text = (
            f"invalid metrics ({len(failures)} invalid out of {len(spec.metrics)}), first error is: "
            f"failed to get {_source(spec.metrics[0])} metric value: {failures[0][1]}"
        )
        more = Event("Warning", "FailedComputeMetricsReplicas", text)
        return _Wanted(None, "", tuple(statuses), failures[0][0], (*events, more))
    why = f"the HPA was able to successfully calculate a replica count from {name}"
    return _Wanted(
        best, name, tuple(statuses), Condition("ScalingActive", True, "ValidMetricFound", why), events
    )


def _proposal(spec: Spec, metric: MetricTarget, seen: Seen) -> tuple[int, dict[str, Any]] | str:
    """Replicas and the metric's status, or why there are none."""
    if metric.invalid:
        return metric.invalid
    goal = "utilization" if metric.utilisation else "usage"
    samples = [sample(pod, metric.resource, seen.now_ms) for pod in seen.pods]
    if all(s.usage is None for s in samples):
        none = f"unable to get metrics for resource {metric.resource}: {_NO_METRICS}"
        return f"failed to get {metric.resource} {goal}: {none}"
    formula = by_utilisation if metric.utilisation else by_average
    found = formula(seen.replicas, samples, metric.target, spec.tolerances)
    if isinstance(found, Unknown):
        return f"failed to get {metric.resource} {goal}: {_said(found, metric)}"
    current: dict[str, Any] = {"averageValue": _quantity(metric, found.average)}
    if metric.utilisation:
        current["averageUtilization"] = found.utilisation
    return found.replicas, {"type": "Resource", "resource": {"name": metric.resource, "current": current}}


def _said(found: Unknown, metric: MetricTarget) -> str:
    if found.reason == "no-cpu-request":
        return f"missing request for {metric.resource}"
    return _UNREADY if found.reason == "no-metrics" else _NO_PODS


def _failed(metric: MetricTarget, text: str) -> Condition:
    why = f"the HPA was unable to compute the replica count: {text}"
    return Condition("ScalingActive", False, f"FailedGet{metric.type}Metric", why)


def _source(metric: MetricTarget) -> str:
    return f"{metric.resource} resource" if metric.type == "Resource" else metric.type


def _named(metric: MetricTarget) -> str:
    goal = " utilization (percentage of request)" if metric.utilisation else ""
    return f"{metric.resource} resource{goal}"


def _quantity(metric: MetricTarget, milli: int) -> str:
    return format_millicores(milli) if metric.resource == "cpu" else format_bytes(-(-milli // 1000))
