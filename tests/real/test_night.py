"""A night on the real control plane: `flyball serve` runs an agent each minute for eight minutes, while demand moves
along a trace, and is killed (-9) twenty times.

| workloads | what is planted                          | what must come of it                                      |
|-----------|------------------------------------------|-----------------------------------------------------------|
| down-…    | more pods than their demand needs        | lowered pod by pod, each change with a verdict             |
| up-…      | fewer                                    | raised                                                    |
| floor-…   | more, with a real HPA                    | the floor is lowered, and the real HPA controller obeys    |
| harm      | gets slow as soon as it has fewer pods   | put back at the verdict, and left alone from then on       |
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audit.record import Record
from tests.e2e.consoles import measured
from tests.kit.console import Console
from tests.real import assets, existing, modules, morning
from tests.real.balance import balanced, records
from tests.real.cluster import Namespace, eventually
from tests.real.controlplane import ControlPlane
from tests.real.monitoring import Prometheus
from tests.real.night import JUDGED_S, PATIENCE_S, Service, Tide, policies
from tests.real.pace import MANY_PODS
from tests.real.past import SCRAPE_S, Past, past
from tests.real.watchman import Watchman

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("night")]
"""A group of its own, and so a control plane of its own, beside the other real tests."""
FLOORS = tuple(Service(f"floor-{n}", 0.12, 5, percent=60, rises=n % 2 == 0) for n in range(8))
DOWN = tuple(Service(f"down-{n}", 0.15, 5, rises=n % 2 == 0) for n in range(7))
UP = tuple(Service(f"up-{n}", 0.18, 1, rises=n % 2 == 0) for n in range(4))
HARM = Service("harm", 0.15, 5, latency_us=100_000)
FLEET = (*FLOORS, *DOWN, *UP, HARM)
NIGHT_S = 480
KILLS = 20


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    if existing.wanted():
        pytest.skip("USE_EXISTING_CLUSTER: it runs at another pace")
    folder = tmp_path_factory.mktemp("night") / "plane"
    plane = ControlPlane(folder, assets.locate(), pace=MANY_PODS).start()
    try:
        yield plane
    finally:
        plane.stop()


@pytest.fixture
def history(kube: Namespace, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that remembers two weeks in which each workload did what it does now."""
    binaries = assets.locate(modules.STATE_METRICS) | assets.locate(modules.METRICS_STORE)
    beside = Prometheus(kube.plane, tmp_path / "prometheus", binaries, keeps="15d", pace=MANY_PODS)
    try:
        yield beside.launch()
    finally:
        beside.close()


@pytest.fixture
def tide(kube: Namespace, history: Prometheus) -> Iterator[Tide]:
    """The fleet, its two weeks, and the demand that goes on from there."""
    tide, ended_s = Tide(kube, FLEET), dict[str, float]()
    for one in FLEET:  # one by one: of ten minutes with more than one that nobody measured nothing is made
        ended_s[one.name] = time.time()
        one.deploy(kube)
        kube.settled(one.name)
    for one in FLEET:
        its = Past(one.name, one.cores, one.pods, one.course, tide.began_s)
        history.write(past(kube.name, ended_s[one.name], its))
    with tide.moving():
        yield tide


@pytest.fixture
def console(kube: Namespace, history: Prometheus, tmp_path: Path) -> Console:
    templates = tmp_path / "metrics.toml"
    templates.write_text(f"scrape_s = {SCRAPE_S}\nwindow_s = {4 * SCRAPE_S}\n")
    found = measured(kube, tmp_path, history.url, metrics=str(templates))
    found.environ["FLYBALL_POLICIES"] = str(policies(tmp_path / "night", kube.name, FLEET))
    return found


def test_nothing_is_done_twice_or_lost(kube: Namespace, tide: Tide, console: Console) -> None:
    watchman = Watchman(console, seed=1)
    try:
        until = time.monotonic() + NIGHT_S
        while watchman.kills < KILLS or time.monotonic() < until:
            watchman.kill() if watchman.kills < KILLS else time.sleep(1)
        _wait(lambda: _has_come_about(records(console)), "every plant to come up")
        console.ask("tune", "pause", code=0)
        _wait(lambda: _is_settled(console), "every change to have its verdict")
        assert watchman.end() == 0
    finally:
        watchman.close()
    ended, ours = balanced(kube, console), records(console)
    print(f"killed {watchman.kills} times; intents ended {dict(ended)}; {morning.verdicts(ours)}")
    assert console.ask("status", code=0)["in_doubt"] == []
    _the_harm_was_put_back(ours)
    _the_autoscalers_obeyed(kube)


def _wait(look: Callable[[], bool], what: str) -> None:
    """Looked at every other second: what is measured is on the same machine."""

    def slowly() -> bool:
        time.sleep(2)
        return look()

    eventually(slowly, what, PATIENCE_S)


def _has_come_about(ours: list[Record]) -> bool:
    planted = {one.name for one in FLEET}
    return morning.moved(ours) == planted and HARM.name in morning.rolled_back(ours)


def _is_settled(console: Console) -> bool:
    ours = records(console)
    lost = morning.unfinished(ours) - morning.given_up(console)
    return not (morning.unended(ours) or morning.owed(ours) or lost)


def _the_harm_was_put_back(ours: list[Record]) -> None:
    """Once, at the deadline, and nothing else was."""
    assert morning.rolled_back(ours) == {HARM.name: "applied"}
    (took_s,) = morning.judged_after_s(ours, HARM.name, "worse")
    print(f"the harm was judged {took_s:.0f} s after the change")
    assert took_s < JUDGED_S + PATIENCE_S


def _the_autoscalers_obeyed(kube: Namespace) -> None:
    """Each floor is lower than it was, and so is what the HPA made of it: nothing else had kept the pods there."""
    for one in FLOORS:
        path = f"/apis/autoscaling/v2/namespaces/{kube.name}/horizontalpodautoscalers/{one.name}"
        assert kube.api.get(path)["spec"]["minReplicas"] < one.pods
        assert kube.get(one.name)["spec"]["replicas"] < one.pods, one.name
