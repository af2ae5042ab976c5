"""A workload as a reader would return it."""

from policies.types import Target
from tools.ports import Container, Resources, Workload

RESOURCES = Resources(500, 1000, 256 * 2**20, 512 * 2**20)


def workload(
    replicas: int = 4, *containers: Container, owner: str | None = None, namespace: str = "shop"
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
        paused=False,
        containers=containers or (Container("app", "registry.invalid/app:1", RESOURCES),),
        labels={"app": "web"},
        annotations={"note": "canary"},
        managers=(),
        owner=owner,
        created_at="2026-03-02T14:00:00Z",
        selector={"app": "web"},
    )
