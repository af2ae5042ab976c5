"""The fleet of `bench tune`: workloads with recorded and with made demand, each with an HPA at 70 %."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.demand.generated import trace
from forecasting.recorded import rows
from sandbox.api.store import Json
from sandbox.load.series import pack
from sandbox.world import START_MS

REQUEST_M = 500
"""Millicores that a pod asks for, and its limit."""
PEAK_PODS = 16
"""A recording is scaled so that its 99.9th percentile fills so many pods."""
MIN_PODS, MAX_PODS = 2, 60
DAYS = 28
NAMESPACES = 3
_RECORDED = 18
_START_S = START_MS // 1000 - DAYS * 86_400

_FASTER: Json = {"type": "Percent", "value": 200, "periodSeconds": 15}
TUNED: Mapping[str, Any] = {
    "scaleUp": {"tolerance": "0.05", "stabilizationWindowSeconds": 0, "policies": [_FASTER]},
    "scaleDown": {"tolerance": "0.05"},
}
"""What an attentive owner sets as an HPA's behavior: half the tolerance, and twice as fast up."""


def names(count: int) -> list[tuple[str, str]]:
    """Namespace and name of each workload."""
    return [(f"team{i % NAMESPACES}", f"w{i:03}") for i in range(count)]


def documents(count: int, traces: Path | None) -> list[Json]:
    """Nodes, workloads, loads and HPAs; `traces` is a folder of recordings to play before made ones."""
    found = [_node(i) for i in range(1 + count * MAX_PODS * REQUEST_M // 1000 // 64)]
    for (namespace, name), load in zip(names(count), _loads(count, traces), strict=True):
        meta = {"namespace": namespace, "name": name}
        found += [_deployment(meta), {"kind": "Load", "metadata": meta, "spec": load}, _hpa(meta)]
    return found


def _loads(count: int, traces: Path | None) -> Iterator[Json]:
    files = sorted(traces.rglob("demand_*/*.csv")) if traces else []
    for i in range(count):
        common: Json = {
            "target": f"deployment/w{i:03}", "service": "20ms", "memory": "180Mi", "startup": "60s",
        }  # fmt: skip
        if i < len(files):
            yield common | {"series": _recording(*_read(files[i]))}
        elif i < _RECORDED:
            made = trace(12, i, DAYS)
            yield common | {"series": _recording(_START_S + 60 * np.arange(len(made)), made)}
        else:
            yield common | _made(i)


def _made(i: int) -> Json:
    """The kinds of the default world: a day's cycle, bursts, weekends, a step by the clock."""
    spec: Json = {
        "cpu": f"{1200 + 350 * (i % 5)}m",
        "swing": "55%",
        "noise": "6%",
        "peak": f"{5 * i % 24:02}:00",
    }
    match i % 3:
        case 0:
            spec |= {"bursts": {"daily": 5, "size": "70%", "length": "15m"}}
        case 1:
            spec |= {"weekend": "50%"}
        case _:
            spec |= {"window": "06:00-22:00", "swing": "20%"}
    return spec


def _read(path: Path) -> tuple[Any, Any]:
    """The column `value`, or the second one under another name."""
    with path.open(encoding="utf-8") as lines:
        head = lines.readline().strip().split(",")
        column = "value" if "value" in head else head[1]
        lines.seek(0)
        found = rows.read(lines, str(path), (column,), rows.Accepts(gaps="none", unordered=False))
    return found.at, found.columns[column]


def _recording(at: Any, values: Any) -> Json:
    """Scaled to millicores; from the start of the world's past on, where it has times of its own making."""
    peak = np.quantile(values, 0.999) or 1.0
    scaled = np.rint(values / peak * PEAK_PODS * REQUEST_M)
    times = np.asarray(at)
    if times[0] < 86_400:
        times = times + _START_S
    return {"data": pack([round(t) for t in times.tolist()], scaled.tolist()), "unit": "1m"}


def _node(i: int) -> Json:
    allocatable = {"cpu": 64, "memory": "512Gi", "pods": 500}
    return {"kind": "Node", "metadata": {"name": f"big-{i}"}, "status": {"allocatable": allocatable}}


def _deployment(meta: Json) -> Json:
    labels = {"app": meta["name"]}
    amounts = {"cpu": f"{REQUEST_M}m", "memory": "256Mi"}
    block = {"requests": amounts, "limits": amounts}
    container = {"name": "app", "image": "registry.example/app:1", "resources": block}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "kind": "Deployment",
        "metadata": {**meta, "labels": labels},
        "spec": {"replicas": 4, "selector": {"matchLabels": labels}, "template": template},
    }


def _hpa(meta: Json) -> Json:
    metric = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    spec: Json = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": meta["name"]},
        "minReplicas": MIN_PODS,
        "maxReplicas": MAX_PODS,
        "metrics": [{"type": "Resource", "resource": metric}],
    }
    return {"kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": spec}
