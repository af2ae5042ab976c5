"""The sentinel: the textbook's figures, causality, bad data, and its bars on traces that set no parameter."""

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from forecasting.errors import ForecastError
from forecasting.sentinel.baselines import predict_linear
from forecasting.sentinel.burn import BURNS, burning, increases
from forecasting.sentinel.estimates import estimate
from forecasting.sentinel.exhaustion import scan
from forecasting.sentinel.rule import RULE, fitted
from forecasting.sentinel.series import Series, blocks, gridded, row_medians
from forecasting.sentinel.trend import trends
from forecasting.types import Floats
from tests.forecasting.sentinel_series import Case, cases, half, judged, traces

DAY = 1440
NOISE = np.random.default_rng(5).normal(0, 0.002, 4 * DAY)


def leak(hours: float, onset: int = 2 * DAY, size: int = 4 * DAY) -> Floats:
    """0.4 of 1, and from the onset on a growth that fills the rest within the hours."""
    minutes = np.arange(size)
    used = 0.4 + NOISE[:size] + 0.6 / (hours * 60) * np.maximum(minutes - onset, 0)
    return np.minimum(used, 1.0)[: onset + int(hours * 60)]


# -- the estimators ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_slope_and_trend_are_those_of_all_pairs(seed: int) -> None:
    chance = np.random.default_rng(seed)
    row = chance.normal(0, 1, 15) + 0.2 * np.arange(15)
    row[chance.integers(0, 15, seed)] = np.nan
    pairs = [(i, j) for i, j in combinations(range(15), 2) if np.isfinite(row[i]) and np.isfinite(row[j])]
    n = int(np.isfinite(row).sum())
    score = sum(np.sign(row[j] - row[i]) for i, j in pairs)
    found = trends(row[None, :])
    assert found.slope[0] == pytest.approx(np.median([(row[j] - row[i]) / (j - i) for i, j in pairs]))
    assert found.tau[0] == pytest.approx(score / len(pairs))
    assert found.z[0] == pytest.approx(
        np.sign(score) * max(abs(score) - 1, 0) / math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    )
    assert found.low[0] <= found.slope[0] <= found.high[0]


def test_the_interval_of_the_slope_holds_it_in_95_of_100() -> None:
    rows = np.random.default_rng(1).normal(0, 1, (2000, 24)) + 0.1 * np.arange(24)
    found = trends(rows)
    assert 0.93 < np.mean((found.low <= 0.1) & (found.high >= 0.1)) < 0.97


def test_medians_leave_out_what_is_missing() -> None:
    rows = np.array([[3.0, np.nan, 1.0], [np.nan] * 3, [4.0, 1.0, 2.0]])
    assert np.array_equal(row_medians(rows), [2.0, np.nan, 2.0], equal_nan=True)


# -- exhaustion ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [8, 12, 24, 40])
def test_a_leak_is_found_with_its_moment(hours: float) -> None:
    values = leak(hours)
    (found,) = scan(Series(0, 60, values), 1.0)
    left = len(values) * 60 - found.found_s
    assert found.found_s > 2 * DAY * 60
    assert left >= 5 * 3600
    assert abs(found.full_s - len(values) * 60) <= 0.15 * left
    assert found.soonest_s <= found.full_s <= found.latest_s
    assert found.confidence > 0.999


def test_the_future_does_not_change_the_past() -> None:
    values = leak(12)
    other = values.copy()
    other[2 * DAY + 300 :] *= np.linspace(1, 0.2, len(values) - 2 * DAY - 300)
    known = (2 * DAY + 300) // 5
    a, b = (estimate(blocks(Series(0, 60, v)), 1.0, fitted(RULE, 300)) for v in (values, other))
    for name in ("eta_s", "slope", "z", "fires"):
        assert np.array_equal(getattr(a, name)[:known], getattr(b, name)[:known], equal_nan=True), name


def ramps(minutes: Floats) -> Floats:
    return np.where(minutes % DAY < 480, minutes % DAY / 480, 0.0)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("flat", 0.6 + NOISE),
        ("constant", np.full(DAY, 0.9)),
        ("zeros", np.zeros(DAY)),
        ("a cache that warms up", 0.7 - 0.3 * np.exp(-np.arange(DAY) / 120) + NOISE[:DAY]),
        ("full to nine tenths and steady", 0.9 + NOISE),
        ("falls", 0.9 - 0.1 * np.arange(DAY) / DAY + NOISE[:DAY]),
        ("spikes of ten times", np.where(np.arange(DAY) % 97 == 0, 5.0, 0.5 + NOISE[:DAY])),
        ("restarts", 0.7 - 0.3 * np.exp(-(np.arange(DAY) % 400) / 60) + NOISE[:DAY]),
    ],
)
def test_what_only_looks_like_a_leak_is_none(name: str, values: Floats) -> None:
    assert scan(Series(0, 60, values), 1.0) == ()


@pytest.mark.parametrize("cycle", [ramps, lambda minutes: np.sin(2 * np.pi * minutes / DAY)])
def test_a_days_course_is_known_after_a_day(cycle: Callable[[Floats], Floats]) -> None:
    values = 0.5 + 0.25 * cycle(np.arange(4 * DAY)) + NOISE
    assert all(found.found_s < DAY * 60 for found in scan(Series(0, 60, values), 1.0))


def test_a_leak_that_restarts_is_found_again() -> None:
    values = 0.3 + 0.7 * (np.arange(3 * DAY) % 720) / 720 + NOISE[: 3 * DAY]
    assert len(scan(Series(0, 60, values), 1.0)) >= 4


# -- bad data ------------------------------------------------------------------------------------------------


def test_gaps_are_missing_and_nothing_else() -> None:
    values = leak(20)
    values[2 * DAY + 100 : 2 * DAY + 160] = np.nan
    values[::7] = np.nan
    (found,) = scan(Series(0, 60, values), 1.0)
    assert abs(found.full_s - len(values) * 60) < 7200


def test_where_nothing_is_measured_any_more_nothing_is_said() -> None:
    values = leak(12)
    full = scan(Series(0, 60, values), 1.0)[0]
    values[full.found_s // 60 - 60 :] = np.nan
    assert scan(Series(0, 60, values), 1.0) == ()


def test_what_went_stale_is_not_open() -> None:
    at = [float(60 * i) for i in range(300)]
    series = gridded(at, [1.0] * 200 + [math.nan] * 100)
    assert series.end_s == at[-1]
    assert np.isnan(series.values[200:]).all()


def test_unordered_and_twice_and_future_are_corrected_and_said() -> None:
    values = leak(12)
    at = np.arange(len(values)) * 60.0
    shuffled = np.random.default_rng(3).permutation(len(values))
    times = [*at[shuffled], at[5], at[-1] + 86_400]
    given = [*values[shuffled], values[5], 99.0]
    series = gridded(times, given, now_s=int(at[-1]))
    assert np.array_equal(series.values, values)
    assert [n.split(" ", 1)[1].split()[1] for n in series.notes] == ["from", "out", "with"]
    assert scan(series, 1.0) == scan(Series(0, 60, values), 1.0)


def test_a_counter_that_resets_is_a_restart_each_time() -> None:
    counter = np.cumsum(np.full(DAY, 1.0)) % 90
    assert scan(Series(0, 60, counter), 1000.0) == ()
    assert np.nansum(increases(counter)) == pytest.approx(DAY, rel=0.02)


@pytest.mark.parametrize("step", [1, 15, 300, 3600])
def test_any_resolution(step: int) -> None:
    minutes = np.arange(0, 4 * DAY * 60, step) / 60
    values = 0.4 + 0.6 / (60 * 60) * np.maximum(minutes - 2 * DAY / 2, 0)
    values = values[values < 1] + np.random.default_rng(2).normal(0, 0.001, int((values < 1).sum()))
    found = scan(Series(0, step, values), 1.0)
    assert found
    full = len(values) * step
    assert abs(found[0].full_s - full) <= 0.15 * (full - found[0].found_s)


@pytest.mark.parametrize(
    ("times", "values", "what"),
    [
        ([], [], "fewer than two moments"),
        ([5.0], [1.0], "fewer than two moments"),
        ([5.0, 5.0], [1.0, 2.0], "fewer than two moments"),
        ([math.nan, 5.0], [1.0, 2.0], "fewer than two moments"),
        ([0.0, 1.0, 2.0, 4e9], [1.0] * 4, "spans"),
    ],
)
def test_what_is_no_series_is_refused_with_a_hint(times: list[float], values: list[float], what: str) -> None:
    with pytest.raises(ForecastError, match=what) as refused:
        gridded(times, values)
    assert refused.value.hint


# -- burn rates ----------------------------------------------------------------------------------------------


def test_the_windows_are_the_workbooks() -> None:
    assert [(b.factor, b.long_s, b.short_s) for b in BURNS] == [
        (14.4, 3600, 300), (6.0, 21_600, 1800), (1.0, 259_200, 21_600)
    ]  # fmt: skip
    # The share of a 30-day budget that each has spent when it fires: 2, 5 and 10 %.
    assert [round(b.factor * b.long_s / (30 * 86_400), 3) for b in BURNS] == [0.02, 0.05, 0.1]


@pytest.mark.parametrize(
    ("share", "minutes", "fires"),
    [
        (0.02, 70, [True, False, False]),
        (0.02, 30, [False, False, False]),
        (0.007, 400, [False, True, False]),
        (0.0015, 4320, [False, False, True]),
        (0.0005, 4320, [False, False, False]),
    ],
)
def test_burns(share: float, minutes: int, fires: list[bool]) -> None:
    total = np.full(4320, 1000.0)
    bad = np.where(np.arange(4320) >= 4320 - minutes, share * total, 0.0)
    assert [b.fires for b in burning(bad, total, 60, 0.999)] == fires


def test_a_burn_that_is_over_does_not_fire() -> None:
    total = np.full(4320, 1000.0)
    bad = np.zeros(4320)
    bad[-60:-6] = 100
    assert not burning(bad, total, 60, 0.999)[0].fires


def test_no_traffic_burns_nothing_and_what_is_missing_does_not_fire() -> None:
    zeros, gone = np.zeros(100), np.full(100, np.nan)
    assert [b.long_rate for b in burning(zeros, zeros, 60, 0.99)] == [0, 0, 0]
    assert not any(b.fires for b in burning(gone, gone, 60, 0.99))
    assert burning(gone, gone, 60, 0.99)[0].long_known == 0
    for bad, objective in ((zeros, 1.0), (zeros, 0.0), (np.zeros(3), 0.99)):
        with pytest.raises(ForecastError):
            burning(bad, zeros, 60, objective)


# -- the bars, on traces that set no parameter ---------------------------------------------------------------


def alarms(case: Case) -> list[Any]:
    """The findings after a leak's onset, or all."""
    since = case.series.start_s + (case.onset or 0) * 60
    return [f for f in scan(case.series, case.limit) if f.found_s >= since]


def test_leaks_are_found_early_and_right() -> None:
    found = [(case, alarms(case)) for case in cases(True, 1, leaks=True)]
    hit = [(case, said[0]) for case, said in found if said]
    fulls = [case.series.start_s + (case.full or 0) * 60 for case, _ in hit]
    leads = [full - f.found_s for full, (_, f) in zip(fulls, hit, strict=True)]
    errors = [abs(f.full_s - full) / lead for full, lead, (_, f) in zip(fulls, leads, hit, strict=True)]
    noisy = [bool(said) for case, said in found if case.kind == "saturation"]
    # In raw CPU as it jumps a leak of it is told in seven of ten cases only (docs/sentinel.md).
    assert len(hit) - sum(noisy) >= 0.97 * (len(found) - len(noisy))
    assert sum(noisy) >= 0.65 * len(noisy)
    assert len(hit) >= 0.95 * len(found)
    assert np.median(leads) >= 5 * 3600
    assert np.median(errors) <= 0.15


def test_few_series_without_a_leak_raise_an_alarm_and_fewer_than_with_predict_linear() -> None:
    without = list(cases(True, 1, leaks=False))
    ours = sum(bool(alarms(case)) for case in without)
    theirs = sum(bool(predict_linear(case.series, case.limit, 6 * 3600)[1].any()) for case in without)
    assert ours <= 0.05 * len(without)
    assert ours * 4 < theirs


@pytest.mark.slow
def test_demand_as_it_is_raises_few_alarms_below_a_limit_that_it_never_reaches() -> None:
    """The bar of 5 % is for what pods use; raw demand, which leaks nowhere, is beyond it (docs/sentinel.md)."""
    ours, theirs, count = 0, 0, 0
    for name, demand in traces().items():
        if not judged(name):
            continue
        for at in range(0, max(len(demand) - 4 * DAY, 0) + 1, 4 * DAY):
            used = Series(at * 60, 60, np.maximum(demand[at : at + 4 * DAY], 0))
            limit = 1.25 * float(used.values.max())
            ours += bool(scan(used, limit))
            theirs += bool(predict_linear(used, limit, 6 * 3600)[1].any())
            count += 1
    assert ours <= 0.12 * count
    assert ours * 8 < theirs


def test_the_split_is_by_name_and_both_halves_are_used() -> None:
    assert {half(name) for name in "abcd"} == {True, False}
