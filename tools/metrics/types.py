"""What can be measured of a workload, in which unit, and what an answer looks like.

An answer is an integer in its metric's unit, rounded to the side that is safer to decide on, or it is missing,
with the reason. Missing is never zero, and what is stale is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from policies.types import Target

Unit = Literal["millicores", "bytes", "milli/s", "us", "ppm", "count"]
Missing = Literal["", "no_data", "stale", "future", "not_a_number", "partial", "not_served"]
"""Why there is no value; empty where there is one. `partial`: a part of the pods or of the window is missing
beyond what may be left out; `future`: its time lies ahead of our clock; `not_served`: this source never has it."""

STALE_S = 300
"""An older sample is missing. Prometheus' own lookback is as long, metrics-server scrapes every 15 s."""

SKEW_S = 30
"""A sample so far ahead of our clock is taken for a clock that is wrong, and is missing."""


class Metric(StrEnum):
    """The typed queries; each is of a whole workload, summed (or the worst) over its pods."""

    CPU_USAGE = "cpu_usage"
    MEMORY_USAGE = "memory_usage"
    REQUEST_RATE = "request_rate"
    LATENCY_P50 = "latency_p50"
    LATENCY_P95 = "latency_p95"
    LATENCY_P99 = "latency_p99"
    ERROR_RATE = "error_rate"
    THROTTLED_RATIO = "throttled_ratio"
    RESTARTS = "restarts"
    OOM_KILLS = "oom_kills"
    REPLICAS = "replicas"
    CPU_REQUESTS = "cpu_requests"
    CPU_LIMITS = "cpu_limits"
    MEMORY_REQUESTS = "memory_requests"
    MEMORY_LIMITS = "memory_limits"
    ALERTS = "alerts"
    DISK_USAGE = "disk_usage"
    DISK_CAPACITY = "disk_capacity"


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """`scale` turns the source's base unit (cores, bytes, 1/s, seconds, share, count) into `unit`; `rounding`
    is the side that is safer: demand, latency and errors up, what was granted down."""

    metric: Metric
    unit: Unit
    scale: int
    rounding: Literal["up", "down"]
    summary: str


SPECS: Mapping[Metric, MetricSpec] = {
    spec.metric: spec
    for spec in (
        MetricSpec(Metric.CPU_USAGE, "millicores", 1000, "up", "CPU used by all pods"),
        MetricSpec(Metric.MEMORY_USAGE, "bytes", 1, "up", "working set of all pods"),
        MetricSpec(Metric.REQUEST_RATE, "milli/s", 1000, "up", "requests served a second"),
        MetricSpec(Metric.LATENCY_P50, "us", 1_000_000, "up", "median latency"),
        MetricSpec(Metric.LATENCY_P95, "us", 1_000_000, "up", "95th percentile of latency"),
        MetricSpec(Metric.LATENCY_P99, "us", 1_000_000, "up", "99th percentile of latency"),
        MetricSpec(Metric.ERROR_RATE, "ppm", 1_000_000, "up", "share of requests that failed"),
        MetricSpec(
            Metric.THROTTLED_RATIO, "ppm", 1_000_000, "up", "share of CFS periods that were throttled"
        ),
        MetricSpec(Metric.RESTARTS, "count", 1, "up", "container restarts within the window"),
        MetricSpec(Metric.OOM_KILLS, "count", 1, "up", "containers killed for memory within the window"),
        MetricSpec(Metric.REPLICAS, "count", 1, "down", "pods that are ready"),
        MetricSpec(Metric.CPU_REQUESTS, "millicores", 1000, "down", "CPU requested by all pods"),
        MetricSpec(Metric.CPU_LIMITS, "millicores", 1000, "down", "CPU limit of all pods"),
        MetricSpec(Metric.MEMORY_REQUESTS, "bytes", 1, "down", "memory requested by all pods"),
        MetricSpec(Metric.MEMORY_LIMITS, "bytes", 1, "down", "memory limit of all pods"),
        MetricSpec(Metric.ALERTS, "count", 1, "up", "alerts that fire on it or its pods"),
        MetricSpec(Metric.DISK_USAGE, "bytes", 1, "up", "used of the fullest volume that its pods mount"),
        MetricSpec(Metric.DISK_CAPACITY, "bytes", 1, "down", "what that volume holds"),
    )
}

OF_VOLUMES = frozenset({Metric.DISK_USAGE, Metric.DISK_CAPACITY})
"""Figures that only a workload has whose pods mount persistent volume claims."""
OF_EVERY = frozenset(Metric) - OF_VOLUMES
"""Those that any workload may have."""

GROUPS: Mapping[str, tuple[Metric, ...]] = {
    "requests": (Metric.CPU_REQUESTS, Metric.MEMORY_REQUESTS),
    "limits": (Metric.CPU_LIMITS, Metric.MEMORY_LIMITS),
}
"""Names that stand for several queries, where a person or a model asks."""


@dataclass(frozen=True, slots=True)
class Number:
    """One measured figure. `at_ms` is the time of its newest sample (Unix ms), `age_ms` how old that was when
    it was asked for, `window_s` the seconds it is taken over (0: an instant), `coverage_ppm` the share of the
    expected pods or samples that it rests on. `v` is None exactly where `missing` says why. Where the source can
    tell, `absent` are the series behind it that every pod should have and this workload has none of, `exported`
    those that bear the labels of the scrape in place of their own."""

    metric: Metric
    unit: Unit
    v: int | None
    missing: Missing
    at_ms: int | None
    age_ms: int | None
    window_s: int
    coverage_ppm: int
    absent: tuple[str, ...] = ()
    exported: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.v is None) is not bool(self.missing):
            raise ValueError("a number has a value or a reason why it has none")


def value(numbers: Mapping[Metric, Number], metric: Metric) -> int | None:
    """The figure, None where it is missing for whatever reason."""
    number = numbers.get(metric)
    return number.v if number is not None else None


def share(numbers: Mapping[Metric, Number], part: Metric, whole: Metric) -> int | None:
    """`part` of `whole` in ppm, None where one is missing or the whole is zero."""
    top, bottom = value(numbers, part), value(numbers, whole)
    return None if top is None or not bottom else top * 1_000_000 // bottom


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time on a grid: from `start_ms` up to and with `end_ms`, every `step_s` seconds."""

    start_ms: int
    end_ms: int
    step_s: int

    def __post_init__(self) -> None:
        if self.step_s <= 0 or self.end_ms < self.start_ms:
            raise ValueError("a span ends after it starts, in steps of a second or more")

    @property
    def points(self) -> int:
        return (self.end_ms - self.start_ms) // (self.step_s * 1000) + 1


@dataclass(frozen=True, slots=True)
class Series:
    """One metric over a span; `values[i]` is at `span.start_ms + i * span.step_s * 1000`, None where missing."""

    metric: Metric
    unit: Unit
    span: Span
    values: tuple[int | None, ...]

    @property
    def coverage_ppm(self) -> int:
        """Share of the points that have a value."""
        present = sum(1 for value in self.values if value is not None)
        return present * 1_000_000 // len(self.values) if self.values else 0


class MetricsReader(Protocol):
    """Answers typed queries. Raises MetricsUnavailable where the source cannot be asked or cannot be believed."""

    source: str
    """`prometheus`, `metrics.k8s.io` or `sandbox`."""

    async def latest(self, metric: Metric, target: Target, now_ms: int) -> Number:
        """The newest figure, no older than STALE_S before `now_ms`."""

    async def history(self, metric: Metric, target: Target, span: Span) -> Series:
        """The figures over a span; gaps are None."""

    async def fleet_latest(
        self, metric: Metric, targets: Sequence[Target], now_ms: int
    ) -> Mapping[Target, Number]:
        """`latest` of many workloads, in as few questions as the source can answer: one for each of them, with a
        reason where it has no value."""

    async def fleet_history(
        self, metric: Metric, targets: Sequence[Target], span: Span
    ) -> Mapping[Target, Series]:
        """`history` of many workloads, each on the same grid."""


class OneByOne(MetricsReader, Protocol):
    """For a reader whose source knows no question about many workloads."""

    async def fleet_latest(
        self, metric: Metric, targets: Sequence[Target], now_ms: int
    ) -> Mapping[Target, Number]:
        return {target: await self.latest(metric, target, now_ms) for target in targets}

    async def fleet_history(
        self, metric: Metric, targets: Sequence[Target], span: Span
    ) -> Mapping[Target, Series]:
        return {target: await self.history(metric, target, span) for target in targets}
