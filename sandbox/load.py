"""What the workloads have to do: a seeded daily demand, a leak, a start-up time; and the usage that follows.

A `Load` object beside a workload says how much. Demand is the whole workload's; each ready pod carries an
equal part, up to its CPU limit. Figures leave this file as whole millicores and bytes.
"""

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.errors import SandboxError
from sandbox.kinds import rfc3339
from sandbox.store import Json, Key, Transaction
from tools.cluster.objects import containers, duration_s, unix_ms
from tools.cluster.quantity import QuantityInvalid, millicores, whole_bytes
from tools.ports import Container

SCRAPE_MS = 15_000
"""How often metrics.k8s.io has a new sample; also the window that a sample covers."""

_DAY_MS = 86_400_000
_WEEK_MS = 7 * _DAY_MS
_HOUR_MS = 3_600_000
_LIFE_MIN_MS = 60_000
"""A container lives at least so long, however small its limit: a restart waits, as kubelets make it wait."""
_IDLE = (5, 32 << 20)
"""Millicores and bytes of a container that has nothing to do."""


@dataclass(frozen=True, slots=True)
class Load:
    """Demand of one workload: `cpu` mean millicores in all, shares in ppm, times of day in ms, `memory` bytes
    a pod, `leak` bytes an hour and pod, `startup_s` seconds from start to ready."""

    cpu: int | None = None
    swing: int = 0
    peak_ms: int = 14 * _HOUR_MS
    noise: int = 0
    window: tuple[int, int] | None = None
    memory: int = _IDLE[1]
    leak: int = 0
    startup_s: int = 20
    gaps: int = 0

    def demand(self, seed: str, at_ms: int) -> int:
        """Millicores that the whole workload asks for at that time. The noise goes by the seed and the minute
        of the day and week, so that a world that begins a week later is as noisy."""
        day = at_ms % _DAY_MS
        if self.cpu is None or (self.window and not self.window[0] <= day < self.window[1]):
            return 0
        cycle = 1 + self.swing / 1e6 * math.cos(2 * math.pi * (day - self.peak_ms) / _DAY_MS)
        jitter = 1 + self.noise / 1e6 * (2 * _share(seed, at_ms % _WEEK_MS // 60_000) - 1)
        return max(0, round(self.cpu * cycle * jitter))

    def full_at(self, started_ms: int, limit: int | None) -> int | None:
        """When a leaking container that started then reaches its memory limit; None if never."""
        if not self.leak or limit is None:
            return None
        return started_ms + max(_LIFE_MIN_MS, (limit - self.memory) * _HOUR_MS // self.leak)


def load_of(txn: Transaction, key: Key) -> Load:
    """The Load aimed at a workload; without one it idles. Raises SandboxError where it cannot be read."""
    for one in txn.all("load", key.namespace):
        if one["spec"].get("target") == f"{key.kind}/{key.name}":
            return parse(one)
    return Load()


def parse(manifest: Json) -> Load:
    """A `Load` manifest. Raises SandboxError, naming the field."""
    where = f"Load {manifest['metadata']['name']}"
    spec = dict(manifest["spec"]) if isinstance(manifest.get("spec"), dict) else {}
    if not re.fullmatch(r"(deployment|statefulset)/[a-z0-9.-]+", str(spec.pop("target", ""))):
        raise SandboxError("spec.target must name a workload", where=where, mend="target: deployment/web")
    unknown = spec.keys() - FIELDS.keys()
    if unknown:
        raise SandboxError(f"spec.{min(unknown)} is unknown", where=where, mend="known: " + ", ".join(FIELDS))
    try:
        return Load(**{FIELDS[name][0]: FIELDS[name][1](value) for name, value in spec.items()})
    except (QuantityInvalid, ValueError, TypeError) as e:
        raise SandboxError(f"a value of spec cannot be read: {e}", where=where) from e


def _ppm(text: Any) -> int:
    number, percent, _ = str(text).partition("%")
    if not percent:
        raise ValueError(f"`{text}` is no percentage such as 5%")
    return round(float(number) * 10_000)


def _time_of_day(text: Any) -> int:
    found = re.fullmatch(r"([01]?[0-9]|2[0-4]):([0-5][0-9])", str(text))
    if found is None:
        raise ValueError(f"`{text}` is no time of day such as 14:00")
    return (int(found[1]) * 60 + int(found[2])) * 60_000


def _positive(read: Callable[[str], int]) -> Callable[[Any], int]:
    def amount(text: Any) -> int:
        value = read(str(text))
        if value < 0:
            raise ValueError(f"`{text}` is negative")
        return value

    return amount


def _window(text: Any) -> tuple[int, int]:
    start, end = str(text).split("-")
    return _time_of_day(start), _time_of_day(end)


FIELDS: Mapping[str, tuple[str, Any]] = {
    "cpu": ("cpu", _positive(millicores)),
    "swing": ("swing", _ppm),
    "peak": ("peak_ms", _time_of_day),
    "noise": ("noise", _ppm),
    "window": ("window", _window),
    "memory": ("memory", _positive(whole_bytes)),
    "leak": ("leak", _positive(whole_bytes)),
    "startup": ("startup_s", duration_s),
    "gaps": ("gaps", _ppm),
}


def pod_metrics(txn: Transaction, key: Key, pods: list[Json], now_ms: int) -> list[Json]:
    """metrics.k8s.io's PodMetrics at the last scrape. A pod that was not ready then has no sample, and a gap
    has none either: missing is never zero."""
    at_ms = now_ms - now_ms % SCRAPE_MS
    load, seed = load_of(txn, key), txn.meta("seed") or ""
    serving = [p for p in pods if _ready_at(p) is not None and (_ready_at(p) or 0) <= at_ms]
    demand = load.demand(f"{seed}/{key.namespace}/{key.kind}/{key.name}", at_ms)
    return [
        _metrics(pod, load, demand // len(serving), at_ms)
        for pod in serving
        if _share(f"{seed}/{pod['metadata']['name']}", at_ms % _WEEK_MS) * 1e6 >= load.gaps
    ]


def _metrics(pod: Json, load: Load, cpu: int, at_ms: int) -> Json:
    started = unix_ms(pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])
    memory = load.memory + load.leak * max(0, at_ms - started) // _HOUR_MS
    first, *others = containers(pod["spec"])
    usages = [_usage(first, max(cpu, _IDLE[0]), memory), *(_usage(c, *_IDLE) for c in others)]
    return {
        "metadata": {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]},
        "timestamp": rfc3339(at_ms),
        "window": f"{SCRAPE_MS // 1000}s",
        "containers": usages,
    }


def _usage(container: Container, cpu: int, memory: int) -> Json:
    limits = container.resources
    cpu = cpu if limits.cpu_limit is None else min(cpu, limits.cpu_limit)
    memory = memory if limits.memory_limit is None else min(memory, limits.memory_limit)
    return {"name": container.name, "usage": {"cpu": f"{cpu}m", "memory": str(memory)}}


def _ready_at(pod: Json) -> int | None:
    for one in pod["status"].get("conditions") or ():
        if one["type"] == "Ready" and one["status"] == "True":
            return unix_ms(one["lastTransitionTime"])
    return None


def _share(seed: str, step: int) -> float:
    """A number in [0, 1) that follows from the seed and the step alone."""
    digest = hashlib.sha256(f"{seed}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
