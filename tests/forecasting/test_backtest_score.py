"""The score: start-up, what is ready, violations in 15 s; and reading between the points of curves."""

import numpy as np
import pytest

from forecasting.backtest.curve import cost_at, frontier, violations_at
from forecasting.backtest.score import ready, score
from forecasting.types import Demand, Score, Shape


# startup_s, asked each 15 s, ready
@pytest.mark.parametrize(
    ("startup", "asked", "expected"),
    [
        (0, [1, 3, 1], [1, 3, 1]),
        (15, [1, 3, 3, 2, 4, 4], [1, 1, 3, 2, 2, 4]),
        (30, [2, 5, 5, 5, 1, 5, 5, 5], [2, 2, 2, 5, 1, 1, 1, 5]),
        (20, [2, 5, 5, 5], [2, 2, 2, 5]),
    ],
)
def test_ready_is_what_was_asked_for_through_the_start_up(
    startup: int, asked: list[int], expected: list[int]
) -> None:
    assert ready(np.array(asked), startup).tolist() == expected


def test_ready_is_what_a_batch_of_pods_makes_it() -> None:
    """Against pods one by one: born when asked for, the youngest gone first."""
    rng = np.random.default_rng(3)
    asked = rng.integers(1, 9, 400)
    pods, expected = [-100] * int(asked[0]), []
    for at, wanted in enumerate(asked.tolist()):
        pods = (pods + [at] * wanted)[:wanted]
        expected.append(sum(1 for born in pods if born + 4 <= at))
    assert ready(asked, 60).tolist() == expected


def test_a_score_counts_hours_minutes_and_changes() -> None:
    given = Demand(np.array([9.0, 1.7, 1.71, 0.5, np.nan]), 1)
    found = score(np.array([2, 2, 1, 3]), given, Shape(1.0, startup_s=60))
    assert found == Score(cost=8 / 60, violations=1.0, actions=2)


def test_a_start_up_of_half_a_minute_is_half_a_violation() -> None:
    given = Demand(np.array([0.8, 0.8, 1.6, 1.6]), 0)
    assert score(np.array([1, 1, 2, 2]), given, Shape(1.0, startup_s=30)).violations == 0.5


def test_fifteen_seconds_a_number_are_scored_too() -> None:
    given = Demand(np.array([0.8, 1.6]), 0)
    found = score(np.array([1, 1, 1, 1, 2, 2, 2, 2]), given, Shape(1.0, startup_s=15))
    assert found == Score(cost=12 / 240, violations=0.25, actions=1)
    with pytest.raises(ValueError, match="3 numbers of replicas for 2 steps"):
        score(np.array([1, 1, 1]), given, Shape(1.0))


CURVE = [Score(10, 99, 0), Score(20, 9, 0), Score(25, 20, 0), Score(30, 0, 0), Score(40, 0, 0)]


def test_a_curve_leaves_out_what_is_dearer_and_worse() -> None:
    assert [s.cost for s in frontier(CURVE[::-1])] == [10, 20, 30]


@pytest.mark.parametrize(
    ("cost", "violations"), [(9, None), (10, 99), (15, 10**1.5 - 1), (20, 9), (25, 10**0.5 - 1), (99, 0)]
)
def test_violations_at_a_cost(cost: float, violations: float | None) -> None:
    assert violations_at(cost, CURVE) == pytest.approx(violations)


@pytest.mark.parametrize(
    ("violations", "cost"), [(200, 10), (99, 10), (10**1.5 - 1, 15), (9, 20), (0, 30), (-1, None)]
)
def test_cost_at_violations(violations: float, cost: float | None) -> None:
    assert cost_at(violations, CURVE) == pytest.approx(cost)


def test_no_curve_has_no_answer() -> None:
    assert violations_at(5, []) is None
    assert cost_at(5, []) is None
