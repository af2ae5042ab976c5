"""The fast loop's arithmetic: where it moves, where it stands, and that doubt never lowers anything."""

from dataclasses import replace
from typing import Any

import pytest

from agents.tuner.loop import Range, Step, put_back, resting, step
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
    assert step(seen(), WITHIN, now, wanted, cpu()) == found


def test_a_step_is_no_larger_than_policy_lets_it_be() -> None:
    short = replace(WITHIN, step=2)
    assert step(seen(), short, 4, 8, cpu()) == Step(6, "above")
    assert step(seen(), short, 8, 3, cpu()) == Step(6, "below")


@pytest.mark.parametrize(("figure", "wanted", "found"), [
    (cpu(None), 8, "no-metrics"),
    (cpu(None), 3, "no-metrics"),
    (cpu(age_ms=200_000), 3, "stale-metrics"),
    (cpu(age_ms=200_000), 8, "stale-metrics"),
    (cpu(coverage=800_000), 3, "missing-metrics"),
])  # fmt: skip
def test_doubt_lowers_nothing(figure: Number, wanted: int, found: str) -> None:
    assert step(seen(), WITHIN, 5, wanted, figure) == Step(None, found)


def test_what_is_not_whole_may_still_raise() -> None:
    assert step(seen(), WITHIN, 5, 8, cpu(coverage=800_000)) == Step(8, "above")


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
    assert step(one, WITHIN, 4, 8, cpu()) == Step(None, found)
    assert resting(one, WITHIN, 4) == Step(None, found)


@pytest.mark.parametrize(("owner", "now", "to"), [
    (None, 3, 4), (None, 7, 7), (HPA, 7, 4), (HPA, 3, 4), (HPA, 9, 9),
])  # fmt: skip
def test_when_it_is_over_pods_are_only_raised_and_an_hpas_floor_is_as_before(
    owner: str | None, now: int, to: int
) -> None:
    assert put_back(seen(owner=owner), WITHIN, now) == Step(to, "put-back")


def test_a_pause_goes_to_the_floor_as_far_as_the_range_lets_it() -> None:
    assert resting(seen(), WITHIN, 3) == Step(4, "paused")
    assert resting(seen(), WITHIN, 6) == Step(None, "paused")
    assert resting(seen(owner=HPA), Range(5, 8, 2), 7) == Step(5, "paused")
