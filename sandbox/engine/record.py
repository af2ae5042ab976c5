"""From what was served to the metrics of a workload: one row a tick, in the order of history.COLUMNS."""

from collections.abc import Sequence

import numpy as np

from forecasting.seeded_random import Floats, Ints
from sandbox.history import COLUMNS, MISSING
from sandbox.load.manifest import IDLE, Load
from sandbox.serving.pods import PodState
from sandbox.serving.queue import TICK_S, Group, Served, cpu_of, latency_us, memory_of, throttled_ppm
from tools.metrics.types import Metric


def rows(
    load: Load,
    pods: Sequence[PodState],
    groups: Sequence[Group],
    served: Served,
    times: Ints,
    full: tuple[Ints, Ints] | None,
) -> Ints:
    """The metrics at those ticks; restarts and OOM kills are 0 here, who counts them adds them. `full` is its
    fullest volume (`volumes.fullest`)."""
    table = np.full((len(times), len(COLUMNS)), MISSING, dtype=np.int64)
    disk = dict(zip((Metric.DISK_USAGE, Metric.DISK_CAPACITY), full or (), strict=False))
    for metric, values in (_columns(load, pods, groups, served, times) | disk).items():
        if values is not None:
            table[:, COLUMNS.index(metric)] = values
    return table


def _columns(
    load: Load, pods: Sequence[PodState], groups: Sequence[Group], served: Served, times: Ints
) -> dict[Metric, Ints | int | None]:
    cpu, memory = usage(load, groups, served, times)
    present = [p for p in pods if not p.deleting]
    return {
        Metric.CPU_USAGE: cpu,
        Metric.MEMORY_USAGE: memory,
        **_requests(load, groups, served),
        Metric.THROTTLED_RATIO: _whole(throttled_ppm(load, groups, served)),
        Metric.RESTARTS: 0,
        Metric.OOM_KILLS: 0,
        Metric.REPLICAS: sum(len(g.pods) for g in groups),
        Metric.CPU_REQUESTS: sum(p.cpu_requested for p in present) if present else None,
        Metric.CPU_LIMITS: _total([p.cpu_limit_all for p in present]),
        Metric.MEMORY_REQUESTS: sum(p.memory_requested for p in present) if present else None,
        Metric.MEMORY_LIMITS: _total([p.memory_limit_all for p in present]),
    }


def usage(
    load: Load, groups: Sequence[Group], served: Served, times: Ints
) -> tuple[Ints | None, Ints | None]:
    """CPU and working set of all serving pods, their other containers too; nothing where none serves."""
    if not groups:
        return None, None
    cpu, memory = np.zeros(len(times), dtype=np.int64), np.zeros(len(times), dtype=np.int64)
    for group, share in zip(groups, served.shares, strict=True):
        one = cpu_of(share, group)
        cpu += one * len(group.pods) + sum(p.others for p in group.pods) * IDLE[0]
        for pod in group.pods:
            held = memory_of(load, pod, one, times)
            memory += held if pod.memory_limit is None else np.minimum(held, pod.memory_limit)
            memory += pod.others * IDLE[1]
    return cpu, memory


def _requests(load: Load, groups: Sequence[Group], served: Served) -> dict[Metric, Ints | int | None]:
    """Rates, latency and errors: only where the work is requests, latency only where some are served."""
    if load.service_us is None:
        return {}
    rate = -(-served.used * 1_000_000 // load.service_us)
    offered = served.offered * TICK_S
    failed = np.minimum(1_000_000, -(-served.dropped * 1_000_000 // np.maximum(1, offered)))
    found: dict[Metric, Ints | int | None] = {
        Metric.REQUEST_RATE: rate,
        Metric.ERROR_RATE: np.where((offered > 0) | (served.dropped > 0), failed, MISSING),
    }
    if groups:
        names = (Metric.LATENCY_P50, Metric.LATENCY_P95, Metric.LATENCY_P99)
        for name, values in zip(names, latency_us(load, groups, served), strict=True):
            found[name] = np.where(served.used > 0, np.ceil(values).astype(np.int64), MISSING)
    return found


def _whole(values: Floats | None) -> Ints | None:
    return None if values is None else np.ceil(values).astype(np.int64)


def _total(amounts: list[int | None]) -> int | None:
    known = [a for a in amounts if a is not None]
    return sum(known) if known else None
