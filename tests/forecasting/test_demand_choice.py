"""What a number of replicas loses, and when a better one is worth a change."""

import numpy as np
import pytest

from forecasting.demand.choice import CAP, Chooser, candidates, exceeding, worth
from forecasting.types import Floats, Shape

SHAPE = Shape(1.0, target_util=0.5)
LIKELY = np.array([0.8, 0.4, 0.1, 0.02, 0.002])
PEAK = 40.0


def fan(level: float) -> Floats:
    return level * np.array([0.9, 1.0, 1.1, 1.2, 1.4])


def asked(levels: list[float], shape: Shape = SHAPE, risk: float = 0.02) -> list[int]:
    chooser = Chooser(shape, risk)
    return [chooser.step(fan(level), LIKELY, PEAK) for level in levels]


def test_the_rung_chosen_is_worth_its_price() -> None:
    ladder, likely = np.array([[10.0, 11.0, 20.0]]), np.array([[0.5, 0.01, 0.001]])
    assert worth(ladder, likely, np.array([20.0]), 0.02)[0] == 11.0, "9 more would buy 0.009"
    assert worth(ladder, likely, np.array([20.0]), 0.0003)[0] == 20.0
    assert np.isnan(worth(ladder * np.nan, likely, np.array([20.0]), 0.01)[0])


def test_up_at_once() -> None:
    low, high = asked([4.0, 20.0])
    assert low < high
    assert exceeding(np.array([high * SHAPE.target_util]), fan(20.0), LIKELY)[0] <= CAP * 0.02


def test_the_deeper_the_fall_the_sooner_it_moves() -> None:
    held = [asked([20.0] * 5 + [level] * 60)[5:].index for level in (2.0, 12.0, 17.0)]
    started = asked([20.0] * 5)[-1]
    assert [first(started) for first in held] == [0, 0, 0], "nothing is given back at once"
    moved = [
        next(i for i, n in enumerate(asked([20.0] * 5 + [v] * 60)[5:]) if n < started)
        for v in (2.0, 12.0, 17.0)
    ]
    assert moved == sorted(moved)
    assert moved[-1] > moved[0]


def test_noise_moves_little() -> None:
    draw = np.random.default_rng(3)
    numbers = asked([20.0 * float(np.exp(draw.normal(0, 0.02))) for _ in range(500)])
    assert np.count_nonzero(np.diff(numbers[5:])) < 10


def test_what_is_not_known_moves_nothing() -> None:
    chooser = Chooser(SHAPE, 0.02)
    before = chooser.step(fan(20.0), LIKELY, PEAK)
    assert [chooser.step(fan(np.nan), LIKELY, PEAK) for _ in range(100)] == [before] * 100


def test_no_probability_above_the_cap_is_accepted_for_its_price() -> None:
    """A replica of a workload that is far below its peak is dear next to its probability."""
    for risk in (0.1, 0.05, 0.01):
        number = asked([1.0] * 5, risk=risk)[-1]
        assert exceeding(np.array([number * SHAPE.target_util]), fan(1.0), LIKELY)[0] <= CAP * risk


def test_probabilities_between_and_beyond_rungs() -> None:
    ladder, likely = np.array([1.0, 2.0, 3.0]), np.array([0.8, 0.1, 0.01])
    got = exceeding(np.array([0.5, 1.0, 1.5, 3.0, 4.0]), ladder, likely)
    assert got == pytest.approx([1.0, 0.8, (0.8 * 0.1) ** 0.5, 0.01, 0.001])


def test_rungs_in_one_place_are_no_error() -> None:
    got = exceeding(np.array([1.0, 6.0]), np.full(3, 5.0), np.array([0.8, 0.1, 0.01]))
    assert got == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize(("least", "most"), [(1, 1), (1, 1_000_000), (0, 5), (100, 100), (70, 1000), (3, 64)])
def test_candidates_are_within_the_bounds(least: int, most: int) -> None:
    numbers = candidates(Shape(1.0, minimum=least, maximum=most))
    assert (numbers[0], numbers[-1]) == (least, most)
    assert (np.diff(numbers) > 0).all()
    assert (np.diff(numbers) <= np.maximum(1, 0.02 * numbers[:-1] + 1)).all()
