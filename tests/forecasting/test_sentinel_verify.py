"""Change verification: what is an effect and what is not, bad data, and its bars on traces that set no parameter."""

import numpy as np
import pytest

from forecasting.sentinel.baselines import mann_whitney
from forecasting.sentinel.change_effect import verify
from forecasting.sentinel.series import Series
from forecasting.types import Floats
from tests.forecasting.sentinel_series import judged, traces

DAY = 1440


def steady(days: int = 3, factor: float = 1.0) -> Floats:
    minutes = np.arange(days * DAY)
    noise = np.random.default_rng(9).lognormal(0, 0.03, len(minutes))
    values = (10 + 5 * np.sin(2 * np.pi * minutes / DAY)) * noise
    values[-70:] *= factor
    return values


@pytest.mark.parametrize(
    ("factor", "worse"), [(1.0, False), (1.05, False), (1.2, True), (1.5, True), (0.5, False)]
)
def test_a_change_is_worse_from_a_tenth_on(factor: float, worse: bool) -> None:
    verdict = verify(Series(0, 60, steady(factor=factor)), (3 * DAY - 70) * 60)
    assert verdict.worse is worse
    assert verdict.effect == pytest.approx(factor - 1, abs=0.05)


def test_a_mornings_rise_is_no_effect() -> None:
    values = steady(4)
    assert mann_whitney(values[3 * DAY - 60 : 3 * DAY], values[3 * DAY : 3 * DAY + 60]) < 0.01
    assert verify(Series(0, 60, values), 3 * DAY * 60).worse is False


def test_what_is_later_than_the_deadline_is_not_looked_at() -> None:
    values = steady(4)
    other = values.copy()
    other[3 * DAY + 66 :] *= 9
    assert verify(Series(0, 60, values), 3 * DAY * 60) == verify(Series(0, 60, other), 3 * DAY * 60)


@pytest.mark.parametrize(
    "values",
    [
        np.full(30, 1.0),
        np.full(3 * DAY, np.nan),
        np.zeros(3 * DAY),
        np.where(np.arange(3 * DAY) < 3 * DAY - 70, 1, np.nan),
    ],
)
def test_too_little_is_not_judged(values: Floats) -> None:
    verdict = verify(Series(0, 60, values), (len(values) - 70) * 60)
    assert verdict.worse is None
    assert verdict.why


def test_a_series_that_jumps_by_itself_needs_more_and_says_how_often_it_does() -> None:
    chance = np.random.default_rng(4)
    jumps = np.repeat(chance.lognormal(0, 0.4, 8 * 12), 120)
    calm = verify(Series(0, 60, steady(8, 1.3)), (8 * DAY - 70) * 60)
    values = jumps * chance.lognormal(0, 0.03, len(jumps))
    values[-70:] = values[-190:-120] * 1.3
    wild = verify(Series(0, 60, values), (len(values) - 70) * 60)
    assert calm.worse is True
    assert (calm.chance or 1) < 0.01
    assert wild.worse is False
    assert (wild.chance or 0) > 0.06
    assert min(calm.placebos, wild.placebos) > 1000


@pytest.mark.parametrize(("factor", "worse"), [(1.5, True), (1.05, False)])
def test_without_a_history_the_blocks_before_are_the_measure(factor: float, worse: bool) -> None:
    verdict = verify(Series(0, 60, steady(factor=factor)[-300:]), 230 * 60)
    assert verdict.worse is worse
    assert verdict.chance is None


def test_what_passed_by_itself_is_no_effect() -> None:
    values = steady()
    values[-70:-30] *= 1.5
    assert verify(Series(0, 60, values), (3 * DAY - 70) * 60).worse is False


@pytest.mark.parametrize("step", [1, 60, 300, 600])
def test_a_change_is_seen_at_any_resolution_of_ten_minutes_or_finer(step: int) -> None:
    values = np.interp(np.arange(0, 3 * DAY * 60, step), np.arange(3 * DAY) * 60, steady(factor=1.5))
    assert verify(Series(0, step, values), (3 * DAY - 70) * 60).worse is True


def test_hours_are_too_coarse_for_a_verdict() -> None:
    verdict = verify(Series(0, 3600, np.ones(300)), 290 * 3600)
    assert verdict.worse is None
    assert "too coarse" in verdict.why


def test_what_is_missing_is_not_a_fall() -> None:
    values = steady(factor=1.5)
    values[-75:-50] = np.nan
    values[:-75:3] = np.nan
    assert verify(Series(0, 60, values), (3 * DAY - 70) * 60).worse is True
    values[-50:] = np.nan
    assert verify(Series(0, 60, values), (3 * DAY - 70) * 60).worse is None


def test_a_constant_is_not_worse() -> None:
    assert verify(Series(0, 60, np.full(DAY, 3.0)), (DAY - 70) * 60).worse is False


@pytest.mark.slow
def test_few_changes_are_rolled_back_for_nothing_and_fewer_than_by_ranks() -> None:
    wrong, ranks, found, less, count = 0, 0, 0, 0, 0
    for name, demand in traces().items():
        if not judged(name):
            continue
        chance = np.random.default_rng([7, len(demand), len(name)])
        for at in chance.integers(2 * DAY, len(demand) - 200, 16).tolist():
            first = max(0, at - 14 * DAY)
            values, k = np.maximum(demand[first : at + 80], 0) + 0.1, at - first
            times = np.where(np.arange(len(values)) < k, 1.0, [[1.0], [1.2], [1.5]])
            plain, fifth, half = (verify(Series(0, 60, values * t), k * 60).worse is True for t in times)
            wrong, less, found = wrong + plain, less + fifth, found + half
            ranks += mann_whitney(values[k - 120 : k], values[k + 5 : k + 65]) < 0.01
            count += 1
    assert wrong <= 0.04 * count
    assert ranks >= 5 * wrong
    assert found >= 0.8 * count
    assert less >= 0.5 * count
