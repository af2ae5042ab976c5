"""A healthy workload as facts, of which each test changes what it is about."""

from dataclasses import replace
from typing import Any

from policies.types import Target
from tools.cluster_types import ApiEvent, Autoscaler, Condition, Container, Manager, Pod, Resources, Workload
from tools.diagnosis.types import Facts
from tools.metrics.types import SPECS, Metric, Missing, Number, Series, Span

NOW_MS = 1_772_460_000_000
WEB = Target(cluster="sandbox", namespace="shop", kind="deployment", name="web")
ASKED = Resources(500, 1000, 256 * 2**20, 512 * 2**20)
APP = Container("app", "registry.example/shop/web:4.2", ASKED)

HEALTHY: dict[Metric, int] = {
    Metric.CPU_USAGE: 1200,
    Metric.CPU_REQUESTS: 2000,
    Metric.CPU_LIMITS: 4000,
    Metric.MEMORY_USAGE: 700 * 2**20,
    Metric.MEMORY_REQUESTS: 1024 * 2**20,
    Metric.MEMORY_LIMITS: 2048 * 2**20,
    Metric.LATENCY_P95: 80_000,
    Metric.ERROR_RATE: 100,
    Metric.THROTTLED_RATIO: 0,
    Metric.RESTARTS: 0,
    Metric.OOM_KILLS: 0,
}


def workload(**more: Any) -> Workload:
    usual: dict[str, Any] = {
        "target": WEB, "uid": "u", "resource_version": "1", "generation": 1, "observed_generation": 1,
        "replicas": 4, "ready": 4, "updated": 4, "available": 4, "paused": False, "containers": (APP,),
        "labels": {}, "annotations": {}, "managers": (), "owner": None, "created_at": "2026-01-01T00:00:00Z",
        "selector": {"app": "web"},
    }  # fmt: skip
    return Workload(**{**usual, **more})


def pod(number: int = 0, **more: Any) -> Pod:
    usual: dict[str, Any] = {
        "name": f"web-{number}", "phase": "Running", "ready": True, "node": "node-1", "containers": (APP,),
        "started_at_ms": NOW_MS - 3_600_000, "restarts": 0, "deleting": False, "actual": (APP,),
    }  # fmt: skip
    return Pod(**{**usual, **more})


def pods(count: int = 4, **first: Any) -> tuple[Pod, ...]:
    """So many healthy ones, the first of which is `first`."""
    return (pod(0, **first), *(pod(n) for n in range(1, count)))


def number(metric: Metric, value: int | None, missing: Missing = "") -> Number:
    spec = SPECS[metric]
    here = value is not None
    return Number(
        metric, spec.unit, value, missing, NOW_MS if here else None, 0 if here else None, 300, 1_000_000
    )


def facts(**more: Any) -> Facts:
    """Healthy, with what is given in its place; `numbers` are merged into the healthy ones."""
    numbers = {m: number(m, v) for m, v in (HEALTHY | more.pop("numbers", {})).items()}
    usual: dict[str, Any] = {
        "workload": workload(), "pods": pods(), "events": (), "autoscaler": None, "numbers": numbers,
        "now_ms": NOW_MS, "latency": latency(80_000),
    }  # fmt: skip
    return Facts(**{**usual, **more})


def without(found: Facts, metric: Metric, why: Missing) -> Facts:
    return replace(found, numbers={**found.numbers, metric: number(metric, None, why)})


def latency(value: int | None) -> Series:
    span = Span(NOW_MS - 3 * 3_600_000, NOW_MS, 300)
    return Series(Metric.LATENCY_P95, "us", span, (value,) * span.points)


def event(reason: str, message: str = "", *, ago_s: int = 60, **more: Any) -> ApiEvent:
    usual = {"about": "pod/web-0", "type": "Warning", "source": "kubelet", "count": 1}
    return ApiEvent(reason=reason, message=message, at_ms=NOW_MS - ago_s * 1000, **{**usual, **more})  # type: ignore[arg-type]


def condition(type: str, holds: bool, reason: str, message: str = "", *, ago_s: int = 3600) -> Condition:
    return Condition(type, holds, reason, message, NOW_MS - ago_s * 1000)


def scaler(**more: Any) -> Autoscaler:
    usual: dict[str, Any] = {
        "name": "web", "minimum": 2, "maximum": 4, "current": 4, "desired": 4, "cpu_percent": 70,
        "target_percent": 70, "able": True, "active": True, "limited": False, "reasons": (),
    }  # fmt: skip
    return Autoscaler(**{**usual, **more})


def manager(name: str, ago_s: int, *fields: str, subresource: str = "") -> Manager:
    from flyball.cli.kit.instants import instant

    return Manager(name, "Update", subresource, instant(NOW_MS - ago_s * 1000), fields or ("spec.replicas",))
