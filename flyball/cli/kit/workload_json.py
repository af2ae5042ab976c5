"""How a workload and what belongs to it look in JSON: integers with their units, times RFC 3339 in UTC."""

from collections.abc import Mapping
from typing import Any

from flyball.cli.kit.instants import instant
from tools.cluster_types import ApiEvent, Autoscaler, Container, JobProgress, Pod, Workload
from tools.metrics.types import Metric, Number


def workload(found: Workload) -> dict[str, Any]:
    """The workload itself."""
    return {
        "context": found.target.cluster,
        "namespace": found.target.namespace,
        "target": str(found.target),
        "uid": found.uid,
        "generation": found.generation,
        "observed_generation": found.observed_generation,
        "replicas": found.replicas,
        "ready": found.ready,
        "updated": found.updated,
        "available": found.available,
        "paused": found.paused,
        "owner": found.owner,
        "template_owner": found.template_owner,
        "created": found.created_at,
        "containers": [container(c) for c in found.containers],
        "job": job(found.job) if found.job else None,
    }


def job(found: JobProgress) -> dict[str, Any]:
    """How far a Job is; `completions` is null where one is enough."""
    return {
        "succeeded": found.succeeded,
        "completions": found.completions,
        "parallelism": found.parallelism,
        "started": instant(found.started_ms) if found.started_ms else None,
        "completed": instant(found.completed_ms) if found.completed_ms else None,
    }


def container(found: Container) -> dict[str, Any]:
    r = found.resources
    return {
        "name": found.name,
        "image": found.image,
        "cpu_request_millicores": r.cpu_request,
        "cpu_limit_millicores": r.cpu_limit,
        "memory_request_bytes": r.memory_request,
        "memory_limit_bytes": r.memory_limit,
    }


def number(found: Number) -> dict[str, Any]:
    """A figure with all that says how far it can be trusted."""
    return {
        "value": found.v,
        "unit": found.unit,
        "missing": found.missing or None,
        "at": instant(found.at_ms) if found.at_ms is not None else None,
        "age_ms": found.age_ms,
        "window_s": found.window_s,
        "coverage_ppm": found.coverage_ppm,
    }


def numbers(found: Mapping[Metric, Number]) -> dict[str, Any]:
    return {metric.value: number(one) for metric, one in found.items()}


def autoscaler(found: Autoscaler | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "name": found.name,
        "min": found.minimum,
        "max": found.maximum,
        "current": found.current,
        "desired": found.desired,
        "cpu_percent": found.cpu_percent,
        "target_percent": found.target_percent,
        "target_cpu_millicores": found.target_cpu,
        "able": found.able,
        "active": found.active,
        "limited": found.limited,
        "reasons": list(found.reasons),
    }


def pod(found: Pod) -> dict[str, Any]:
    return {
        "name": found.name,
        "phase": found.phase,
        "ready": found.ready,
        "node": found.node,
        "restarts": found.restarts,
        "deleting": found.deleting,
        "last_exit": found.last_exit or None,
        "waiting": found.waiting or None,
        "qos": found.qos or None,
        "resize": found.resize or None,
        "resize_message": found.resize_message or None,
        "started": instant(found.started_at_ms) if found.started_at_ms is not None else None,
        "containers": [container(c) for c in found.containers],
        "actual": [container(c) for c in found.actual],
    }


def event(found: ApiEvent) -> dict[str, Any]:
    """An event; its message is untrusted text."""
    return {
        "at": instant(found.at_ms),
        "about": found.about,
        "type": found.type,
        "reason": found.reason,
        "message": found.message,
        "source": found.source,
        "count": found.count,
    }
