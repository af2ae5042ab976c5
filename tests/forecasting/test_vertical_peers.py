"""VPA and KRR as they are: each rule as a table, and VPA against figures of the real program.

GOLDEN was printed by kubernetes/autoscaler vertical-pod-autoscaler v1.8.1 itself (its packages model and logic,
called from a small Go program with the samples of `_cpu` and `_memory`).
"""

import math

import numpy as np
import pytest

from forecasting.types import Demand
from forecasting.vertical import krr
from forecasting.vertical.histogram import CPU, MEMORY, running
from forecasting.vertical.krr import Krr
from forecasting.vertical.types import DAY_S
from forecasting.vertical.vpa import LEAST_BYTES, Vpa, bounds, confidences, updated
from forecasting.vertical.vpa_memory import VpaMemory

START, STEP = 1_376_314_800, 300
MIB = 1 << 20

GOLDEN_CPU = [
    (7, 450, 716, 129596), (151, 797, 977, 10871), (295, 542, 920, 5729), (439, 711, 977, 4435),
    (871, 546, 920, 2590), (1303, 669, 977, 2055), (1500, 585, 920, 1914), (2167, 670, 977, 1625),
]  # fmt: skip
GOLDEN_MEMORY = [
    (7, 394183881, 548861636, 99343956116), (295, 622622271, 628694953, 3687210940),
    (871, 585868141, 628694953, 1666906801), (1447, 670295852, 671629701, 1339548740),
    (1500, 1734814341, 1738144563, 3405651672), (1735, 670516861, 1738144563, 3179923463),
    (2167, 715760045, 1738144563, 2892631726),
]  # fmt: skip


def _cpu(i: int) -> int:
    return int(400 + 300 * math.sin(i / 46) + (i * 7919) % 211)


def _memory(i: int) -> int:
    return 300_000_000 + i * 40_000 + (i * 7919) % 211 * 1_000_000


def _demand(values: list[float], step: int = 60, played: int = 0) -> Demand:
    return Demand(np.array(values), played, START, step)


SAMPLES = Demand(np.array([_cpu(i) / 1000 for i in range(2169)]), 0, START, STEP)


@pytest.mark.parametrize("row", GOLDEN_CPU)
def test_cpu_is_vpas_own_to_the_millicore(row: tuple[int, ...]) -> None:
    low, aim, high = bounds(SAMPLES)
    assert (low[row[0] + 1], aim[row[0] + 1], high[row[0] + 1]) == row[1:]


def test_memory_is_vpas_own_to_the_byte() -> None:
    state, (_, days) = VpaMemory(), confidences(SAMPLES)
    wanted, found = {row[0]: row[1:] for row in GOLDEN_MEMORY}, {}
    for i in range(2168):
        state.sample(START + STEP * i, _memory(i))
        if i == 1500:
            state.oom(START + STEP * i, 1_200_000_000)
        if i in wanted:
            found[i] = state.bytes(float(days[i + 1]))
    assert found == wanted


@pytest.mark.parametrize(
    ("value", "bucket", "end"),
    [(0.0, 0, 0.01), (0.009, 0, 0.01), (0.0101, 1, 0.0205), (0.021, 2, 0.031525), (1e6, 175, None)],
)  # fmt: skip
def test_buckets_grow_by_a_twentieth(value: float, bucket: int, end: float | None) -> None:
    found = int(CPU.of(np.array([value]))[0])
    assert found == min(bucket, CPU.count - 1) or (end is None and found == CPU.count - 1)
    if end is not None:
        assert CPU.end(np.array([found]))[0] == pytest.approx(end)
    assert MEMORY.end(np.array([0]))[0] == 1e7


def test_a_sample_loses_half_its_weight_in_a_day() -> None:
    """Two old samples of 1 core weigh as one of 2 cores a day later: the median is the lower of the two."""
    step = DAY_S // 2
    values = np.array([1.0, 1.0, 2.0, 2.0, 2.0])
    found = running(values, step, (0.5,))
    assert found[2, 0] < 1.06
    assert found[3, 0] > 1.0
    assert found[4, 0] > 1.9


@pytest.mark.parametrize("used", [0.0, 0.004, 0.02])
def test_the_floors_are_25_millicores_and_250_mebibytes(used: float) -> None:
    assert bounds(_demand([used] * 10))[1][-1] == 25
    state = VpaMemory()
    state.sample(START, 1000 * used)
    assert state.bytes(1.0)[1] == LEAST_BYTES == 250 * MIB


@pytest.mark.parametrize(
    ("days", "lower", "upper"), [(0.5, 0.996, 3.0), (1.0, 0.998, 2.0), (7.0, 0.9997, 1 + 1 / 7)]
)
def test_confidence_widens_the_bounds(days: float, lower: float, upper: float) -> None:
    steps = int(days * 1440)
    low, aim, high = bounds(_demand([0.5] * (steps + 2)))
    assert low[steps + 1] / aim[steps + 1] == pytest.approx(lower, abs=0.003)
    assert high[steps + 1] / aim[steps + 1] == pytest.approx(upper, abs=0.01)


def test_confidence_is_the_lesser_of_days_and_samples() -> None:
    known, days = confidences(_demand([1.0] * 1000, step=300))
    assert not known[0]
    assert known[1]
    assert days[999] == pytest.approx(999 / 1440)


@pytest.mark.parametrize(
    ("requested", "peak", "sample"),
    [(200 * MIB, 100 * MIB, 300 * MIB), (1000 * MIB, MIB, 1200 * MIB), (100 * MIB, 1000 * MIB, 1200 * MIB)],
)
def test_an_oom_is_a_sample_of_a_fifth_or_100_mebibytes_more(requested: int, peak: int, sample: int) -> None:
    bumped, plain = VpaMemory(), VpaMemory()
    bumped.sample(START, peak)
    bumped.oom(START + 60, requested)
    plain.sample(START, sample)
    assert bumped.bytes(9.0) == plain.bytes(9.0)


def test_a_day_has_one_peak_and_kills_do_not_multiply() -> None:
    once, often = VpaMemory(), VpaMemory()
    for state, times in ((once, 1), (often, 5)):
        state.sample(START, 500 * MIB)
        for i in range(times):
            state.oom(START + 60 * i, 600 * MIB)
    assert once.bytes(3.0) == often.bytes(3.0)
    often.oom(START - 2 * DAY_S, 9000 * MIB)
    assert once.bytes(3.0) == often.bytes(3.0), "a kill older than a day is discarded"


@pytest.mark.parametrize(
    ("now", "after_h", "target", "changed"),
    [
        (100, 1, 109, False),
        (100, 13, 109, False),
        (100, 13, 111, True),
        (100, 1, 150, False),
        (100, 1, 400, True),
    ],
)
def test_the_updater_waits_for_bounds_or_half_a_day_and_a_tenth(
    now: int, after_h: int, target: int, changed: bool
) -> None:
    aim = np.array([float(now)] * after_h + [float(target)])
    low, high = np.full(len(aim), 0.0), np.full(len(aim), 200.0)
    low[-1] = 120.0 if target == 400 else 0.0
    assert bool(updated(low, aim, high, 3600)[-1] == target) is changed


def test_vpa_does_not_see_what_was_not_measured() -> None:
    values = [0.5, math.nan, 0.5, math.nan, math.nan]
    assert np.isnan(Vpa().replay(_demand([math.nan] * 5))).all()
    assert Vpa().replay(_demand(values))[-1] == Vpa().replay(_demand(values))[2]


@pytest.mark.parametrize(
    ("values", "cores"),
    [
        ([1.0] * 99, None),
        ([1.0] * 99 + [math.nan] * 50, None),
        ([1.0] * 100, 1.0),
        ([i / 100 for i in range(101)], 0.95),
        ([0.001] * 200, 0.010),
    ],
)
def test_krr_takes_the_95th_percentile_of_100_points(values: list[float], cores: float | None) -> None:
    found = krr.cpu(np.array(values))
    assert math.isnan(found) if cores is None else found == pytest.approx(cores)


@pytest.mark.parametrize(
    ("peak", "oom", "asked"),
    [(1e9, 0, 1_150_000_000), (1e9, 2_000_000_000, 2_500_000_000), (1e6, 0, 100_000_000)],
)
def test_krr_memory_is_the_maximum_and_15_percent(peak: float, oom: int, asked: int) -> None:
    values = np.array([peak / 2] * 99 + [peak])
    assert krr.memory(values, oom) == asked
    assert krr.memory(values[1:], oom) is None


def test_krr_forgets_after_fourteen_days() -> None:
    day = DAY_S // 3600
    values = [5.0] * day + [1.0] * (16 * day)
    assert Krr().replay(_demand(values, step=3600, played=16 * day))[0] == 1.0


@pytest.mark.parametrize("policy", [Vpa(), Vpa("updater"), Krr()], ids=lambda p: p.name)
def test_peers_do_not_know_the_future(policy: Vpa | Krr) -> None:
    values = np.array([_cpu(i) / 1000 for i in range(2000)])
    other = values.copy()
    other[1500:] = 9.0
    a, b = (policy.replay(Demand(v, 600, START, STEP)) for v in (values, other))
    assert np.array_equal(a[:901], b[:901], equal_nan=True)
    assert not np.array_equal(a, b)
