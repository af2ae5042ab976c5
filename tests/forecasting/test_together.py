"""Many live forecasts at once decide what each decides alone."""

import copy

import numpy as np

from forecasting.demand.together import begun, missed, observed
from forecasting.types import Shape

DAY = 1440


def _series(kind: int, minutes: int) -> list[int | None]:
    """A day's course with noise, a gap, and a spike; millicores."""
    rng, t = np.random.default_rng(kind), np.arange(minutes)
    course = 2000 + 1500 * np.sin(2 * np.pi * t / DAY + kind) + rng.normal(0, 150, minutes)
    values: list[int | None] = [int(abs(value)) for value in course]
    values[minutes - 20] = None
    values[minutes - 10] = 9000
    return values


def test_together_is_as_alone() -> None:
    shapes = [Shape(0.5), Shape(0.25, startup_s=300), Shape(0.5, maximum=3), Shape(1.0)]
    pasts = [_series(kind, 2 * DAY + 40 + kind) for kind in range(4)]
    alone = [begun(past[:-40], 0, shape, 0.02) for past, shape in zip(pasts, shapes, strict=True)]
    each = [one for one in alone if one is not None]
    assert len(each) == 4
    singly = copy.deepcopy(each)
    for minute in range(40, 0, -1):
        newest = [past[-minute] for past in pasts]
        asked = observed(each, newest)
        assert asked == [
            one.observe(float("nan") if value is None else value / 1000)
            for one, value in zip(singly, newest, strict=True)
        ]
    assert all(
        np.array_equal(a.uncounted, b.uncounted, equal_nan=True) for a, b in zip(each, singly, strict=True)
    )


def test_minutes_that_nobody_looked_at_are_not_known() -> None:
    past = _series(1, 2 * DAY)
    one, other = begun(past, 0, Shape(0.5), 0.02), begun(past, 0, Shape(0.5), 0.02)
    assert one is not None
    assert other is not None
    missed([one], 3)
    for _ in range(3):
        other.observe(float("nan"))
    assert (one.replicas, one.age) == (other.replicas, 3)


def test_where_nothing_was_measured_nothing_is_begun() -> None:
    assert begun([None] * 100, 0, Shape(0.5), 0.02) is None
    assert begun([], 0, Shape(0.5), 0.02) is None
