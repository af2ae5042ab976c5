"""A policy with one scheduled agent beside the shipped ones, and installations under it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from flyball.settings import load
from flyball.wiring import App, open_app

NIGHT = """\
apiVersion: flyball/v1
kind: Agent
metadata: {{name: night}}
spec:
  owner: {owner}
  roles: [viewer, tuner]
  autonomy: {autonomy}
  {schedule}
  scope: {{clusters: [sandbox], namespaces: [shop], names: ["web", "search", "payments"]}}
  risk: 2%
---
apiVersion: flyball/v1
kind: RoleBinding
metadata: {{name: night-operator}}
spec: {{subjects: ["group:local"], role: operator, clusters: [sandbox]}}
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {{name: night-scaling}}
spec:
  roles: [tuner, operator]
  actions: [scale]
  target: {{clusters: [sandbox], namespaces: [shop], names: ["*"]}}
  effect: allow
  limits: {{replicas: {{min: 1, max: {most}}}}}
  quiet: {quiet}
...
"""
SCHEDULE = 'schedule: {cron: "30 2 * * *", zone: Europe/Berlin}'


def policy(
    folder: Path,
    autonomy: str = "autonomous",
    schedule: str = SCHEDULE,
    owner: str = "local",
    most: int = 20,
    quiet: str = "[]",
) -> Path:
    """The file of the policy, written anew."""
    path = folder / "night.yaml"
    path.write_text(NIGHT.format(autonomy=autonomy, schedule=schedule, owner=owner, most=most, quiet=quiet))
    return path


@asynccontextmanager
async def opened(folder: Path, autonomy: str = "autonomous", **more: str) -> AsyncIterator[App]:
    """An installation in the sandbox with that policy."""
    given = str(policy(folder, autonomy, **more))  # type: ignore[arg-type]
    state, pinned = str(folder / "state"), str(folder / "pinned")
    async with open_app(
        load({"context": "sandbox", "state": state, "pinned": pinned, "policies": given})
    ) as app:
        yield app


async def sizes(app: App) -> dict[str, int]:
    """The replicas of each workload of the default world."""
    return {w.target.name: w.replicas for w in await app.context.reader.list_workloads("shop")}
