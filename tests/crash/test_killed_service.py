"""A service that is killed again and again while an agent is due each minute: no effect twice, none lost."""

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from sandbox.world import World
from tests.flyball.service.serving import flyball, served
from tests.flyball.service.test_schedules import LOCAL, agent
from tests.kit.installation import App, allow, target, write_policy
from tests.kit.installation import within as in_app
from tools.path.standing import ENDS

ROUNDS = int(os.environ.get("FLYBALL_SERVICE_ROUNDS") or 20)
POLICY = [
    LOCAL,
    agent(schedule={"cron": "* * * * *", "zone": "UTC"}, strategy=["hpa-formula"], scope=target()),
    allow("reading", ["list_workloads", "describe_workload", "read_metrics", "get_events"]),
    allow("scaling", ["scale"], limits={"replicas": {"min": 1, "max": 40, "maxStep": 40}}),
]


@pytest.mark.slow
def test_a_service_that_is_killed_in_its_runs_does_nothing_twice(tmp_path: Path) -> None:
    chance, policies = random.Random(7), write_policy(tmp_path / "policies", POLICY)
    words = ("--state", str(tmp_path / "state"), "--policies", str(policies), "--no-base")
    assert flyball(tmp_path, "status", *words)[0] == 0
    for _ in range(ROUNDS):
        _a_minute_later(tmp_path)
        with served(tmp_path, *words) as one:
            one.line("active: ")
            time.sleep(chance.uniform(0.0, 2.5))
            one.process.kill()
    time.sleep(7)  # the lease of the last one lapses
    code, _, said = flyball(tmp_path, "serve", "--once", *words)
    assert code == 0, said
    in_app(tmp_path, _balanced, policies)
    assert flyball(tmp_path, "audit", "verify", *words)[0] == 0


def _a_minute_later(folder: Path) -> None:
    world = World(folder / "state/sandbox")
    world.advance(60)
    world.close()


async def _balanced(app: App) -> None:
    """Our log and the cluster's own tell the same, one to one."""
    assert app.world is not None
    assert await app.executor.resolver.open_intents() == []
    found = [entry.record for entry in await app.log.find()]
    intents = {one.id for one in found if one.kind == "action.intent" and one.mode == "live"}
    ends = Counter(p.id for one in found if one.kind in ENDS for p in one.parents if p.rel == "intent")
    assert {id: ends[id] for id in intents} == dict.fromkeys(intents, 1)
    applied = {
        p.id
        for one in found
        if one.kind in ENDS and one.outcome is not None and one.outcome.status == "applied"
        for p in one.parents
        if p.rel == "intent" and p.id in intents
    }
    ours = [a.audit_id for a in app.world.arrivals() if a.changed and a.audit_id]
    effects = Counter(id for id in ours if not id.endswith("-fence"))
    assert effects == Counter(applied)
    runs = [run for run in await app.jobs.runs(limit=1000) if run.state != "done"]
    assert [(run.state, run.why) for run in runs if run.state in ("queued", "running")] == []
    told = [(run.state, run.why, run.attempt) for run in await app.jobs.runs(limit=1000)]
    assert applied, told
