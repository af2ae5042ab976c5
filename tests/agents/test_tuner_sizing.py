"""`forecast` and `percentile-floor`: replicas, or the floor of an HPA | one bounded step | doubtful data gives none |
live events multiply | what a pod is"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agents.tuner.change import floored
from agents.tuner.forecast import Forecast
from agents.tuner.percentile_floor import PercentileFloor
from agents.tuner.pod_size import startup_s
from agents.tuner.sizing import bounded, within_step
from agents.tuner.strategy import Aim, Candidate, Floor, Observed
from tests.agents.metrics import NOW
from tests.agents.test_tuner_run import APP, pod, workload
from tests.forecasting.test_twin_live import course
from tools.arguments import AutoscalerBoundsArgs, ScaleArgs
from tools.cluster_types import Autoscaler, Container, Resources
from tools.metrics.types import Metric, Series, Span

AIM = Aim(80, 20_000)
FORECAST, FLOOR = Forecast(AIM), PercentileFloor(AIM)
HPA = Autoscaler("web", 2, 10, 4, 4, 60, 80, able=True, active=True, limited=False, reasons=())
Change = Callable[[list[int | None]], list[int | None]]


def series(values: list[int | None]) -> Series:
    return Series(
        Metric.CPU_USAGE, "millicores", Span(NOW - (len(values) - 1) * 60_000, NOW, 60), tuple(values)
    )


def seen(values: list[int | None] | None = None, replicas: int = 4, **more: Any) -> Observed:
    """Eight days of about 3 cores in pods of one core each."""
    found = Observed(workload("web", replicas), [pod(0)], series(values or course(8)), NOW)
    return replace(found, **more)


def owned() -> Observed:
    return seen(autoscaler=HPA, workload=workload("web", owner="horizontalpodautoscaler/web"))


def only(strategy: Forecast | PercentileFloor, one: Observed) -> Candidate:
    assert strategy.consider(one) is None
    ((found,),) = strategy.propose([one])
    return found


@pytest.mark.parametrize("strategy", [FORECAST, FLOOR])
def test_replicas_without_an_hpa_its_floor_with_one(strategy: Forecast | PercentileFloor) -> None:
    plain, scaled = only(strategy, seen(replicas=9)), only(strategy, owned())
    assert plain.change is not None
    assert scaled.change is not None
    assert isinstance(plain.change.args, ScaleArgs)
    assert isinstance(scaled.change.args, AutoscalerBoundsArgs)
    assert plain.change.args.current_replicas == 9
    assert (scaled.change.args.current_min_replicas, scaled.change.args.max_replicas) == (2, None)
    wanted = [
        f.value
        for c in (plain, scaled)
        for f in c.figures
        if f.name in ("pods_forecast", "same_hours_millicores")
    ]
    assert len(set(wanted)) == 1, "the same need, whoever keeps the pods"


def test_the_reason_cites_its_figures() -> None:
    for strategy in (FORECAST, FLOOR):
        found = only(strategy, seen(replicas=9))
        for figure in found.figures:
            shown = f"{figure.value / 10_000:g} %" if figure.name == "risk_ppm" else str(figure.value)
            assert shown in found.reason, figure


def test_one_step_is_bounded() -> None:
    assert [within_step(8, n) for n in (1, 4, 6, 12, 16, 99)] == [4, 4, 6, 12, 16, 16]
    assert [within_step(1, n) for n in (1, 5, 6)] == [1, 5, 5]
    found = only(FORECAST, seen(replicas=40))
    assert found.change is not None
    assert found.change.figure == 20
    assert "20 of" in found.reason
    assert "in this step" in found.reason
    far = Candidate("x", floored(workload("web"), HPA, 9), "x", "because")
    assert bounded(far).change == floored(workload("web"), HPA, 6)
    near = Candidate("x", floored(workload("web"), HPA, 5), "x", "because")
    assert bounded(near) == near


def test_a_floor_stays_below_the_maximum() -> None:
    tight = replace(HPA, maximum=3)
    found = only(FORECAST, replace(owned(), autoscaler=tight))
    assert found.change is not None
    assert found.change.figure == 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda v: [*v[:-6], *[None] * 6], "no-metrics"),
        (lambda v: [*v[:-4], None, None, None, 3_000], "missing-metrics"),
        (lambda v: [None] * len(v), "no-metrics"),
        (lambda v: v[-720:], "short-history"),
    ],
)
@pytest.mark.parametrize("strategy", [FORECAST, FLOOR])
def test_doubtful_data_gives_no_candidate(
    strategy: Forecast | PercentileFloor, change: Change, why: str
) -> None:
    assert strategy.consider(seen(change(course(8)))) == why


def test_who_does_not_fit() -> None:
    bare = (Container("app", "app:1", Resources()),)
    for strategy in (FORECAST, FLOOR):
        assert strategy.consider(seen(workload=workload("web", containers=bare))) == "no-cpu-request"
        kept = workload("web", owner="scaledobject/web")
        assert strategy.consider(seen(workload=kept)) == "owned-by-scaledobject/web"
    assert FLOOR.consider(seen(course(6))) == "short-history"
    assert FORECAST.consider(seen(course(6))) is None


@pytest.mark.parametrize("strategy", [FORECAST, FLOOR])
def test_a_live_event_multiplies_the_demand(strategy: Forecast | PercentileFloor) -> None:
    name = "pods_forecast" if strategy is FORECAST else "same_hours_millicores"
    usual = dict(only(strategy, seen()).figures)[name]
    event = seen(events=(Floor("black friday", 300), Floor("sale", 150)))
    found = only(strategy, event)
    assert usual * 2 < dict(found.figures)[name] <= usual * 3 + 1
    assert found.change is not None
    assert found.change.figure == 8, "one step"


def test_the_start_up_is_that_of_pods_that_never_restarted() -> None:
    def made(seconds: int, **more: Any) -> Any:
        return pod(0, created_ms=NOW - 90_000, ready_ms=NOW - 90_000 + seconds * 1_000, **more)

    assert startup_s([made(20), made(30), made(200), made(5, restarts=1)]) == 30
    assert startup_s([made(20, ready=False), pod(1)]) is None


def test_sidecars_count_as_a_part_of_the_pod() -> None:
    two = (APP, Container("proxy", "p:1", Resources(cpu_request=1_000)))
    one_core, two_cores = (
        dict(only(FORECAST, seen(workload=workload("web", containers=c))).figures) for c in ((APP,), two)
    )
    assert (one_core["pod_millicores"], two_cores["pod_millicores"]) == (1_000, 2_000)
    assert one_core["pods_forecast"] == 2 * two_cores["pods_forecast"]
