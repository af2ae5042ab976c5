"""The comparison of policies, and what is written of one."""

import math

import numpy as np
import pytest

from forecasting.backtest.compare import Case, compare, summed
from forecasting.backtest.recommend import recommended
from forecasting.backtest.recommenders import PEERS, PERCENTS, RISKS, Setting, curve, default, played
from forecasting.backtest.score import score
from forecasting.backtest.trace import Trace
from forecasting.replicas.hpa import Hpa
from forecasting.types import Demand, Score, Shape

DAY = 1440


def case(seed: int, noise: float = 0.0) -> Case:
    rng = np.random.default_rng(seed)
    t = np.arange(2 * DAY)
    values = 20 + 12 * np.sin(t / DAY * 2 * math.pi) + rng.normal(0, 1.5, len(t)) ** 2
    trace = Trace(f"t{seed}", Demand(values, DAY, 60))
    return Case.of(trace, trace.shape(None, 60, 0.85), noise)


CASES = [case(1), case(2)]


@pytest.fixture(scope="module")
def found():  # type: ignore[no-untyped-def]
    return compare(CASES, PEERS, 0.02, 70)


def test_every_policy_has_its_score_on_each_trace_and_on_all(found) -> None:  # type: ignore[no-untyped-def]
    assert [row.chosen.name for row in found.total] == list(PEERS)
    for place, row in enumerate(found.total):
        assert row.score == summed([rows[place].score for rows in found.traces.values()])


def test_the_hpa_is_scored_as_it_acts_between_the_minutes(found) -> None:  # type: ignore[no-untyped-def]
    one = CASES[0]
    steps = Hpa(70).steps(one.trace.demand, one.shape)
    assert len(steps) == 4 * DAY
    assert found.traces["t1"][0].score == score(steps, one.trace.demand, one.shape)


def test_an_hpa_at_its_own_cost_is_itself(found) -> None:  # type: ignore[no-untyped-def]
    hpa = found.total[0]
    assert hpa.violations_at[70] <= hpa.score.violations
    assert hpa.cost_at[70] <= hpa.score.cost


def test_the_oracle_is_the_cheapest_that_breaks_nothing(found) -> None:  # type: ignore[no-untyped-def]
    oracle = next(row for row in found.total if row.chosen.name == "oracle")
    assert oracle.score.violations == 0
    clean = [s for row in found.total for s in row.points.values() if not s.violations]
    assert oracle.score.cost == min(s.cost for s in clean)


def test_curves_hold_the_chosen_setting() -> None:
    shape = Shape(1.0)
    assert [s.value for s in curve(default("hpa", shape, percent=72))] == sorted({*PERCENTS, 72})
    assert [s.value for s in curve(default("quantile", shape, risk=0.03))] == sorted({*RISKS, 0.03})
    assert [s.value for s in curve(default("static", shape))] == sorted({*PERCENTS, 85.0})
    assert len(curve(default("oracle", shape))) == 1


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_is_played(name: str) -> None:
    policy = Setting(name, 70).recommender()  # type: ignore[arg-type]
    asked = played(policy, CASES[0].trace.demand, CASES[0].shape)
    assert len(asked) in (DAY, 4 * DAY)


def test_noise_is_in_what_is_seen_and_not_in_the_truth() -> None:
    noisy = case(1, 0.1)
    truth, seen = noisy.trace.demand.values, noisy.seen.values
    assert truth.tolist() == CASES[0].trace.demand.values.tolist()
    assert np.std(seen / truth) == pytest.approx(0.1, abs=0.01)
    assert case(1, 0.1).seen.values.tolist() == seen.tolist(), "from a seed"


def test_what_is_written_is_a_line_a_minute_of_the_second_half() -> None:
    one = CASES[0]
    lines = recommended(Setting("hpa", 70), one).splitlines()
    assert lines[0] == "ts,replicas"
    assert len(lines) == 1 + DAY
    assert lines[1].startswith(f"{60 + 60 * DAY},")
    assert all(int(line.split(",")[1]) >= 1 for line in lines[1:])


def test_sums() -> None:
    assert summed([Score(1, 2, 3), Score(10, 20, 30)]) == Score(11, 22, 33)
