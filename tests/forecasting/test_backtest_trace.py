"""Bad data in traces: each has a sane result or a refusal with a hint (test_recorded has the reader's)."""

import math

import numpy as np
import pytest

from forecasting.backtest.rows import Rows, accepts, ordered
from forecasting.backtest.trace import LEAST_MINUTES, Trace, of_millicores, on_the_minute
from forecasting.errors import BadTrace
from forecasting.recorded.rows import read

NOW = 1_800_000_000


def rows(text: str, column: str = "value") -> Rows:
    return ordered(read(text.splitlines(keepends=True), "web.csv", (column,), accepts(NOW)), column)


def trace(at: list[float], values: list[float]) -> Trace:
    return on_the_minute(Rows("dir/web.csv", np.array(at, dtype=float), np.array(values, dtype=float)))


def minutes(count: int, value: float = 2.0) -> tuple[list[float], list[float]]:
    return [60.0 * i for i in range(count)], [value] * count


def test_a_row_after_now_is_refused_with_its_line() -> None:
    with pytest.raises(BadTrace) as refused:
        rows("ts,value\n0,1\n1800000001,1\n")
    assert refused.value.what.startswith("`1800000001` lies in the future")
    assert refused.value.where == "web.csv:3"


def test_what_is_missing_is_missing() -> None:
    found = rows("ts,value\n0,1\n60,\n120,NaN\n180,null\n240,0\n")
    assert np.isnan(found.values).tolist() == [False, True, True, True, False]
    assert found.values[4] == 0


def test_another_column_a_mark_at_the_begin_and_blank_lines() -> None:
    found = rows("\ufeffts, cpu ,mem\r\n0,1.5,9\r\n\r\n60,2.5,9\r\n", "cpu")
    assert found.values.tolist() == [1.5, 2.5]
    assert not found.notes


def test_rows_out_of_order_are_sorted_and_it_is_said() -> None:
    found = rows("ts,value\n120,3\n0,1\n60,2\n")
    assert (found.at.tolist(), found.values.tolist()) == ([0, 60, 120], [1, 2, 3])
    assert found.notes == ("rows out of order were sorted by ts",)


def test_of_duplicate_timestamps_the_highest_counts_and_it_is_said() -> None:
    found = rows("ts,value\n0,1\n60,5\n60,2\n60,\n120,\n120,\n")
    assert found.values[:2].tolist() == [1, 5]
    assert math.isnan(found.values[2])
    assert found.notes == ("3 duplicate timestamps: the highest value of each counts",)


def test_a_minute_each_is_taken_as_it_is() -> None:
    found = trace(*minutes(21))
    assert (found.stem, len(found.demand.values), found.demand.played) == ("web", 21, 10)
    assert found.minutes == [600 + 60 * i for i in range(11)]
    assert found.notes == ()


def test_the_grid_begins_at_the_first_timestamp() -> None:
    at, values = minutes(20)
    found = trace([1_424_986_973 + t for t in at], values)
    assert found.minutes[0] == 1_424_986_973 + 600


def test_gaps_are_missing_and_counted() -> None:
    at, values = minutes(30)
    found = trace(at[:5] + at[9:], values[:5] + values[9:])
    assert np.isnan(found.demand.values).tolist() == [False] * 5 + [True] * 4 + [False] * 21
    assert found.notes == ("4 of 30 minutes are missing",)
    assert found.coverage_ppm == 866_666


def test_a_second_each_is_the_mean_of_the_minute() -> None:
    at = list(range(1200))
    values = [float(t // 60) + (1 if t % 2 else -1) for t in at]
    values[65] = math.nan
    found = trace([float(t) for t in at], values)
    assert len(found.demand.values) == 20
    assert found.demand.values[5] == 5
    assert found.demand.values[1] == pytest.approx(1 - 1 / 59)


@pytest.mark.parametrize("every", [300, 3600])
def test_coarser_samples_hold_until_the_next_and_are_not_interpolated(every: int) -> None:
    found = trace([every * i for i in range(8)], [float(i) for i in range(8)])
    assert found.demand.values.tolist() == [float(i * 60 // every) for i in range(8 * every // 60)]


def test_the_second_half_begins_with_a_sample() -> None:
    found = trace([300.0 * i for i in range(9)], [1.0] * 9)
    assert (len(found.demand.values), found.demand.played) == (45, 20)


def test_coarser_samples_do_not_hold_over_a_gap() -> None:
    found = trace([0, 300, 600, 900, 1200, 3000], [1, 2, 3, 4, 5, 6])
    assert np.isfinite(found.demand.values[:27]).all()
    assert np.isnan(found.demand.values[28:50]).all()
    assert found.demand.values[50:].tolist() == [6] * 5


def test_the_second_halfs_distances_do_not_change_the_first_half() -> None:
    at = [300.0 * i for i in range(20)]
    later = at[:10] + at[11::2]
    ours = trace(at, [1.0] * 20).demand.values
    theirs = trace(later, [1.0] * len(later)).demand.values
    assert ours[:45].tolist() == theirs[:45].tolist()


@pytest.mark.parametrize("every", [60, 300, 1800])
def test_another_resolution_of_the_second_half_changes_nothing_of_the_first(every: int) -> None:
    at = [float(every * i) for i in range(40)]
    finer = [float(t) for t in range(20 * every, 39 * every)]
    ours = trace(at, [t / every for t in at]).demand
    theirs = trace(at[:20] + finer + at[-1:], [t / every for t in at[:20] + finer + at[-1:]]).demand
    assert ours.played == theirs.played
    assert ours.values[: ours.played].tolist() == theirs.values[: ours.played].tolist()


def test_a_sample_that_is_early_or_late_belongs_to_its_minute() -> None:
    off = [0, 2, -9, 8, 29, -28, 0, -1, 1, 15, -15, 0]
    found = trace([60.0 * i + late for i, late in enumerate(off)], [float(i) for i in range(12)])
    assert found.demand.values.tolist() == list(range(12))
    there = [i for i in range(12) if i != 6]
    gone = trace([60.0 * i + off[i] for i in there], [float(i) for i in there])
    assert np.flatnonzero(np.isnan(gone.demand.values)).tolist() == [6], "a gap stays a gap"


@pytest.mark.parametrize(
    ("at", "what"),
    [
        ([0.0], "one sample is not enough"),
        ([0.0, 60.0], "2 minutes, at least 10"),
        ([7200.0 * i for i in range(50)], "a sample every 7200 s is too coarse for minutes"),
        ([0.0, 60.0, 120.0, 1.7e9], "it spans 19675 days, at most 400"),
    ],
)
def test_too_little_or_too_far_apart_is_refused(at: list[float], what: str) -> None:
    with pytest.raises(BadTrace) as refused:
        trace(at, [1.0] * len(at))
    assert refused.value.what == what
    assert refused.value.where == "dir/web.csv"
    assert refused.value.hint


def test_auto_is_the_historys_peak_by_forty() -> None:
    at, values = minutes(20)
    values[3], values[15] = 8.0, 800.0
    assert trace(at, values).shape(None, 60, 0.85).per_replica == 0.2
    assert trace(at, values).shape(3.0, 60, 0.85).per_replica == 3


def test_more_than_a_million_replicas_are_refused() -> None:
    with pytest.raises(BadTrace, match="needs more than 1000000 replicas of 1e-09") as refused:
        trace(*minutes(20)).shape(1e-9, 60, 0.85)
    assert refused.value.hint == "give a larger --per-replica"
    at, _ = minutes(20)
    with pytest.raises(BadTrace, match="a demand of 1e\\+15 needs more"):
        trace(at, [1e-9] * 10 + [1e15] * 10).shape(None, 60, 0.85)


def test_all_zeros_have_a_replica_of_some_size() -> None:
    found = trace(*minutes(20, 0.0))
    assert found.shape(None, 60, 0.85).per_replica == 1
    assert found.notes == ("the demand is zero throughout",)


def test_a_history_without_a_value_needs_a_size() -> None:
    at, values = minutes(20)
    empty = trace(at, [math.nan] * 10 + values[10:])
    with pytest.raises(BadTrace, match="no value in the first half") as refused:
        empty.shape(None, 60, 0.85)
    assert "give --per-replica" in refused.value.hint
    assert empty.shape(2.0, 60, 0.85).per_replica == 2


def test_a_metrics_history_is_a_trace_in_cores() -> None:
    found = of_millicores("shop-web", 600, [None, *[1500] * 15])
    assert np.isnan(found.demand.values[0])
    assert set(found.demand.values[1:].tolist()) == {1.5}
    with pytest.raises(BadTrace, match="too little"):
        of_millicores("shop-web", 600, [None] * 50)
    with pytest.raises(BadTrace, match="too little"):
        of_millicores("shop-web", 600, [1] * (LEAST_MINUTES - 1))
