"""A workload and its pods as a reader would return them."""

from dataclasses import replace
from typing import Any

from policies.types import Target
from tools.cluster_types import Container, Pod, Resources, Workload

RESOURCES = Resources(500, 1000, 256 * 2**20, 512 * 2**20)


def workload(
    replicas: int = 4, *containers: Container, owner: str | None = None, namespace: str = "shop", **more: Any
) -> Workload:
    return Workload(
        target=Target(cluster="sandbox", namespace=namespace, kind="deployment", name="web"),
        uid="u-1",
        resource_version="7",
        generation=3,
        observed_generation=3,
        replicas=replicas,
        ready=replicas,
        updated=replicas,
        available=replicas,
        paused=more.pop("paused", False),
        containers=containers or (Container("app", "registry.invalid/app:1", RESOURCES),),
        labels={"app": "web"},
        annotations={"note": "canary"},
        managers=more.pop("managers", ()),
        owner=owner,
        created_at="2026-03-02T14:00:00Z",
        selector={"app": "web"},
        **more,
    )


def pod(name: str = "web-1", resources: Resources = RESOURCES, **more: Any) -> Pod:
    """One that runs, has what it asks for, and is ready."""
    on = more.pop("restarts_on", ())
    container = Container("app", "registry.invalid/app:1", resources, restarts_on=on)
    usual: dict[str, Any] = {
        "phase": "Running",
        "ready": True,
        "node": "n-1",
        "containers": (container,),
        "started_at_ms": 0,
        "restarts": 0,
        "deleting": False,
        "uid": f"uid-{name}",
        "resource_version": "1",
        "qos": "Burstable",
        "actual": (container,),
    }
    return Pod(name=name, **usual | more)


def with_pods(*pods: Pod, seen: Workload | None = None) -> Workload:
    """The workload as an action in place sees it."""
    return replace(seen or workload(len(pods)), pods=pods)
