"""A fleet at one moment: the newest row of the forecast, and the candidates played."""

import numpy as np
import pytest

from forecasting.demand.choice import worth
from forecasting.demand.stream import along, highest_so_far
from forecasting.errors import ForecastError
from forecasting.twin.fleet import UNKNOWN_SPREAD, Outlook, candidates, outlook, path_of, rehearsed, spread_of
from forecasting.types import Floats
from tests.forecasting.sentinel_series import judged, traces

DAY = 1440
CHANCE = np.random.default_rng(6)
MINUTES = np.arange(9 * DAY)
DEMAND = CHANCE.uniform(2, 20, (5, 1)) * (
    1 + 0.4 * np.sin(2 * np.pi * MINUTES / DAY + CHANCE.uniform(0, 6, (5, 1)))
)
DEMAND = DEMAND * CHANCE.lognormal(0, 0.03, DEMAND.shape)
SEEN, COMES = DEMAND[:, : 8 * DAY], DEMAND[:, 8 * DAY :]
EACH, HORIZONS = np.full(5, 0.5), np.array([3, 2, 3, 6, 2])


def looked(history: Floats) -> Outlook:
    return outlook(history, EACH, HORIZONS, 120)


@pytest.mark.parametrize("own", [False, True])
def test_a_row_at_once_is_the_policys_row_alone(own: bool) -> None:
    trails = [along(SEEN[i] / EACH[i], 8 * DAY, int(HORIZONS[i]), own) for i in range(5)]
    said = np.stack([t.forecast.probabilities[-1] for t in trails])
    seen = outlook(SEEN, EACH, HORIZONS, 120, np.stack([t.fan for t in trails]) if own else None, said)
    for i, trail in enumerate(trails):
        last = trail.forecast.ladder[-1:], trail.forecast.probabilities[-1:], trail.forecast.peak[-1:]
        assert np.allclose(seen.ladder[i], last[0][0])
        assert seen.need(0.02)[i] == pytest.approx(worth(*last, 0.02)[0])


def test_the_peak_is_that_of_the_whole_history() -> None:
    """Of a workload that has grown, beside fewer workloads than there are minutes."""
    grown = np.concatenate([0.1 * SEEN[:, :DAY], SEEN[:, DAY:]], axis=1)
    peaks = [highest_so_far(row / each)[-1] for row, each in zip(grown, EACH, strict=True)]
    assert np.allclose(looked(grown).peak, peaks)


def test_the_outlook_is_near_what_comes() -> None:
    seen = looked(SEEN)
    assert np.abs(seen.path / COMES[:, :120] - 1).mean() < 0.1
    assert (seen.need(0.02) * EACH >= COMES[:, :2].max(axis=1)).mean() >= 0.8
    assert np.allclose(seen.noise, 0.03, rtol=0.3)
    assert (seen.spread < 0.1).all()


def test_a_candidate_that_is_played_has_the_risk_that_it_has() -> None:
    seen = looked(SEEN)
    now = np.ceil(SEEN[:, -1] / EACH / 0.7).astype(np.int64)
    chosen = candidates(seen.need(0.02), now, 0.85, 20)
    assert chosen.shape == (5, 20)
    assert (chosen[:, 0] == now).all()
    said = rehearsed(seen, now, np.full(5, 60.0), EACH, chosen)
    really = (COMES[:, None, 2:120] / (chosen[:, :, None] * EACH[:, None, None]) > 0.85).any(axis=2)
    assert really[said.probability > 0.95].mean() > 0.9
    assert really[said.probability < 0.05].mean() < 0.1


def test_where_the_newest_is_missing_nothing_is_changed() -> None:
    gone = SEEN.copy()
    gone[0, -30:] = np.nan
    seen = looked(gone)
    assert np.isnan(seen.ladder[0]).all()
    now = np.full(5, 7)
    chosen = candidates(seen.need(0.02), now, 0.85, 20)
    assert (chosen[0] == 7).all()
    assert np.allclose(rehearsed(seen, now, np.full(5, 60.0), EACH, chosen).probability[0], 1)


def test_without_a_day_before_the_level_stays_and_without_hours_its_spread_is_assumed() -> None:
    path = path_of(SEEN[:, :600], 10)
    assert np.allclose(path, SEEN[:, 585:600].mean(axis=1)[:, None])
    assert (spread_of(SEEN[:, :100], 120) == UNKNOWN_SPREAD).all()


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan, np.inf, -1.0])
def test_what_is_no_measurement_is_missing_and_zero_is_zero(value: float) -> None:
    seen = looked(np.full((5, 2 * DAY), value))
    unknown = not 0 <= value < np.inf
    assert np.isnan(seen.need(0.02)).all() == unknown
    assert np.isnan(seen.path).all() == unknown
    assert np.isfinite(seen.spread).all()
    said = rehearsed(seen, np.full(5, 20), np.full(5, 60.0), EACH, np.full((5, 1), 20))
    assert np.allclose(said.probability, float(unknown), atol=1e-3)


def test_arrays_that_do_not_fit_are_refused() -> None:
    for history, each in ((SEEN[:0], EACH[:0]), (SEEN, EACH[:4]), (SEEN[0], EACH)):
        with pytest.raises(ForecastError, match="workloads"):
            outlook(history, each, HORIZONS[: len(each)], 120)


def test_what_it_says_will_happen_does_as_often_as_it_says() -> None:
    """Two hours with as many replicas all along, at moments of the traces."""
    said, was = [], []
    for name, demand in traces().items():
        if not judged(name) or len(demand) < 9 * DAY:
            continue
        chance = np.random.default_rng(len(demand))
        cores = np.maximum(demand, 0) * 20 + 1
        ends = chance.integers(8 * DAY, len(cores) - 120, 5)
        came = np.stack([cores[end : end + 120] for end in ends])
        each, now = np.full(5, 0.5), np.ceil(cores[ends - 1] / 0.5 / 0.7).astype(np.int64)
        seen = outlook(np.stack([cores[end - 8 * DAY : end] for end in ends]), each, np.full(5, 3), 120)
        chosen = candidates(seen.need(0.02), now, 0.85, 10)
        said.append(rehearsed(seen, now, np.zeros(5), each, chosen).probability)
        was.append((came[:, None, :] / (chosen[:, :, None] * 0.5) > 0.85).any(axis=2))
    chances, happened = np.concatenate(said), np.concatenate(was)
    assert happened[chances > 0.9].mean() > 0.8
    assert happened[chances < 0.1].mean() < 0.2
    assert np.mean((chances - happened) ** 2) < 0.75 * happened.mean() * (1 - happened.mean())
