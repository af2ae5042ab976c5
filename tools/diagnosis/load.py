"""Rules about load: CPU, memory, latency and errors against what the workload may have."""

from collections.abc import Iterator
from statistics import median_low

from base.durations import written
from tools.diagnosis.figures import figure, percent, shown
from tools.diagnosis.types import Facts, Finding, Severity
from tools.metrics.types import Metric

THROTTLED_PPM = 250_000
"""As the alert CPUThrottlingHigh of kubernetes-mixin: a quarter of the CFS periods."""
NEAR_PPM = 900_000
"""As close to a limit as the alerts of kubernetes-mixin (KubeCPUQuotaFullyUsed and its like begin at 90 %)."""
BUSY_PPM = 800_000
SLOWER_PPM = 1_500_000
"""Latency this many times its median of the hours before is up."""
ERRORS_PPM = 10_000
MINIMUM_POINTS = 12


def throttled(facts: Facts) -> Iterator[Finding]:
    """The kernel holds containers back at their CPU limit (CFS bandwidth control)."""
    ratio = facts.value(Metric.THROTTLED_RATIO)
    if ratio is not None and ratio >= THROTTLED_PPM:
        limit = facts.share(Metric.CPU_USAGE, Metric.CPU_LIMITS)
        use = f", CPU at {percent(limit)} of its limits{_summed(facts)}" if limit is not None else ""
        yield Finding(
            "throttled", Severity.SUFFERING, f"throttled in {percent(ratio)} of its CPU periods",
            f"throttled_ratio {percent(ratio)}{use}", "metrics check {target}",
        )  # fmt: skip


def saturated(facts: Facts) -> Iterator[Finding]:
    """Busy and slower than it was: more pods or more CPU would help."""
    against, use = _utilisation(facts)
    if use is None or use < BUSY_PPM:
        return
    usage = figure(facts.numbers.get(Metric.CPU_USAGE))
    slower = _slower(facts)
    if slower is not None:
        before, now = slower
        yield Finding(
            "saturated", Severity.SUFFERING,
            f"saturated: p95 {shown(before, 'us')} -> {shown(now, 'us')} at {percent(use)} of its CPU {against}",
            f"cpu_usage {usage}{_summed(facts)}, latency_p95 {shown(now, 'us')}", "metrics check {target}",
        )  # fmt: skip
    elif use >= NEAR_PPM:
        yield Finding(
            "cpu-near-limit" if against == "limits" else "cpu-above-requests", Severity.LIMITED,
            f"CPU at {percent(use)} of its {against}{_summed(facts)}", f"cpu_usage {usage}",
            "metrics check {target}",
        )  # fmt: skip


def memory_near_limit(facts: Facts) -> Iterator[Finding]:
    """Close to being killed for memory."""
    use = facts.share(Metric.MEMORY_USAGE, Metric.MEMORY_LIMITS)
    if use is not None and use >= NEAR_PPM:
        usage, limits = (figure(facts.numbers.get(m)) for m in (Metric.MEMORY_USAGE, Metric.MEMORY_LIMITS))
        yield Finding(
            "memory-near-limit", Severity.SUFFERING, f"memory at {percent(use)} of its limits{_summed(facts)}",
            f"memory_usage {usage} of {limits}", "metrics check {target}",
        )  # fmt: skip


def disk_nearly_full(facts: Facts) -> Iterator[Finding]:
    """Close to where nothing more can be written."""
    use = facts.share(Metric.DISK_USAGE, Metric.DISK_CAPACITY)
    if use is not None and use >= NEAR_PPM:
        used, holds = (figure(facts.numbers.get(m)) for m in (Metric.DISK_USAGE, Metric.DISK_CAPACITY))
        yield Finding(
            "disk-nearly-full", Severity.SUFFERING, f"its fullest volume is at {percent(use)}",
            f"disk_usage {used} of {holds}", "metrics check {target}",
        )  # fmt: skip


def errors(facts: Facts) -> Iterator[Finding]:
    """Requests fail."""
    rate = facts.value(Metric.ERROR_RATE)
    if rate is not None and rate >= ERRORS_PPM:
        yield Finding(
            "errors", Severity.SUFFERING, f"{percent(rate)} of its requests fail",
            f"error_rate {percent(rate)}", "metrics check {target}",
        )  # fmt: skip


def restarts(facts: Facts) -> Iterator[Finding]:
    """Containers restarted lately, for whatever reason."""
    count = facts.value(Metric.RESTARTS)
    if count:
        window = written(facts.numbers[Metric.RESTARTS].window_s, 2)
        times = "restart" if count == 1 else "restarts"
        yield Finding("restarts", Severity.LIMITED, f"{count} {times} in {window}", f"restarts {count}")


def _summed(facts: Facts) -> str:
    """Where a pod has several containers, one of them may be at its own limit long before the sum is."""
    count = len(facts.workload.containers)
    return f" (the sum of {count} containers: one may be fuller)" if count > 1 else ""


def _utilisation(facts: Facts) -> tuple[str, int | None]:
    """Against limits where there are any, else against requests."""
    limits = facts.share(Metric.CPU_USAGE, Metric.CPU_LIMITS)
    if limits is not None:
        return "limits", limits
    return "requests", facts.share(Metric.CPU_USAGE, Metric.CPU_REQUESTS)


def _slower(facts: Facts) -> tuple[int, int] | None:
    """The median of p95 before, and p95 now, where now is up; None where it is not, or cannot be known."""
    now = facts.value(Metric.LATENCY_P95)
    before = [v for v in facts.latency.values[:-1] if v is not None] if facts.latency else []
    if now is None or len(before) < MINIMUM_POINTS:
        return None
    usual = median_low(before)
    return (usual, now) if usual and now * 1_000_000 >= usual * SLOWER_PPM else None
