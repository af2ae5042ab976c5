"""A workload's figures at one scrape, from its objects as they stand."""

import json

import numpy as np

from sandbox.api.store import Key, Transaction
from sandbox.engine import record
from sandbox.history import COLUMNS, MISSING
from sandbox.load.manifest import Load
from sandbox.serving.demand import demand
from sandbox.serving.pods import states_of
from sandbox.serving.queue import Group, groups_of, serve
from sandbox.serving.samples import sampled, seed_text
from sandbox.serving.volumes import fullest, volumes_of
from tools.cluster.objects import unix_ms
from tools.metrics.types import Metric

STATE = "engine"
"""Where the engine keeps what it must know of workloads between advances."""
_SAMPLED = (Metric.CPU_USAGE, Metric.MEMORY_USAGE)


def figure(txn: Transaction, key: Key, load: Load, metric: Metric, at_ms: int) -> tuple[int | None, int, int]:
    """The value (None: not measured), and on how many of how many pods it rests."""
    seed, pods = seed_text(txn, key), states_of(txn, key)
    groups, times = groups_of(pods, at_ms), np.array([at_ms], dtype=np.int64)
    served = serve(load, groups, demand(load, seed, times), saved(txn, key).get("before", 0))
    serving = sum(len(g.pods) for g in groups)
    if metric not in _SAMPLED:
        full = fullest(load, seed, volumes_of(txn, key.namespace, pods), times)
        row = record.rows(load, pods, groups, served, times, full)[0]
        value = int(row[COLUMNS.index(metric)])
        return (None if value == MISSING else value), 1, 1
    expected = sum(p.ready_ms is not None for p in pods)
    here = [sum(sampled(seed, p.name, at_ms, load.gaps) for p in g.pods) for g in groups]
    seen = tuple(
        Group(g.cap, g.limited, tuple(p for p in g.pods if sampled(seed, p.name, at_ms, load.gaps)))
        for g in groups
    )
    cpu, memory = record.usage(load, seen, served, times)
    values = cpu if metric is Metric.CPU_USAGE else memory
    if values is None or not sum(here):
        return None, 0, max(expected, serving)
    return int(values[0]), sum(here), max(expected, serving)


def saved(txn: Transaction, key: Key) -> dict[str, int]:
    """What the engine left for the next advance."""
    found: dict[str, dict[str, int]] = json.loads(txn.meta(STATE) or "{}")
    return found.get("/".join(key), {})


def pending(txn: Transaction, key: Key, metric: Metric) -> int:
    """What was counted since the last full minute."""
    return saved(txn, key).get("restarts" if metric is Metric.RESTARTS else "kills", 0)


def age_s(txn: Transaction, key: Key) -> int:
    """Since when the workload is there, in seconds."""
    found = txn.get(key)
    if found is None:
        return 0
    return (txn.number("now_ms") - unix_ms(found["metadata"]["creationTimestamp"])) // 1000
