"""The quantile policy: causal, the same live as replayed, safe with bad data, calibrated; and its weights' file."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting.demand.generated import trace
from forecasting.demand.online import Online
from forecasting.demand.recommender import QuantilePolicy
from forecasting.demand.stream import EVERY, forecast, horizon_of
from forecasting.errors import ForecastError
from forecasting.types import Demand, Floats, Ints, Shape

SHAPE = Shape(per_replica=2.0)
PLAYED = 3 * 1440


def demand(index: int = 3, days: int = 4, played: int = PLAYED) -> Demand:
    return Demand(trace(11, index, days) * SHAPE.per_replica, played)


def replicas(given: Demand, risk: float = 0.02, own: bool = True) -> Ints:
    return QuantilePolicy(risk, own).replay(given, SHAPE)


def changed(given: Demand, at: int, to: float | Floats) -> Demand:
    values = given.values.copy()
    values[at : at + np.size(to)] = to
    return replace(given, values=values)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("after", [1, 59, 60, 61, 700])
def test_the_future_does_not_change_the_past(own: bool, after: int) -> None:
    given, cut = demand(), PLAYED + after
    other = changed(given, cut, np.full(len(given.values) - cut, 1e4))
    assert replicas(given, own=own)[: after + 1].tolist() == replicas(other, own=own)[: after + 1].tolist()


def test_the_future_does_not_change_the_past_when_refitted_in_between() -> None:
    given = demand(5, days=4, played=1800)
    cut = 1800 + 1440 + 5
    other = changed(given, cut, np.full(len(given.values) - cut, 0.0))
    assert replicas(given)[: 1440 + 6].tolist() == replicas(other)[: 1440 + 6].tolist()


@pytest.mark.parametrize("index", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (5, 8))])
@pytest.mark.parametrize("own", [True, False])
def test_live_is_as_replayed(index: int, own: bool) -> None:
    given = changed(demand(index), PLAYED + 100, np.nan)
    replayed = replicas(given, own=own)
    live = Online.start(replace(given, values=given.values[:PLAYED]), SHAPE, QuantilePolicy(0.02, own))
    steps = 3 * EVERY + 7
    got = [live.replicas, *(live.observe(v) for v in given.values[PLAYED : PLAYED + steps - 1].tolist())]
    assert got == replayed[:steps].tolist()


def test_live_starts_from_one_sample() -> None:
    given = replace(demand(), played=1)
    live = Online.start(replace(given, values=given.values[:1]), SHAPE, QuantilePolicy())
    got = [live.replicas, *(live.observe(v) for v in given.values[1:300].tolist())]
    assert got == replicas(given)[:300].tolist()


def test_scale_free() -> None:
    given = demand()
    other = replace(given, values=given.values * 50)
    assert np.array_equal(
        replicas(given),
        QuantilePolicy(0.02).replay(other, replace(SHAPE, per_replica=SHAPE.per_replica * 50)),
    )


def test_less_risk_asks_for_more() -> None:
    sums = [int(replicas(demand(), risk).sum()) for risk in (0.3, 0.1, 0.03, 0.01, 0.003)]
    assert sums == sorted(sums)


def test_a_gap_lowers_nothing() -> None:
    asked = replicas(changed(demand(), PLAYED + 100, np.full(120, np.nan)))
    during = asked[101 : 100 + 121]
    assert (during >= asked[100]).all()
    assert (np.diff(during) >= 0).all()


def test_scattered_gaps_lower_nothing_where_they_are() -> None:
    given = demand()
    missing = np.flatnonzero(np.random.default_rng(1).random(len(given.values)) < 0.3)
    values = given.values.copy()
    values[missing] = np.nan
    asked = replicas(replace(given, values=values))
    step = np.diff(asked, prepend=asked[0])
    blind = missing[(missing >= PLAYED) & (missing < len(values) - 1)] + 1 - PLAYED
    assert (step[blind] >= 0).all()
    assert asked.mean() < 1.3 * replicas(given).mean()


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, -5.0])
def test_what_is_no_measurement_is_missing(wrong: float) -> None:
    given = demand()
    assert np.array_equal(
        replicas(changed(given, PLAYED + 50, wrong)), replicas(changed(given, PLAYED + 50, np.nan))
    )


def test_zeros_need_the_minimum() -> None:
    asked = QuantilePolicy().replay(Demand(np.zeros(3000), 1500), replace(SHAPE, minimum=2))
    assert set(asked.tolist()) == {2}


def test_a_constant_needs_what_carries_it() -> None:
    """17 cores of 2 at 85 % are 10 replicas."""
    asked = replicas(Demand(np.full(6000, 17.0), 3000))
    assert set(asked.tolist()) <= {10, 11}


def test_a_spike_is_over_after_the_hold() -> None:
    given = demand()
    plain, spiked = replicas(given), replicas(changed(given, PLAYED + 200, given.values[PLAYED + 200] * 10))
    assert spiked[201] > plain[201], "it may be the beginning of more"
    assert abs(spiked[400:].mean() - plain[400:].mean()) < 0.2 * plain.mean()


@pytest.mark.parametrize("index", [3, 5])
@pytest.mark.parametrize("own", [True, False])
def test_a_spike_is_not_carried_on_by_a_straight_line(index: int, own: bool) -> None:
    """Ten times the demand in one minute may ask for twice as much as that, not for a hundred times."""
    given = demand(index)
    spike = given.values[PLAYED + 200] * 10
    asked = replicas(changed(given, PLAYED + 200, spike), own=own)
    most = 2 * (max(spike, np.nanmax(given.values)) / SHAPE.per_replica + 4) / SHAPE.target_util
    assert asked.max() <= np.ceil(1.02 * most)


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(ForecastError, match="no demand was measured"):
        replicas(Demand(np.full(100, np.nan), 50))


@pytest.mark.parametrize("step_s", [1, 3600])
def test_another_grid_is_refused(step_s: int) -> None:
    with pytest.raises(ForecastError, match=f"a grid of {step_s} s"):
        replicas(Demand(np.ones(100), 50, step_s=step_s))


@pytest.mark.parametrize("risk", [0.0, 1.0, -1.0, float("nan")])
def test_a_risk_is_a_probability(risk: float) -> None:
    with pytest.raises(ForecastError, match="a risk of"):
        QuantilePolicy(risk)


@pytest.mark.parametrize("played", [0, 1, 2, 4, 30])
def test_without_a_past_it_starts_from_the_minimum(played: int) -> None:
    given = replace(demand(), played=played)
    asked = replicas(given)
    assert len(asked) == len(given.values) - played
    assert asked[0] == SHAPE.minimum if played == 0 else asked[0] > SHAPE.minimum


def test_never_above_the_maximum() -> None:
    asked = QuantilePolicy().replay(demand(), replace(SHAPE, maximum=3, minimum=2))
    assert asked.min() >= 2
    assert asked.max() <= 3


@pytest.mark.parametrize(
    ("shape", "steps"),
    [
        (Shape(1.0), 3),
        (Shape(1.0, startup_s=0), 2),
        (Shape(1.0, startup_s=61), 4),
        (Shape(1.0, startup_s=600, lag_s=30), 13),
    ],
)
def test_the_horizon_carries_startup_interval_and_lag(shape: Shape, steps: int) -> None:
    assert horizon_of(shape) == steps


def test_a_longer_start_asks_for_more() -> None:
    given = demand()
    slow = QuantilePolicy(own=False).replay(given, replace(SHAPE, startup_s=540))
    assert slow.mean() > replicas(given, own=False).mean()


@pytest.mark.parametrize("own", [pytest.param(True, marks=pytest.mark.slow), False])
def test_coverage_is_as_said(own: bool) -> None:
    """Over traces that were not trained on (another seed): of each rung within 5 points, of the high ones 2.5."""
    pairs = np.mean([forecast(demand(i), SHAPE, own).coverage(1440) for i in range(6)], axis=0)
    off = np.abs(pairs[:, 0] - pairs[:, 1])
    assert off.max() < 0.05
    assert off[pairs[:, 0] > 0.9].max() < 0.025
