"""What is looked for, of one workload: memory, saturation, error budget, disk. Pure: figures in, conclusions out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from forecasting.sentinel.filling import filling
from forecasting.sentinel.live import LONGEST_S, Foreseen, Samples, budget, exhaustion, per_pod
from policies.types import Target
from tools.cluster_types import Autoscaler, Container, Workload
from tools.findings.types import What
from tools.metrics.types import Metric, Series

STEP_S = 300
TREND_S = 30 * 3600
"""What a trend is looked for in: a day and what a finding rests on, so that the day's course is known."""
BURN_S = LONGEST_S + 3600
GROUPS: Mapping[tuple[What, ...], tuple[tuple[Metric, ...], int]] = {
    ("memory", "saturation"): ((Metric.MEMORY_USAGE, Metric.CPU_USAGE, Metric.REPLICAS), TREND_S),
    ("slo_burn",): ((Metric.ERROR_RATE, Metric.REQUEST_RATE), BURN_S),
    ("disk",): ((Metric.DISK_USAGE, Metric.DISK_CAPACITY), TREND_S),
}
"""Checks that rest on the same metrics, and how far back (seconds) a longer look goes."""


def concerns(whats: tuple[What, ...], workload: Workload) -> bool:
    """Whether these checks can say anything of the workload: of one without a volume there is no disk to fill."""
    return "disk" not in whats or workload.mounts_claims


@dataclass(frozen=True, slots=True)
class Seen:
    """What the pass read of one workload; a series that could not be read is not there. `objective_ppm` is the share
    of requests that shall succeed."""

    workload: Workload
    autoscaler: Autoscaler | None
    series: Mapping[Metric, Series]
    now_ms: int
    objective_ppm: int
    screening: bool = False
    """Whether the series are the short ones that tell what is worth a longer look."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One conclusion about one workload."""

    what: What
    target: Target
    foreseen: Foreseen


def checked(seen: Seen, *whats: What) -> tuple[Checked, ...]:
    """These checks of the workload."""
    return tuple(Checked(what, seen.workload.target, CHECKS[what](seen)) for what in whats)


def _memory(seen: Seen) -> Foreseen:
    """What a pod holds on average, against what a pod may: a scale-out is no leak."""
    found = _together(seen, Metric.MEMORY_USAGE, Metric.REPLICAS)
    limit = _of_a_pod(seen.workload, lambda c: c.resources.memory_limit)
    if found is None or not limit:
        return _nothing(found, "memory limit")
    used, pods = found
    return _exhaustion(seen, used, per_pod(used.values, pods.values), limit)


def _saturation(seen: Seen) -> Foreseen:
    """What all pods use, against what they may with as many pods as there can be: the autoscaler's maximum, or those
    that there are. Without a limit a pod is taken to be worth what it requests."""
    found = _together(seen, Metric.CPU_USAGE)
    limit = _of_a_pod(seen.workload, lambda c: c.resources.cpu_limit or c.resources.cpu_request)
    pods = seen.autoscaler.maximum if seen.autoscaler else seen.workload.replicas
    if found is None or not limit or not pods:
        return _nothing(found, "CPU limit or request")
    (used,) = found
    return _exhaustion(seen, used, used.values, limit * pods)


def _disk(seen: Seen) -> Foreseen:
    """What is used of the fullest volume, against what that holds."""
    found = _together(seen, Metric.DISK_USAGE, Metric.DISK_CAPACITY)
    if found is None:
        return _nothing(found, "")
    used, holds = found
    return filling(
        used.values,
        holds.values,
        used.span.start_ms // 1000,
        STEP_S,
        seen.now_ms // 1000,
        screening=seen.screening,
    )


def _budget(seen: Seen) -> Foreseen:
    found = _together(seen, Metric.ERROR_RATE, Metric.REQUEST_RATE)
    if found is None:
        return _nothing(found, "")
    errors, rate = found
    return budget(errors.values, rate.values, STEP_S, seen.objective_ppm, screening=seen.screening)


def _exhaustion(seen: Seen, grid: Series, values: Samples, limit: int) -> Foreseen:
    start_s, now_s = grid.span.start_ms // 1000, seen.now_ms // 1000
    return exhaustion(values, start_s, STEP_S, limit, now_s, screening=seen.screening)


CHECKS: Mapping[What, Callable[[Seen], Foreseen]] = {
    "memory": _memory,
    "saturation": _saturation,
    "slo_burn": _budget,
    "disk": _disk,
}


def _together(seen: Seen, *metrics: Metric) -> tuple[Series, ...] | None:
    found = tuple(seen.series[metric] for metric in metrics if metric in seen.series)
    return found if len(found) == len(metrics) else None


def _of_a_pod(workload: Workload, limit: Callable[[Container], int | None]) -> int:
    """The sum over the pod's containers; 0 where one of them has none, since then the pod has none."""
    each = [limit(container) for container in workload.containers]
    return 0 if None in each else sum(one or 0 for one in each)


def _nothing(found: object, what: str) -> Foreseen:
    return Foreseen("unknown", "it could not be read" if found is None else f"its pods have no {what}")
