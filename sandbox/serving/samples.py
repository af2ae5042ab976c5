"""What metrics.k8s.io says at a scrape."""

import numpy as np

from forecasting.seeded_random import seed_of, uniform_at
from sandbox.api.containers import lasting
from sandbox.api.kinds import rfc3339
from sandbox.api.store import Json, Key, Transaction
from sandbox.load.manifest import IDLE, SCRAPE_MS, load_of
from sandbox.serving.demand import demand
from sandbox.serving.pods import state_of
from sandbox.serving.queue import cpu_of, groups_of, memory_of, serve


def seed_text(txn: Transaction, key: Key) -> str:
    """What the chance of one workload follows from."""
    return f"{txn.meta('seed') or ''}/{key.namespace}/{key.kind}/{key.name}"


def sampled(seed: str, pod: str, at_ms: int, gaps: int) -> bool:
    """Whether that scrape of a pod succeeded, where `gaps` ppm of them fail."""
    return not gaps or uniform_at(seed_of(f"{seed}/{pod}"), at_ms // SCRAPE_MS) * 1e6 >= gaps


def pod_metrics(txn: Transaction, key: Key, pods: list[Json], now_ms: int) -> list[Json]:
    """PodMetrics at the last scrape. A pod that was not ready then has no sample, and a gap has none either:
    missing is never zero."""
    at_ms = now_ms - now_ms % SCRAPE_MS
    load, seed = load_of(txn, key), seed_text(txn, key)
    states = [state_of(p) for p in pods]
    groups, times = groups_of(states, at_ms), np.array([at_ms], dtype=np.int64)
    served = serve(load, groups, demand(load, seed, times), 0)
    by_name = {p["metadata"]["name"]: p for p in pods}
    found = []
    for group, share in zip(groups, served.shares, strict=True):
        cpu = cpu_of(share, group)
        for state in group.pods:
            if sampled(seed, state.name, at_ms, load.gaps):
                memory = memory_of(load, state, cpu, times)[0]
                limit = state.memory_limit
                used = (int(cpu[0]), int(memory if limit is None else min(memory, limit)))
                found.append(_metrics(by_name[state.name], used, at_ms))
    return sorted(found, key=lambda one: str(one["metadata"]["name"]))


def _metrics(pod: Json, first: tuple[int, int], at_ms: int) -> Json:
    names = [c["name"] for c in lasting(pod["spec"])]
    usages = [first, *([IDLE] * (len(names) - 1))]
    return {
        "metadata": {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]},
        "timestamp": rfc3339(at_ms),
        "window": f"{SCRAPE_MS // 1000}s",
        "containers": [
            {"name": name, "usage": {"cpu": f"{cpu}m", "memory": str(memory)}}
            for name, (cpu, memory) in zip(names, usages, strict=True)
        ],
    }
