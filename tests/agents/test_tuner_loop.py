"""The fast loop's arithmetic: where it moves, where it stands, and that doubt never lowers anything."""

from dataclasses import replace
from typing import Any

import pytest

from agents.tuner.loop import Range, Stands, Step, calmed, put_back, resting, step
from tests.tools.workloads import workload
from tools.cluster_types import Workload
from tools.metrics.types import Metric, Number

WITHIN = Range(3, 8, 4)
HPA = "horizontalpodautoscaler/web"


def cpu(v: int | None = 2000, age_ms: int = 20_000, coverage: int = 1_000_000) -> Number:
    return Number(
        Metric.CPU_USAGE, "millicores", v, "" if v is not None else "no_data", 1, age_ms, 60, coverage
    )


def seen(**more: Any) -> Workload:
    return replace(workload(), annotations={}, **more)


@pytest.mark.parametrize(("wanted", "now", "found"), [
    (6, 4, Step(6, "above")),
    (3, 4, Step(3, "below")),
    (4, 4, Step(None, "fits")),
    (20, 4, Step(8, "above")),
    (1, 4, Step(3, "below")),
    (20, 8, Step(None, "at-the-end")),
    (None, 4, Step(None, "no-forecast")),
])  # fmt: skip
def test_the_forecasts_number_within_the_range(wanted: int | None, now: int, found: Step) -> None:
    assert step(seen(), WITHIN, Stands(now), wanted, cpu()) == found


def test_a_step_is_no_larger_than_policy_lets_it_be() -> None:
    short = replace(WITHIN, step=2)
    assert step(seen(), short, Stands(4), 8, cpu()) == Step(6, "above")
    assert step(seen(), short, Stands(8), 3, cpu()) == Step(6, "below")


@pytest.mark.parametrize(("figure", "wanted", "found"), [
    (cpu(None), 8, "no-metrics"),
    (cpu(None), 3, "no-metrics"),
    (cpu(age_ms=200_000), 3, "stale-metrics"),
    (cpu(age_ms=200_000), 8, "stale-metrics"),
    (cpu(coverage=800_000), 3, "missing-metrics"),
])  # fmt: skip
def test_doubt_lowers_nothing(figure: Number, wanted: int, found: str) -> None:
    assert step(seen(), WITHIN, Stands(5), wanted, figure) == Step(None, found)


def test_what_is_not_whole_may_still_raise() -> None:
    assert step(seen(), WITHIN, Stands(5), 8, cpu(coverage=800_000)) == Step(8, "above")


@pytest.mark.parametrize(("state", "found"), [
    ({"annotations": {"flyball.io/mode": "off"}}, "mode-off"),
    ({"paused": True}, "paused"),
    ({"updated": 2}, "rolling-out"),
    ({"generation": 4}, "rolling-out"),
    ({"replicas": 0}, "scaled-to-zero"),
    ({"owner": "argocd"}, "owned-by-argocd"),
])  # fmt: skip
def test_what_is_to_be_left_alone_is(state: dict[str, Any], found: str) -> None:
    one = replace(seen(), **state)
    assert step(one, WITHIN, Stands(4), 8, cpu()) == Step(None, found)
    assert resting(one, WITHIN, Stands(4)) == Step(None, found)


@pytest.mark.parametrize(("owner", "now", "to"), [
    (None, 3, 4), (None, 7, 7), (HPA, 7, 4), (HPA, 3, 4), (HPA, 9, 9),
])  # fmt: skip
def test_when_it_is_over_pods_are_only_raised_and_an_hpas_floor_is_as_before(
    owner: str | None, now: int, to: int
) -> None:
    assert put_back(seen(owner=owner), WITHIN, Stands(now)) == Step(to, "put-back")


def test_a_pause_goes_to_the_floor_as_far_as_the_range_lets_it() -> None:
    assert resting(seen(), WITHIN, Stands(3)) == Step(4, "paused")
    assert resting(seen(), WITHIN, Stands(6)) == Step(None, "paused")
    assert resting(seen(owner=HPA), Range(5, 8, 2), Stands(7)) == Step(5, "paused")


GUARDED = replace(WITHIN, guard=80, target=70, loosest=80)


@pytest.mark.parametrize(("now", "wanted", "figure", "found"), [
    (Stands(4, 70), 6, cpu(), Step(6, "above", 80)),
    (Stands(4, 70), 4, cpu(), Step(None, "guard", 80)),
    (Stands(4, 80), 4, cpu(), Step(None, "fits")),
    (Stands(5, 80), 4, cpu(), Step(4, "below")),
    (Stands(4, 80), None, cpu(), Step(None, "no-forecast", 70)),
    (Stands(4, 80), 4, cpu(None), Step(None, "no-metrics", 70)),
    (Stands(4, 80), 4, cpu(age_ms=200_000), Step(None, "stale-metrics", 70)),
    (Stands(4, 80), 9, cpu(), Step(8, "above", 70)),
    (Stands(8, 80), 9, cpu(), Step(None, "at-the-end", 70)),
    (Stands(5, 70), 4, cpu(coverage=800_000), Step(None, "missing-metrics")),
    (Stands(4, 70), 6, cpu(coverage=800_000), Step(6, "above")),
    (Stands(4, 95), 6, cpu(), Step(6, "above")),
    (Stands(4, 60), 6, cpu(), Step(6, "above")),
    (Stands(4, None), 6, cpu(), Step(6, "above")),
])  # fmt: skip
def test_the_hpa_is_a_guard_only_while_the_forecast_carries_the_load(
    now: Stands, wanted: int | None, figure: Number, found: Step
) -> None:
    """Its own target again without a forecast, without figures, and where the range is too narrow for what is
    forecast; a target that somebody else has set stays."""
    assert step(seen(owner=HPA), GUARDED, now, wanted, figure) == found


def test_its_own_target_is_put_back_with_the_floor() -> None:
    assert put_back(seen(owner=HPA), GUARDED, Stands(6, 80)) == Step(4, "put-back", 70)
    assert put_back(seen(owner=HPA), GUARDED, Stands(6, 95)) == Step(4, "put-back")
    assert resting(seen(owner=HPA), GUARDED, Stands(4, 80)) == Step(None, "paused", 70)
    narrowed = replace(GUARDED, guard=None)
    assert step(seen(owner=HPA), narrowed, Stands(4, 80), 4, cpu()).aim == 70


@pytest.mark.parametrize(("now", "wanted", "aim"), [
    (90, 4, 80), (85, None, 70), (80, 4, None), (91, 4, None), (70, 4, 80), (60, 4, None),
])  # fmt: skip
def test_a_narrowed_guard_brings_back_what_the_loop_has_set_and_nothing_else(
    now: int, wanted: int | None, aim: int | None
) -> None:
    """Leased was 90, its annotation says 80: what is above 80 is the loop's, above 90 or below 70 somebody's."""
    narrowed = replace(GUARDED, loosest=90)
    assert step(seen(owner=HPA), narrowed, Stands(4, now), wanted, cpu()).aim == aim


@pytest.mark.parametrize(("now", "aim"), [(80, 70), (70, None), (60, None)])
def test_without_its_guard_a_target_below_its_own_is_somebodys(now: int, aim: int | None) -> None:
    for gone in (replace(GUARDED, guard=None), replace(GUARDED, guard=None, loosest=None)):
        assert step(seen(owner=HPA), gone, Stands(4, now), 4, cpu()).aim == aim
        assert put_back(seen(owner=HPA), gone, Stands(4, now)).aim == aim


def test_while_an_alert_fires_nothing_is_taken_away() -> None:
    assert calmed(Step(3, "below", 80), GUARDED, Stands(5, 70)) == Step(None, "alert-fires")
    assert calmed(Step(6, "above", 80), GUARDED, Stands(5, 70)) == Step(6, "above")
    assert calmed(Step(3, "below", 70), GUARDED, Stands(5, 80)) == Step(None, "alert-fires", 70)


@pytest.mark.parametrize("found", [Step(3, "below"), Step(None, "fits")])
def test_while_an_alert_fires_no_hpa_stands_guard(found: Step) -> None:
    assert calmed(found, GUARDED, Stands(5, 80)) == Step(None, "alert-fires", 70)


def test_its_own_target_waits_for_nothing() -> None:
    """Neither for the cooldown nor for the budget of moves that the pods beside it wait for."""
    assert Step(8, "above", 70).aiming_back(Stands(6, 80), "cooldown") == Step(None, "above", 70)
    assert Step(8, "above", 80).aiming_back(Stands(6, 70), "cooldown") == Step(None, "cooldown")
    assert Step(8, "above").aiming_back(Stands(6), "cooldown") == Step(None, "cooldown")
