"""What came of a night, by the records of its log."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from audit.clock import SystemClock
from audit.record import Record
from flyball.jobs.run_queue import ATTEMPTS, RunQueue
from flyball.jobs.slots import Slots
from flyball.jobs.store import JobStore
from tests.kit.console import Console
from tests.real.balance import ends_of


def unfinished(ours: Sequence[Record]) -> set[str]:
    """Runs whose look, or whose plan after it, has begun and not ended."""
    last = {r.run_id: r.kind for r in ours if r.run_id and r.kind in ("run.started", "run.finished")}
    return {run for run, kind in last.items() if kind == "run.started"}


def given_up(console: Console) -> set[str]:
    """Runs in which the service died so often that they are not begun again."""
    path = Path(console.environ["FLYBALL_STATE"]) / "real" / "jobs.db"
    with closing(JobStore(path)) as store:
        runs = RunQueue(store, Slots(store, SystemClock())).runs(limit=1_000)
    return {run.id for run in runs if run.state == "failed" and run.attempt >= ATTEMPTS}


def unended(ours: Sequence[Record]) -> set[str]:
    """Live intents without an end."""
    live = {r.id for r in ours if r.kind == "action.intent" and r.mode == "live"}
    return live - set(ends_of(ours))


def owed(ours: Sequence[Record]) -> set[str]:
    """Applied changes whose intent promised a verdict that is not there."""
    promised = {r.id for r in ours if r.kind == "action.intent" and (r.observation or {}).get("verify")}
    judged = {p.id for r in ours if r.kind == "action.verified" for p in r.parents if p.rel == "intent"}
    return (_applied(ours) & promised) - judged


def moved(ours: Sequence[Record]) -> set[str]:
    """Workloads that an agent's change has reached."""
    applied = _applied(ours)
    return {r.resource.name for r in ours if r.id in applied and r.run_id and r.resource}


def rolled_back(ours: Sequence[Record]) -> dict[str, str]:
    """How the rollback of each workload ended, by its name."""
    found = [r for r in ours if r.kind == "action.rolled_back" and r.resource]
    return {r.resource.name: (r.labels or {})["status"] for r in found if r.resource}


def verdicts(ours: Sequence[Record]) -> Counter[tuple[str, str]]:
    """How often each verdict was given, by workload."""
    said = [r for r in ours if r.kind == "action.verified" and r.resource]
    return Counter((r.resource.name, (r.labels or {})["verdict"]) for r in said if r.resource)


def judged_after_s(ours: Sequence[Record], name: str, verdict: str) -> list[float]:
    """Seconds from a change of this workload to that verdict on it."""
    applied = {
        p.id: _at_s(r) for r in ours if r.kind == "action.outcome" for p in r.parents if p.rel == "intent"
    }
    return [
        _at_s(r) - applied[p.id]
        for r in ours
        if r.kind == "action.verified" and (r.labels or {})["verdict"] == verdict
        if r.resource and r.resource.name == name
        for p in r.parents
        if p.rel == "intent"
    ]


def _at_s(record: Record) -> float:
    return datetime.fromisoformat(record.ts).timestamp()


def _applied(ours: Sequence[Record]) -> set[str]:
    return {id for id, status in ends_of(ours).items() if status == "applied"}
