"""The peers that forecast, against their formulas written out, and the rules that hold for every recommender."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from forecasting.backtest.names import Name
from forecasting.backtest.recommenders import Setting, played
from forecasting.backtest.score import score
from forecasting.replicas.floored import Floored
from forecasting.replicas.holt_winters import HoltWinters
from forecasting.replicas.hpa import Hpa
from forecasting.replicas.oracle import Oracle
from forecasting.replicas.seasonal_naive import SeasonalNaive
from forecasting.replicas.sizing import ahead, carried, highest_ahead
from forecasting.replicas.static import Static
from forecasting.types import Demand, Floats, ReplicaRecommender, Shape

DAY = 1440
CAUSAL: dict[str, Callable[[], ReplicaRecommender]] = {
    "hpa": lambda: Hpa(70),
    "seasonal": lambda: SeasonalNaive(70),
    "holt-winters": lambda: HoltWinters(70),
    "seasonal+hpa": lambda: Floored(SeasonalNaive(70), Hpa(70)),
    "holt-winters+hpa": lambda: Floored(HoltWinters(70), Hpa(70)),
    "static": lambda: Static(),
}
SHAPES = [Shape(1.0), Shape(0.5, startup_s=150, lag_s=90), Shape(1.0, startup_s=0)]


def demand(days: float = 3, seed: int = 1) -> Demand:
    """Days with a cycle, noise, and a few gaps."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(days * DAY))
    values = 20 + 12 * np.sin(t / DAY * 2 * math.pi) + rng.normal(0, 1.5, len(t))
    values[rng.integers(0, len(t), 20)] = np.nan
    values[700:712] = np.nan
    return Demand(values, len(t) // 2)


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("other", [0.0, np.nan, 500.0])
def test_another_future_has_the_same_past(name: str, shape: Shape, other: float) -> None:
    given = demand()
    at = given.played + 700
    changed = given.values.copy()
    changed[at:] = other
    before = CAUSAL[name]().replay(given, shape)
    after = CAUSAL[name]().replay(Demand(changed, given.played), shape)
    assert len(before) == len(given.values) - given.played
    assert before[: at - given.played + 1].tolist() == after[: at - given.played + 1].tolist()


@pytest.mark.parametrize("name", CAUSAL)
def test_missing_data_never_lowers(name: str) -> None:
    given = demand()
    values = given.values.copy()
    values[given.played + 100 : given.played + 900] = np.nan
    found = CAUSAL[name]().replay(Demand(values, given.played), Shape(1.0))
    assert (np.diff(found[101:901]) >= 0).all()


@pytest.mark.parametrize("name", [*get_args(Name)])
def test_a_step_that_follows_a_missing_one_is_never_lower(name: Name) -> None:
    """Of every policy, also between the minutes, whatever is missing: single minutes, hours, falls and rises."""
    given = demand(2, seed=4)
    rng, values = np.random.default_rng(6), given.values.copy()
    for at, count in zip(rng.integers(0, len(values), 60), rng.integers(1, 60, 60), strict=True):
        values[at : at + count] = np.nan
    policy = Setting(name, 0.02 if name == "quantile" else 70).recommender()
    asked = played(policy, replace(given, values=values), Shape(1.0))
    each = len(asked) // (len(values) - given.played)
    blind = np.isnan(np.repeat(values[given.played :], each))[:-1]
    assert blind.sum() > 300
    assert name == "oracle" or (np.diff(asked)[blind] >= 0).all(), "the oracle knows what nobody measured"


@pytest.mark.parametrize("name", [*CAUSAL, "oracle"])
@pytest.mark.parametrize("values", [np.zeros(200), np.full(200, 7.0), np.full(200, np.nan), np.ones(2)])
def test_dull_demand_leads_to_a_sane_number(name: str, values: Floats) -> None:
    policy = Oracle() if name == "oracle" else CAUSAL[name]()
    found = policy.replay(Demand(values, len(values) // 2), Shape(1.0, minimum=2, maximum=9))
    assert len(found) == len(values) - len(values) // 2
    assert ((found >= 2) & (found <= 9)).all()
    if not np.nansum(values):
        assert set(found.tolist()) == {2}


def test_seasonal_naive_is_the_same_time_yesterday() -> None:
    values = np.arange(3 * DAY, dtype=float)
    found = SeasonalNaive(100).forecast(Demand(values, 2 * DAY), Shape(1.0, startup_s=120, interval_s=60))
    assert found.tolist() == (values[DAY : 2 * DAY] + 2).tolist(), "the highest of three minutes from then on"


def test_seasonal_naive_takes_the_last_value_where_yesterday_is_not_known() -> None:
    found = SeasonalNaive().forecast(Demand(np.arange(100, dtype=float), 50), Shape(1.0))
    assert found.tolist() == list(range(49, 99))
    late = SeasonalNaive().forecast(Demand(np.arange(100, dtype=float), 50), Shape(1.0, lag_s=120))
    assert late.tolist() == list(range(47, 97))


def test_holt_winters_is_the_textbooks_recursion() -> None:
    """FPP3 8.3, additive, component form: l = a(y - s) + (1 - a)(l + b), b = B(l - l') + (1 - B)b' with
    B = beta / alpha, s = g(y - l' - b') + (1 - g)s."""
    given = Demand(
        np.random.default_rng(2).uniform(5, 9, 3 * 24) + np.tile(np.arange(24.0), 3), 48, step_s=3600
    )
    shape = Shape(1.0, startup_s=3600, interval_s=3600)
    a, b, g = 0.4, 0.05, 0.2
    level, trend = float(given.values[:24].mean()), 0.0
    season = list(given.values[:24] - level)
    expected = []
    for t, y in enumerate(given.values.tolist()):
        expected.append(max(level + h * trend + season[(t + h - 1) % 24] for h in (1, 2)))
        old, s = (level, trend), season[t % 24]
        level = a * (y - s) + (1 - a) * (old[0] + old[1])
        trend = b / a * (level - old[0]) + (1 - b / a) * old[1]
        season[t % 24] = g * (y - old[0] - old[1]) + (1 - g) * s
    assert HoltWinters(70, a, b, g).forecast(given, shape) == pytest.approx(expected[48:])


def test_holt_winters_without_a_day_follows_level_and_trend() -> None:
    values = np.arange(600, dtype=float)
    found = HoltWinters(70, 0.5, 0.3, 0.1).forecast(Demand(values, 300), Shape(1.0))
    assert found[100:] == pytest.approx(values[400:] + 1, abs=0.01)


def test_holt_winters_goes_on_by_its_trend_while_nothing_is_measured() -> None:
    """A missing value leaves the error at zero: l = l + b, the season as it was (FPP3 8.5 with e = 0)."""
    values = np.arange(600, dtype=float)
    values[500:540] = np.nan
    found = HoltWinters(70, 0.5, 0.3, 0.1).forecast(Demand(values, 300), Shape(1.0))
    assert found[200:240] == pytest.approx(np.arange(501.0, 541.0), abs=0.01)


def test_static_is_the_historys_peak() -> None:
    values = np.concatenate([np.full(50, 8.5), np.full(50, 30.0)])
    assert set(Static().replay(Demand(values, 50), Shape(1.0)).tolist()) == {10}
    assert set(Static(50).replay(Demand(values, 50), Shape(1.0)).tolist()) == {17}


@pytest.mark.parametrize("startup", [0, 45, 60, 61, 150])
def test_nobody_beats_the_oracle(startup: int) -> None:
    """Of all plans of 7 minutes with 1 to 3 replicas the cheapest that violates nothing is as dear."""
    values = np.array([1.0, 0.5, 2.4, 0.8, 0.8, 1.6, 0.2])
    shape, given = Shape(1.0, startup_s=startup), Demand(values, 0)
    plan = Oracle().replay(given, shape)
    assert score(plan, given, shape).violations == 0
    plans = (np.array(one) for one in itertools.product((1, 2, 3), repeat=7))
    cheapest = min(int(one.sum()) for one in plans if not score(one, given, shape).violations)
    assert int(plan.sum()) == cheapest


def test_a_floor_holds_at_once_and_the_hpa_guards_above_it() -> None:
    class Given:
        name = "given"

        def replay(self, demand: Demand, shape: Shape) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
            return np.array([2] * 30 + [40] * 30 + [2] * 60)

    values = np.concatenate([np.full(100, 7.0), np.full(50, 7.0), np.full(70, 14.0)])
    found = Floored(Given(), Hpa(70)).replay(Demand(values, 100), Shape(1.0))
    assert set(found[:30].tolist()) == {10}
    assert set(found[30:60].tolist()) == {40}, "without a limit on the rate, as minReplicas is"
    assert found[-1] == 20, "the reactive guard, above the floor"


def test_sizing() -> None:
    load = np.array([np.nan, 8.5, np.nan, 0.0, 8.51])
    assert carried(load, Shape(1.0, minimum=2), 0.85).tolist() == [2, 10, 10, 2, 11]
    assert highest_ahead(np.array([1, np.nan, 3, 0, np.nan]), 2).tolist()[:4] == [1, 3, 3, 0]
    assert [ahead(Shape(1.0, startup_s=s), 60) for s in (0, 1, 60, 61)] == [1, 2, 2, 3]
