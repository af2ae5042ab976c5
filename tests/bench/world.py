"""The simulated world against the bare arithmetic of its demand, in one run.

A fleet is Deployments of three kinds in turn: steady, kept by an HPA with bursts, and leaking until the kernel
ends it. `week` is 30 workloads for seven days, `day` 1,000 workloads for one, `steps` 30 workloads for a day that
passes minute by minute, as when something looks at the world each minute. The raw limit is the same demand
formula (cycle, noise) for the same ticks in bare numpy, one array operation at a time, and nothing else: no pods,
no autoscaler, no queue, no record. CPU is this process's.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sandbox import history
from sandbox.api.store import Json
from sandbox.load.manifest import SCRAPE_MS
from sandbox.world import START_MS, World
from tests.bench.report import Row

WEEK_S, DAY_S = 7 * 86_400, 86_400
BARS = {"week": 10.0, "day": 60.0}
STEP_BAR_MS = 20


def run(argv: Sequence[str]) -> list[Row]:
    """Seconds, bytes and what they are of."""
    options = argparse.ArgumentParser(prog="bench world")
    options.add_argument("--only", choices=("week", "day", "steps"))
    options.add_argument("--sizes", type=int, nargs="*", help="also a day of so many workloads")
    given = options.parse_args(argv)
    rows: list[Row] = []
    for name, workloads, seconds in (("week", 30, WEEK_S), ("day", 1000, DAY_S)):
        if given.only in (None, name):
            rows += measured(f"{name} of {workloads} workloads", workloads, seconds, BARS[name])
    if given.only in (None, "steps"):
        rows.append(stepped(30))
    for size in given.sizes or ():
        rows += measured(f"day of {size} workloads", size, DAY_S, None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*rows, Row("memory at its highest, MiB", peak)]


def measured(name: str, workloads: int, seconds: int, bar: float | None) -> list[Row]:
    """One world, made and advanced."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.reset(fleet(workloads), seed=1, start_ms=START_MS, history_s=0)
        world.advance(60)
        start, wall = time.process_time(), time.perf_counter()
        world.advance(seconds)
        cpu_s, wall_s = time.process_time() - start, time.perf_counter() - wall
        with world.store.read() as txn:
            size, samples = history.size(txn)
            changes = txn.number("resource_version")
        world.close()
    raw = raw_s(workloads, seconds)
    return [
        Row(f"{name}, CPU s", cpu_s, cpu_s / raw, f"<= {bar:.0f}" if bar else ""),
        Row(f"{name}, wall s", wall_s, None, f"<= {bar:.0f}" if bar else ""),
        Row(f"{name}: demand alone in bare numpy, CPU s", raw),
        Row(f"{name}: workload-days a CPU second", workloads * seconds / DAY_S / cpu_s),
        Row(f"{name}: writes to the API", changes),
        Row(f"{name}: history, bytes a sample", size / max(1, samples)),
        Row(f"{name}: history, bytes a workload and day", size / (workloads * seconds / DAY_S)),
    ]


def stepped(workloads: int) -> Row:
    """What a minute costs where each is an advance of its own; the ratio is to the same day in one advance."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.reset(fleet(workloads), seed=1, start_ms=START_MS, history_s=0)
        begun = time.process_time()
        world.advance(DAY_S)
        whole = time.process_time()
        for _ in range(DAY_S // 60):
            world.advance(60)
        cpu_s = time.process_time() - whole
        world.close()
    name = f"day of {workloads} workloads minute by minute, CPU ms a minute"
    return Row(name, 1000 * cpu_s / (DAY_S // 60), cpu_s / (whole - begun), f"<= {STEP_BAR_MS}")


def fleet(count: int) -> list[Json]:
    """Workloads with their loads, HPAs for a third of them, and nodes with room for all."""
    nodes = [
        {
            "kind": "Node",
            "metadata": {"name": f"big-{i}"},
            "status": {"allocatable": {"cpu": 64, "memory": "256Gi"}},
        }
        for i in range(max(1, count // 20))
    ]
    made: list[Json] = [*nodes]
    for i in range(count):
        kind = ("steady", "scaled", "leaking")[i % 3]
        made += [_workload(i), _load(i, kind), *([_autoscaler(i)] if kind == "scaled" else [])]
    return made


def raw_s(workloads: int, seconds: int) -> float:
    """CPU seconds of the demand's own arithmetic, at the engine's ticks."""
    times = START_MS + np.arange(0, seconds * 1000, SCRAPE_MS, dtype=np.int64)
    start, total = time.process_time(), 0.0
    for seed in range(workloads):
        wave = 1 + 0.4 * np.cos(2 * np.pi * (times % 86_400_000 - 50_400_000) / 86_400_000)
        noise = (times // 60_000 * 2_654_435_761 + seed) % 2**32 / 2**32
        total += float(np.rint(1000 * wave * (1 + 0.05 * (2 * noise - 1))).astype(np.int64).sum())
    assert total > 0
    return time.process_time() - start


def _metadata(i: int) -> dict[str, Any]:
    return {"name": f"w{i:04}", "namespace": f"team{i // 50}"}


def _workload(i: int) -> Json:
    labels = {"app": f"w{i:04}"}
    block = {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}}
    container = {"name": "app", "image": "registry.example/app:1", "resources": block}
    return {
        "kind": "Deployment",
        "metadata": _metadata(i),
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def _load(i: int, kind: str) -> Json:
    spec: Json = {
        "target": f"deployment/w{i:04}", "cpu": f"{500 + 17 * i % 300}m", "swing": "40%", "noise": "5%",
        "peak": f"{i % 24:02}:00", "service": "20ms", "memory": "180Mi",
    }  # fmt: skip
    if kind == "scaled":
        spec |= {"bursts": {"daily": 4, "size": "80%", "length": "10m"}, "weekend": "60%"}
    if kind == "leaking":
        spec |= {"leak": "20Mi"}
    return {"kind": "Load", "metadata": _metadata(i), "spec": spec}


def _autoscaler(i: int) -> Json:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"w{i:04}"}
    metric = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    spec = {
        "scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 12,
        "metrics": [{"type": "Resource", "resource": metric}],
    }  # fmt: skip
    return {"kind": "HorizontalPodAutoscaler", "metadata": _metadata(i), "spec": spec}
