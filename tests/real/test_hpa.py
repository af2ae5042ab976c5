"""The simulator's HPA against the real kube-controller-manager's, decision by decision.

Both are given the same: replicas, pods with their requests, readiness, ages and samples, and the HPA's spec. What
is compared of single decisions: the replicas that are wanted, the reasons of AbleToScale, ScalingActive and
ScalingLimited, the utilisation and the average. Of series: each number of replicas, in order, phase by phase, with
pods that follow the replicas at once. The controller runs as shipped but for its period of a second; what is not
compared is the time within that second, events, and metrics of other kinds than a resource's.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.real import hpa_simulated as simulated
from tests.real.cluster import Namespace
from tests.real.controlplane import ControlPlane
from tests.real.hpa import Decision, Phase, Stage
from tests.real.hpa_cases import CASES, MOST, SERIES, pods_under


@pytest.fixture(scope="module")
def stage(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    kube = Namespace(control_plane, "autoscaled", tmp_path_factory.mktemp("autoscaled"))
    yield Stage(kube)
    kube.remove()


@pytest.fixture(scope="module")
def decided(stage: Stage) -> dict[str, Decision]:
    """All of them at once: everything is there before the first HPA is."""
    for name, case in CASES.items():
        stage.pods(name, case.pods)
        stage.scalable(name, case.replicas, name)
    for name, case in CASES.items():
        stage.autoscaler(name, case.spec)
    return {name: stage.first(name) for name in CASES}


@pytest.fixture(scope="module")
def played(stage: Stage) -> dict[str, list[Phase]]:
    """Every series at the same time, each on pods of its own: one pod under two HPAs would stop both."""
    for name, case in SERIES.items():
        for load in {load for load, _ in case.steps}:
            for replicas in range(1, MOST + 1):
                stage.pods(_label(name, load, replicas), pods_under(load, replicas))
    with ThreadPoolExecutor() as pool:
        return dict(zip(SERIES, pool.map(lambda name: _played(stage, name), SERIES), strict=True))


def _played(stage: Stage, name: str) -> list[Phase]:
    case = SERIES[name]
    stage.scalable(name, case.replicas, _label(name, case.steps[0][0], case.replicas))
    stage.autoscaler(name, case.spec)
    stage.first(name)
    return stage.run(name, case.replicas, case.steps, lambda load, replicas: _label(name, load, replicas))


def _label(name: str, load: int, replicas: int) -> str:
    return f"{name}-{load}-{replicas}"


@pytest.mark.real
@pytest.mark.parametrize("name", CASES)
def test_one_decision(decided: dict[str, Decision], name: str) -> None:
    assert simulated.first(CASES[name]) == decided[name]


@pytest.mark.real
@pytest.mark.parametrize("name", SERIES)
def test_a_series(played: dict[str, list[Phase]], name: str) -> None:
    assert simulated.run(SERIES[name], 500) == [phase.replicas for phase in played[name]]


@pytest.mark.parametrize("name", SERIES)
def test_no_series_hangs_on_when_within_a_second_one_looks(name: str) -> None:
    """What makes the comparison fair: no run of the real controller starts at a known fraction of a second."""
    (only,) = {str(simulated.run(SERIES[name], offset_ms)) for offset_ms in range(0, 1000, 90)}
    assert max(len(phase) for phase in simulated.run(SERIES[name], 0)) > 1, only
