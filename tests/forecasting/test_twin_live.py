"""Live as in the replay: the decision of now is the backtest's of the same minute, byte for byte | what is missing
decides nothing | a large fleet is asked at once"""

import numpy as np
import pytest

from forecasting.backtest.compare import Case
from forecasting.backtest.recommend import recommended
from forecasting.backtest.recommenders import Setting
from forecasting.backtest.trace import Trace
from forecasting.demand.same_hours import same_hours
from forecasting.twin import live
from forecasting.twin.live import wanted
from forecasting.types import Demand, Shape

DAY = 1440
SHAPE = Shape(0.5, startup_s=45)


def course(days: float, seed: int = 1) -> list[int | None]:
    """A demand with a day in it, in millicores, with a gap."""
    rng = np.random.default_rng(seed)
    minutes = np.arange(int(days * DAY))
    cores = 3 + 2 * np.sin(minutes * 2 * np.pi / DAY) + rng.normal(0, 0.15, len(minutes))
    values: list[int | None] = [int(v) for v in np.maximum(cores, 0.1) * 1000]
    values[400:410] = [None] * 10
    return values


@pytest.mark.parametrize("risk", [0.02, 0.1])
def test_what_is_asked_live_is_what_the_backtest_asked_at_that_minute(risk: float) -> None:
    values, theirs, ours = course(3), [], []
    for at in (2 * DAY, 2 * DAY + 1, 2 * DAY + 437, 3 * DAY - 1):
        cores = np.array([*values[:at], None], dtype=np.float64) / 1000
        case = Case.of(Trace("web", Demand(cores, at)), SHAPE)
        theirs.append(recommended(Setting("quantile", risk), case))
        (replicas,) = wanted([values[:at]], [SHAPE], risk)
        ours.append(f"ts,replicas\n{60 * at},{replicas}\n")
    assert "".join(ours).encode() == "".join(theirs).encode()


def test_nothing_is_decided_without_the_newest_value() -> None:
    whole = course(2)
    assert wanted([[*whole, None], [], whole], [SHAPE] * 3, 0.02)[:2] == [None, None]


def test_bounds_hold() -> None:
    bounded = Shape(0.5, minimum=2, maximum=3)
    assert wanted([course(2), [1] * DAY], [bounded, bounded], 0.02) == [3, 2]


def test_a_large_fleet_is_asked_together_by_the_newest_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SINGLY", 1)
    demands = [course(2, seed) for seed in range(3)]
    together = wanted(demands, [SHAPE] * 3, 0.02)
    for replicas, values in zip(together, demands, strict=True):
        newest, peak = values[-1], max(v or 0 for v in values)
        assert newest is not None
        assert replicas is not None
        assert newest / 500 / 0.85 <= replicas <= 2 * peak / 500 / 0.85 + 1


def test_same_hours_are_those_of_the_days_before() -> None:
    """08:00 to 09:00 of each day is busy; asked at 08:00."""
    busy = [4_000 if 480 <= minute % DAY < 540 else 100 for minute in range(8 * DAY + 480)]
    assert same_hours(busy, 60, 99) == 4_000
    assert same_hours(busy, 240, 50) == 100
    assert same_hours(busy[: 8 * DAY + 60], 60, 99) == 100


def test_same_hours_need_a_week() -> None:
    assert same_hours([100] * (7 * DAY - 1), 60, 99) is None
    assert same_hours([100] * (7 * DAY), 60, 99) == 100
    gappy: list[int | None] = [None if minute % DAY < 10 else 100 for minute in range(7 * DAY)]
    assert same_hours(gappy, 60, 99) is None
