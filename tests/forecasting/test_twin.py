"""The twin: against a textbook's queue written again, against workloads that really lived, and its own report."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import ForecastError
from forecasting.twin.fit import History, fit, noise_of
from forecasting.twin.latency import p95
from forecasting.twin.rehearse import Fleet, Rehearsal, ready_of, rehearse
from forecasting.twin.replay import _served, judge, part, replay
from forecasting.twin.score import Calibration, calibrate
from forecasting.types import Floats, Ints
from tests.forecasting.sentinel_series import minutely
from tests.forecasting.textbook_reality import Line, above, lived

DAY = 1440


def one(
    demand: Floats,
    replicas: Ints,
    now: int = 4,
    startup_s: float = 60,
    noise: float = 0.0,
    spread: float = 0.0,
    service_s: float = float("nan"),
    per_pod: float = 1.0,
) -> Rehearsal:
    """One workload against one candidate."""
    arrays = (np.array([x]) for x in (startup_s, noise, spread, service_s))
    fleet = Fleet(demand[None, :], np.array([now]), *arrays)
    return rehearse(
        fleet,
        np.atleast_2d(replicas)[None, ...] if replicas.ndim else replicas[None, None],
        np.array([per_pod]),
    )


# -- the queue -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("servers", [1, 2, 3, 7, 20, 40])
@pytest.mark.parametrize("rho", [0.1, 0.5, 0.8, 0.93])
def test_the_95th_percentile_is_the_textbooks(servers: int, rho: float) -> None:
    at = float(p95(np.array([servers]), np.array([rho]))[0])
    assert above(servers, rho, at) == pytest.approx(0.05, rel=0.04)


@pytest.mark.parametrize(("pods", "rho"), [(2, 0.7), (5, 0.85), (12, 0.6)])
def test_arrivals_that_really_wait_are_as_late_and_as_busy(pods: int, rho: float) -> None:
    line, minutes, busy, times = Line(0.05, random.Random(4)), 60, [], []
    for minute in range(minutes):
        share, waited = line.minute(minute * 60.0, rho * pods / 0.05, [0.0] * pods)
        busy.append(share)
        times += waited
    said = one(np.full(minutes, rho * pods), np.array(pods), now=pods, service_s=0.05)
    assert float(said.utilisation[0, 0]) == pytest.approx(np.mean(busy), rel=0.02)
    assert float(said.latency_s[0, 0]) == pytest.approx(np.quantile(times, 0.95), rel=0.08)


def test_past_saturation_what_waits_counts() -> None:
    late = [float(one(np.full(10, x), np.array(4), service_s=0.02).latency_s[0, 0]) for x in (2, 3.9, 4.2, 5)]
    assert late == sorted(late)
    assert late[-1] > 5


# -- starting up and cost ------------------------------------------------------------------------------------


@pytest.mark.parametrize("startup", [0, 1, 3])
def test_pods_are_ready_after_the_start_up_and_gone_at_once(startup: int) -> None:
    asked = np.array([2, 5, 5, 5, 5, 5, 3, 3, 6, 6, 6, 6, 6])
    ready = ready_of(asked[None, None, :], np.array([2]), np.array([startup]), len(asked))[0, 0]
    pods, expected = [(-99, 1)] * 2, []
    for t, n in enumerate(asked):
        pods = [*pods, *[(t, 1)] * max(0, n - len(pods))][:n]
        expected.append(sum(born + startup <= t or born < 0 for born, _ in pods))
    assert ready.tolist() == expected


def test_cost_is_core_hours_asked_for() -> None:
    said = one(np.full(120, 1.0), np.array(6), per_pod=0.5)
    assert float(said.cost[0, 0]) == pytest.approx(6 * 0.5 * 2)


def test_more_is_never_less_safe() -> None:
    chance = np.random.default_rng(2)
    demand = chance.uniform(2, 12, (30, 120))
    columns = (chance.uniform(0, 200, 30), np.full(30, 0.05), np.full(30, 0.2), np.full(30, 0.02))
    fleet = Fleet(demand, np.full(30, 8), *columns)
    said = rehearse(fleet, np.tile(np.arange(1, 21), (30, 1)), np.full(30, 1.0))
    for falls in (said.utilisation, said.violations, said.probability):
        assert (np.diff(falls, axis=1) <= 1e-6).all()
    assert (np.diff(said.cost, axis=1) > 0).all()


# -- probability ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("noise", "spread", "replicas"), [(0.05, 0.1, 13), (0.1, 0.0, 15), (0.02, 0.25, 14)])
def test_the_probability_is_that_of_drawn_futures(noise: float, spread: float, replicas: int) -> None:
    chance = np.random.default_rng(8)
    path = np.full(30, 10.0)
    drawn = path * np.exp(
        spread * chance.normal(0, 1, (20_000, 1)) + noise * chance.normal(0, 1, (20_000, 30))
    )
    over = drawn / replicas > 0.85
    said = one(path, np.array(replicas), now=replicas, noise=noise, spread=spread)
    assert float(said.violations[0, 0]) == pytest.approx(over.sum(axis=1).mean(), abs=0.5)
    assert float(said.probability[0, 0]) == pytest.approx(over.any(axis=1).mean(), abs=0.06)


def test_what_is_not_known_is_not_safe() -> None:
    gone = one(np.full(60, np.nan), np.array(50), now=50)
    assert float(gone.probability[0, 0]) == pytest.approx(1)
    assert float(gone.known[0, 0]) == 0
    assert np.isnan(gone.utilisation[0, 0])
    half = one(np.where(np.arange(60) < 30, 1.0, np.nan), np.array(50), now=50)
    assert float(half.violations[0, 0]) == pytest.approx(30)


def test_candidates_that_make_no_sense_are_refused() -> None:
    demand = np.full(5, 1.0)
    for replicas, per_pod in ((np.array(-1), 1.0), (np.array(1), 0.0), (np.array([1, 2]).reshape(1, 2), 1.0)):
        with pytest.raises(ForecastError):
            one(demand, replicas, per_pod=per_pod)


def test_nothing_ready_is_all_violated_and_no_demand_is_none() -> None:
    assert float(one(np.full(9, 1.0), np.array(0), now=0).violations[0, 0]) == pytest.approx(9)
    assert float(one(np.zeros(9), np.array(1), now=1).violations[0, 0]) == pytest.approx(0, abs=1e-3)


# -- fitting -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.2])
def test_noise_is_fitted(sigma: float) -> None:
    minutes = np.arange(DAY)
    wave = 10 + 5 * np.sin(2 * np.pi * minutes / DAY)
    noisy = wave * np.random.default_rng(1).lognormal(0, sigma, (3, DAY))
    noisy[1, ::5] = np.nan
    assert noise_of(noisy) == pytest.approx([sigma] * 3, rel=0.15)


def test_parameters_are_fitted_to_what_was_lived() -> None:
    rate = 150 + 120 * np.sin(np.arange(2 * DAY) / 60) + 60 * (np.arange(2 * DAY) % 200 < 20)
    seen, _ = lived(rate, hpa(0.5), 0.5, 0.02, 90, seed=1)
    found = fit(seen)
    assert found.startup_s == 120  # 90 to 99 s, on a grid of minutes
    assert found.per_pod == pytest.approx(0.5, rel=0.02)
    assert found.cores_per_unit == pytest.approx(0.02, rel=0.02)
    assert found.assumed == ()


def test_what_the_history_does_not_show_is_said_and_not_trusted() -> None:
    flat = History(np.full(300, 3.0), np.full(300, 3.0), np.full(300, 1.0))
    found, report = judge(flat, 150)
    assert found.assumed == ("start-up", "capacity")
    assert not report.calibrated
    assert "capacity is assumed" in report.verdict


@pytest.mark.parametrize("gone", ["used", "ready"])
def test_a_history_without_samples_is_refused(gone: str) -> None:
    series = {n: np.full(9, np.nan if n == gone else 1.0) for n in ("asked", "ready", "used")}
    with pytest.raises(ForecastError, match="no step"):
        fit(History(**series))
    with pytest.raises(ForecastError, match="steps"):
        fit(History(np.ones(3), np.ones(3), np.ones(4)))


# -- against what really happened ----------------------------------------------------------------------------


def hpa(per_pod: float, target: float = 0.6):  # type: ignore[no-untyped-def]
    """A threshold with five minutes of patience on the way down."""
    low = [0]

    def ask(now: int, used: float) -> int:
        wanted = max(2, int(np.ceil(used / (per_pod * target))))
        low[0] = low[0] + 1 if wanted < now else 0
        return min(wanted, now + 4) if wanted > now or low[0] >= 5 else now

    return ask


@pytest.mark.slow
def test_it_says_what_happened() -> None:
    """Every minute of two days on each 1-minute trace, the second half judged: its utilisation is near the true
    one, and what it reports of its error is not better than the truth."""
    errors, said_errors, scores = [], [], []
    for demand in minutely().values():
        rate = np.maximum(demand[: 2 * DAY], 0.02) * 15 * 0.5 / 0.02
        seen, truth = lived(rate, hpa(0.5), 0.5, 0.02, 100, seed=3)
        half = len(rate) // 2
        fitted, report = judge(seen, half, target=0.8)
        said = replay(part(seen, slice(half, None)), fitted)
        errors.append(float(np.abs(said - truth[half:]).mean() / truth[half:].mean()))
        said_errors.append(report.utilisation_error)
        if (truth[half:] > 0.8).sum() >= 30:
            scores.append(calibrate(said, said, truth[half:], 0.8).f1 or 0.0)
    assert np.median(errors) <= 0.05
    assert (np.array(said_errors) >= 0.85 * np.array(errors)).all()
    assert np.median(scores) >= 0.8


# -- its own report ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "word"),
    [
        (Calibration(0.05, 0.9, 0.95, 0.95, 500), "calibrated"),
        (Calibration(0.05, None, 0.955, 0.95, 500), "calibrated"),
        (Calibration(0.11, 0.9, 0.95, 0.95, 500), "utilisation error 11.0%"),
        (Calibration(0.05, 0.79, 0.95, 0.95, 500), "F1 0.79"),
        (Calibration(0.05, 0.9, 0.93, 0.95, 500), "coverage 93.0%"),
        (Calibration(float("nan"), 0.9, 0.95, 0.95, 500), "utilisation error"),
        (Calibration(0.0, 1.0, 0.95, 0.95, 30), "30 steps compared"),
    ],
)
def test_it_says_when_it_is_not_to_be_believed(report: Calibration, word: str) -> None:
    assert word in report.verdict
    assert report.calibrated is (word == "calibrated")
    assert report.calibrated or report.verdict.startswith("uncalibrated: recommend only")


def test_calibration_is_counted_as_the_words_mean() -> None:
    was = np.array([0.5, 0.9, 0.9, 0.5, np.nan] * 40)
    said = np.array([0.6, 0.9, 0.8, 0.9, 0.7] * 40)
    report = calibrate(said, said, was, 0.85, level=0.75)
    assert report.steps == 160
    assert report.utilisation_error == pytest.approx((0.1 + 0 + 0.1 + 0.4) / 4 / 0.7)
    assert report.f1 == pytest.approx(0.5)
    assert report.coverage == pytest.approx(0.75)
    assert calibrate(was * np.nan, was, was, 0.85).steps == 0


@given(
    st.lists(
        st.tuples(st.floats(0, 5) | st.just(float("nan")), st.sampled_from([0.0, 1.0, 2.0])),
        min_size=1,
        max_size=80,
    )
)
def test_what_is_left_over_is_carried_on_as_step_by_step(steps: list[tuple[float, float]]) -> None:
    work, capacity = (np.array(column) for column in zip(*steps, strict=True))
    said, left = np.full(len(work), np.nan), 0.0
    for t in range(len(work)):
        if not np.isfinite(work[t]):
            left = 0.0
            continue
        due = work[t] + left
        said[t] = min(1.0, due / capacity[t]) if capacity[t] > 0 else 1.0
        left = min(max(0.0, due - capacity[t]), capacity[t])
    assert np.array_equal(_served(work, capacity), said, equal_nan=True)
