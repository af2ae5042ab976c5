"""What is calculated of the newest row alone is, bit for bit, what is calculated of all rows."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from forecasting.demand import features
from forecasting.demand.features import NAMES, PAST, outcome
from forecasting.demand.windows import Windows, between, upper
from forecasting.types import Floats

RISEN = [i for i, name in enumerate(NAMES) if name.startswith("risen")]


def _series(seed: int, lead: tuple[int, ...], minutes: int) -> Floats:
    """Noise of some size with gaps, ties and a spike; replicas."""
    rng = np.random.default_rng(seed)
    u = np.round(rng.gamma(2.0, 10.0 ** rng.uniform(-1, 3), (*lead, minutes)), int(rng.integers(0, 6)))
    u[rng.random(u.shape) < rng.uniform(0, 0.4)] = np.nan
    u[..., rng.integers(0, minutes)] *= 20
    return u


def _risen_of_all(u: Floats, row: int, horizon: int) -> Floats:
    """From every outcome of the last day, each calculated again."""
    reach = max(width for width, _ in PAST) + horizon + 6
    held = between(u, row - reach, row + 1)
    known = outcome(held, np.arange(5, held.shape[-1] - horizon), horizon)
    windows = Windows(known, np.array([reach - 5]))
    found = [windows.of(width, horizon, every) for width, every in PAST]
    return np.stack([q for one in found for q in upper(one, (0.75, 0.9, 0.98))], axis=-1)


@pytest.mark.parametrize("seed", range(12))
def test_how_far_it_rose_rests_on_the_same_outcomes(seed: int) -> None:
    minutes, horizon = (1, 5, 7, 90, 1447, 1500, 3000, 11520)[seed % 8], (2, 3, 4, 6, 11)[seed % 5]
    u = _series(seed, ((), (1,), (7,))[seed % 3], minutes)
    x = features.features(u, np.array([minutes - 1]), horizon).x[..., RISEN]
    before = _risen_of_all(u, minutes - 1, horizon)
    before = np.nan_to_num(np.clip(before, -features.LIMIT, features.LIMIT))
    assert np.array_equal(x, before)


@pytest.mark.parametrize(
    ("width", "back", "every"), [(1, 0, 1), (5, 1440, 1), (120, 60, 5), (9, -3, 2), (240, 8, 1)]
)
@pytest.mark.parametrize("lead", [(), (3,)])
def test_a_window_of_one_row_is_that_of_many(
    width: int, back: int, every: int, lead: tuple[int, ...]
) -> None:
    u = _series(width, lead, 2000)
    for row in (0, 3, 700, 1999):
        held = between(u, row - back - width + 1, row - back + 1)
        many = sliding_window_view(held, width, axis=-1)[..., (width - 1) % every :: every]
        one = Windows(u, np.array([row])).of(width, back, every)
        assert one.shape == many.shape
        assert np.array_equal(one, many, equal_nan=True)
