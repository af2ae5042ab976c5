"""Looking at one workload as people and models do (get, describe, why, changes): all its parts, each governed.

The workload itself must be readable. What else cannot be read is said, with the reason, and is missing:
every part that was read is shown.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from base.text import harmless
from policies.types import Target
from tools.cluster_types import ApiEvent, Autoscaler, Change, Pod, Workload
from tools.diagnosis.rules import diagnose
from tools.diagnosis.timeline import timeline
from tools.diagnosis.types import Facts, Finding
from tools.errors import (
    ClusterUnavailable,
    MetricsUnavailable,
    NeverHappened,
    NotFound,
    ReadRefused,
    ToolError,
)
from tools.metrics.types import OF_VOLUMES, Metric, Number, Series
from tools.spec import Reads

T = TypeVar("T")

ALL = tuple(Metric)
PATIENCE_S = 15.0
"""So long the figures are waited for; what has not come by then is missing, and the rest is shown."""
LATENCY_SPAN_S, LATENCY_STEP_S = 3 * 3600, 300
PARTIAL = (ReadRefused, ClusterUnavailable, MetricsUnavailable, NeverHappened, NotFound)
"""What a part may fail with while the rest is shown."""
_WHAT, _EVIDENCE, _REASON = 240, 600, 400


@dataclass(frozen=True, slots=True)
class Row:
    """One workload. A part that is in `missing` (a metric, `autoscaler`) could not be asked for, and why."""

    workload: Workload
    numbers: Mapping[Metric, Number]
    autoscaler: Autoscaler | None
    missing: Mapping[str, str]


async def row(reads: Reads, target: Target, metrics: Sequence[Metric]) -> Row:
    """One workload with a few figures. Raises ReadRefused, NotFound, ClusterUnavailable."""
    missing = dict[str, str]()
    workload = await reads.workload(target)
    numbers = await _numbers(reads, target, had_by(workload, metrics), missing)
    scaler = None
    if (workload.owner or "").startswith("horizontalpodautoscaler/"):
        scaler = await _part("autoscaler", missing, lambda: reads.autoscaler(target), None)
    return Row(workload, numbers, scaler, missing)


async def facts(reads: Reads, target: Target, metrics: Sequence[Metric], *, since_ms: int) -> Facts:
    """All that is known of one workload, with its changes from `since_ms` on (Unix ms). Raises ReadRefused,
    NotFound, ClusterUnavailable for the workload itself."""
    missing = dict[str, str]()
    workload: Workload = await reads.workload(target)
    pods, events, autoscaler, own, numbers, latency = await asyncio.gather(
        _part("pods", missing, lambda: reads.pods(target), list[Pod]()),
        _part("events", missing, lambda: reads.events(target), list[ApiEvent]()),
        _part("autoscaler", missing, lambda: reads.autoscaler(target), None),
        _part("own changes", missing, lambda: reads.own_changes(target), list[Change]()),
        _numbers(reads, target, had_by(workload, metrics), missing),
        _latency(reads, target, metrics),
    )
    return Facts(
        workload=workload,
        pods=pods,
        events=events,
        autoscaler=autoscaler,
        numbers=numbers,
        now_ms=reads.now_ms(),
        latency=latency,
        changes=timeline(own, workload, pods, events, since_ms),
        missing=missing,
    )


def had_by(workload: Workload, metrics: Sequence[Metric]) -> Sequence[Metric]:
    """Without the figures of volumes where it has none: they are not missing there."""
    return [metric for metric in metrics if workload.mounts_claims or metric not in OF_VOLUMES]


def diagnosis(found: Facts) -> list[Finding]:
    """Why it is as it is, the worst first. What findings quote is untrusted text, made harmless."""
    return [
        replace(one, what=harmless(one.what, _WHAT), evidence=harmless(one.evidence, _EVIDENCE))
        for one in diagnose(found)
    ]


def why(e: ToolError) -> str:
    """An error on one line, for beside the rest; it may quote what a server said."""
    return harmless(e.said, _REASON)


async def _numbers(
    reads: Reads, target: Target, metrics: Sequence[Metric], missing: dict[str, str]
) -> dict[Metric, Number]:
    """Those that came in time; one that is late is not waited for, and the others are used."""
    tasks = {
        metric: asyncio.ensure_future(
            _part(metric.value, missing, partial(reads.metric, target, metric), None)
        )
        for metric in metrics
    }
    if tasks:
        await asyncio.wait(tasks.values(), timeout=PATIENCE_S)
    late = [metric for metric, task in tasks.items() if task.cancel()]
    missing |= dict.fromkeys((m.value for m in late), f"no answer within {PATIENCE_S:.0f} s")
    answers = await asyncio.gather(*(task for metric, task in tasks.items() if metric not in late))
    return {number.metric: number for number in answers if number is not None}


async def _latency(reads: Reads, target: Target, metrics: Sequence[Metric]) -> Series | None:
    """p95 over the hours before, where it is wanted; its absence shows in the number itself."""
    if Metric.LATENCY_P95 not in metrics:
        return None
    ask = partial(reads.series, target, Metric.LATENCY_P95, LATENCY_SPAN_S, LATENCY_STEP_S)
    try:
        return await asyncio.wait_for(_part("latency", {}, ask, None), PATIENCE_S)
    except TimeoutError:
        return None


async def _part(name: str, missing: dict[str, str], ask: Callable[[], Awaitable[T]], empty: T) -> T:
    try:
        return await ask()
    except PARTIAL as e:
        missing[name] = why(e)
        return empty
