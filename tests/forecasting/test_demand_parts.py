"""The parts of the forecast: windows, features, regression, fan, calibration, choice, generator, weights' file."""

import json

import numpy as np
import pytest

from forecasting.demand import generated
from forecasting.demand.fan import BEYOND, EVERY, NOMINAL, PRIOR, Calibration, rungs
from forecasting.demand.features import FLOOR, NAMES, features, outcome
from forecasting.demand.regression import fit
from forecasting.demand.training import train
from forecasting.demand.weights import FORMAT, HORIZONS, LEVELS, dumped, loaded, shipped
from forecasting.demand.windows import Windows, average, between, highest, lowest, upper
from forecasting.errors import ForecastError

NAN = float("nan")


def test_windows_end_at_their_row_and_are_empty_outside() -> None:
    got = Windows(np.arange(5.0), np.array([0, 1, 4])).of(3)
    np.testing.assert_array_equal(got, [[NAN, NAN, 0], [NAN, 0, 1], [2, 3, 4]])


def test_windows_look_back_ahead_and_thin_out() -> None:
    windows = Windows(np.arange(10.0), np.array([8]))
    np.testing.assert_array_equal(windows.of(2, 3), [[4, 5]])
    np.testing.assert_array_equal(windows.of(2, -2), [[9, NAN]])
    np.testing.assert_array_equal(windows.of(7, 0, 3), [[2, 5, 8]])
    np.testing.assert_array_equal(between(np.arange(3.0), 5, 7), [NAN, NAN])


def test_reductions_skip_what_is_missing() -> None:
    held = np.array([[1.0, NAN, 3.0], [NAN, NAN, NAN]])
    np.testing.assert_array_equal(highest(held), [3, NAN])
    np.testing.assert_array_equal(lowest(held), [1, NAN])
    np.testing.assert_array_equal(average(held), [2, NAN])
    np.testing.assert_array_equal(upper(held, (0.5, 1.0)), [[1, NAN], [3, NAN]])


@pytest.mark.parametrize("row", [0, 1, 7, 300, 510, 1500, 11000, 11999])
def test_the_newest_row_alone_gives_the_same_features(row: int) -> None:
    u = generated.trace(3, 1, 9)[:12000]
    u[500:520] = NAN
    every = features(u, np.arange(len(u)), 3)
    alone = features(u[: row + 1], np.array([row]), 3)
    np.testing.assert_allclose(alone.x[0], every.x[row], rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(alone.level[0], every.level[row])
    assert every.x.shape == (12000, len(NAMES))
    assert np.isfinite(every.x).all()


def test_many_workloads_at_once_give_the_same_features() -> None:
    u = np.stack([generated.trace(3, i, 2) for i in range(3)])
    newest = np.array([u.shape[1] - 1])
    many = features(u, newest, 3).x
    for i in range(3):
        np.testing.assert_allclose(many[i], features(u[i], newest, 3).x, rtol=1e-12, atol=1e-14)


def test_the_outcome_is_the_highest_demand_ahead_over_the_level() -> None:
    u = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 4.0, 2.0, 2.0])
    got = outcome(u, np.array([4, 7]), 3)
    assert got[0] == pytest.approx(np.log((4 + FLOOR) / (1 + FLOOR)))
    assert np.isnan(got[1]), "nothing was measured ahead"


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.98])
def test_the_regression_finds_a_quantile_that_depends(quantile: float) -> None:
    """y = x + (1 + |x|) e: as many above the line as the quantile says, on both sides of the middle."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=20_000)
    y = x + (1 + np.abs(x)) * draw.normal(size=len(x))
    z = np.column_stack([np.ones(len(x)), x, np.abs(x)])
    held = y <= z @ fit(z, y, quantile, np.zeros(3), 1e-4, np.zeros(3))
    for side in (x < -0.7, np.abs(x) < 0.5, x > 0.7):
        assert held[side].mean() == pytest.approx(quantile, abs=0.015)


def test_a_strong_ridge_keeps_the_prior() -> None:
    draw = np.random.default_rng(1)
    z, prior = draw.normal(size=(500, 3)), np.array([1.0, -2.0, 3.0])
    np.testing.assert_allclose(fit(z, draw.normal(size=500), 0.9, prior, 1e6, prior), prior, atol=1e-2)


def test_rungs_ascend_and_the_last_lie_beyond() -> None:
    crossing = np.array([[0.0, 0.1, 0.3, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0]])
    found = rungs(crossing)
    assert found.shape == (1, len(NOMINAL))
    assert (np.diff(found[0]) >= 0).all()
    assert (np.diff(NOMINAL) < 0).all()
    assert found[0, -1] == pytest.approx(1.0 + BEYOND[-1] * 0.7), "in spreads of the top and the third"


def test_calibration_moves_from_what_is_said_to_what_is_seen() -> None:
    calibration = Calibration()
    np.testing.assert_allclose(calibration.probabilities, NOMINAL)
    for _ in range(200):
        calibration.update(np.tile(np.linspace(1, 0, len(NOMINAL)), (EVERY, 1)))
    weight = 1.0 - PRIOR / (PRIOR + EVERY / (1 - 0.5 ** (EVERY / 1440)))
    expected = weight * np.linspace(1, 0, len(NOMINAL)) + (1 - weight) * NOMINAL
    np.testing.assert_allclose(calibration.probabilities, expected, atol=0.02)


def test_generated_demand_is_of_its_seed() -> None:
    np.testing.assert_array_equal(generated.trace(1, 2, 3), generated.trace(1, 2, 3))
    assert not np.array_equal(generated.trace(1, 2, 3), generated.trace(2, 2, 3))
    for index in range(40):
        u = generated.trace(9, index, 2)
        assert np.isfinite(u).all()
        assert (u >= 0).all()


def test_training_repeats() -> None:
    first, again = (dumped(train(4, traces=8, rows=100, horizons=(3,))) for _ in range(2))
    assert first == again
    assert dumped(train(5, traces=8, rows=100, horizons=(3,))) != first


def test_the_shipped_weights_say_where_they_come_from() -> None:
    weights = shipped()
    assert tuple(weights.fans) == HORIZONS
    assert weights.provenance["generator"] == generated.VERSION
    assert {"seed", "traces", "rows", "days", "ridge"} <= set(weights.provenance)
    assert all(fan.shape == (len(LEVELS), len(NAMES)) for fan in weights.fans.values())
    assert weights.fan(5) is weights.fans[6]
    assert weights.fan(99) is weights.fans[max(HORIZONS)]


def test_a_file_of_weights_is_read_back() -> None:
    text = dumped(shipped())
    assert dumped(loaded(text, "here")) == text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": FORMAT + 1}, "another version"),
        ({"features": ["one"]}, "another version"),
        ({"mean": [0.0] * len(NAMES)}, "digest"),
        ({"provenance": {"seed": 7}}, "digest"),
    ],
)
def test_weights_that_were_changed_are_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(ForecastError, match=told):
        loaded(json.dumps(json.loads(dumped(shipped())) | change), "here")


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json"])
def test_what_is_no_file_of_weights_is_refused(text: str) -> None:
    with pytest.raises(ForecastError, match="not a weights file"):
        loaded(text, "here")
