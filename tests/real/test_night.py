"""A night on the real control plane: `flyball serve` runs an agent each minute and is killed (-9) again and again.

| workload | what is planted                          | what must come of it                                      |
|----------|------------------------------------------|-----------------------------------------------------------|
| down     | more pods than its demand needs          | lowered pod by pod, each change with a verdict             |
| floor    | the same, with a real HPA                | its floor is lowered, and the real HPA controller obeys    |
| harm     | gets slow as soon as it has fewer pods   | put back at the verdict, and left alone from then on       |
"""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.record import Record
from flyball.jobs.run_queue import ATTEMPTS
from tests.e2e.consoles import measured
from tests.kit.console import Console
from tests.real import assets, modules
from tests.real.balance import balanced, ends_of, records
from tests.real.cluster import Namespace, eventually
from tests.real.monitoring import Prometheus
from tests.real.night import PATIENCE_S, Service, Watchman, policies
from tests.real.past import SCRAPE_S, Past, past

pytestmark = pytest.mark.real
DOWN = Service("down", 0.15, 6)
FLOOR = Service("floor", 0.12, 6, percent=60)
HARM = Service("harm", 0.15, 5, latency_us=100_000)
FLEET = (DOWN, FLOOR, HARM)
KILLS, LEAST_KILLS = 8, 3
KILLING_S = 100
"""The killing ends after that, however many there were: on a busy machine each takes longer."""


@pytest.fixture
def history(kube: Namespace, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus of this test's own: it remembers a day in which each workload did what it does now."""
    binaries = assets.locate(modules.STATE_METRICS) | assets.locate(modules.METRICS_STORE)
    beside = Prometheus(kube.plane, tmp_path / "prometheus", binaries, keeps="2d")
    try:
        beside.launch()
        began_s = time.time()
        for service in FLEET:
            service.deploy(kube)
        for service in FLEET:
            kube.settled(service.name)
        beside.write(past(kube.name, began_s, [Past(one.name, one.cores, one.pods) for one in FLEET]))
        yield beside
    finally:
        beside.close()


@pytest.fixture
def console(kube: Namespace, history: Prometheus, tmp_path: Path) -> Console:
    templates = tmp_path / "metrics.toml"
    templates.write_text(f"scrape_s = {SCRAPE_S}\nwindow_s = {4 * SCRAPE_S}\n")
    found = measured(kube, tmp_path, history.url, metrics=str(templates))
    found.environ["FLYBALL_POLICIES"] = str(policies(tmp_path / "night", kube.name, FLEET))
    return found


def test_nothing_is_done_twice_or_lost(kube: Namespace, console: Console) -> None:
    watchman = Watchman(console, seed=1)
    try:
        until = time.monotonic() + KILLING_S
        for share in itertools.cycle((1.0, 1.04, 0.98, 1.02, 0.95)):
            if watchman.kills >= KILLS or time.monotonic() > until:
                break
            _move_demand(kube, share)
            watchman.kill()
        eventually(lambda: _has_come_about(kube, console), "the harm to be put back", PATIENCE_S)
        console.ask("tune", "pause", code=0)
        eventually(lambda: _is_settled(console), "every change to have its verdict", PATIENCE_S)
        assert watchman.end() == 0
    finally:
        watchman.close()
    assert watchman.kills >= LEAST_KILLS
    ended = balanced(kube, console)
    print(f"killed {watchman.kills} times; intents ended {dict(ended)}; {_verdicts(records(console))}")
    _nothing_is_lost(console)
    _the_harm_was_put_back(records(console))
    _the_autoscaler_obeyed(kube)


def _move_demand(kube: Namespace, share: float) -> None:
    """Demand moves, and what got fewer pods than it had is slow from then on."""
    harmed = kube.get(HARM.name)["spec"]["replicas"] < HARM.pods
    for service in FLEET:
        slow = 800_000 if service is HARM and harmed else None
        service.ask(kube, share, latency_us=slow)


def _has_come_about(kube: Namespace, console: Console) -> bool:
    """Looked at once a second: what is measured is on the same machine."""
    time.sleep(1)
    _move_demand(kube, 1)
    ours = records(console)
    return HARM.name in _rolled_back(ours) and {DOWN.name, FLOOR.name} <= _lowered(ours)


def _is_settled(console: Console) -> bool:
    time.sleep(1)
    ours = records(console)
    live = {r.id for r in ours if r.kind == "action.intent" and r.mode == "live"}
    return live <= set(ends_of(ours)) and not _owed(ours) and not _unfinished(ours)


def _unfinished(ours: list[Record]) -> set[str | None]:
    """Runs without an end; but a run in which the service died so often is given up."""
    started, finished = (
        Counter(r.run_id for r in ours if r.kind == kind) for kind in ("run.started", "run.finished")
    )
    return {run for run, begun in started.items() if run not in finished and begun < ATTEMPTS}


def _lowered(ours: list[Record]) -> set[str]:
    """Workloads that an agent's change has reached."""
    applied = {id for id, status in ends_of(ours).items() if status == "applied"}
    return {r.resource.name for r in ours if r.id in applied and r.run_id and r.resource}


def _owed(ours: list[Record]) -> set[str]:
    """Applied changes whose intent promised a verdict that is not there."""
    applied = {id for id, status in ends_of(ours).items() if status == "applied"}
    promised = {r.id for r in ours if r.kind == "action.intent" and (r.observation or {}).get("verify")}
    judged = {p.id for r in ours if r.kind == "action.verified" for p in r.parents if p.rel == "intent"}
    return (applied & promised) - judged


def _rolled_back(ours: list[Record]) -> dict[str, str]:
    """How the rollback of each workload ended, by its name."""
    found = [r for r in ours if r.kind == "action.rolled_back" and r.resource]
    return {r.resource.name: (r.labels or {})["status"] for r in found if r.resource}


def _verdicts(ours: list[Record]) -> Counter[tuple[str, str]]:
    said = [r for r in ours if r.kind == "action.verified" and r.resource]
    return Counter((r.resource.name, (r.labels or {})["verdict"]) for r in said if r.resource)


def _nothing_is_lost(console: Console) -> None:
    ours = records(console)
    assert not _unfinished(ours)
    assert not _owed(ours)
    assert console.ask("status", code=0)["in_doubt"] == []


def _the_harm_was_put_back(ours: list[Record]) -> None:
    assert _rolled_back(ours) == {HARM.name: "applied"}
    assert _verdicts(ours)[(HARM.name, "worse")] == 1


def _the_autoscaler_obeyed(kube: Namespace) -> None:
    """Its floor is lower than it was, and nothing else had kept the pods there."""
    path = f"/apis/autoscaling/v2/namespaces/{kube.name}/horizontalpodautoscalers/{FLOOR.name}"
    low = kube.api.get(path)["spec"]["minReplicas"]
    assert low < FLOOR.pods
    eventually(lambda: kube.get(FLOOR.name)["spec"]["replicas"] == low, "the HPA to obey", PATIENCE_S)
