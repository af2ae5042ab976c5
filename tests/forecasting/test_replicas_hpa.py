"""The HPA as a recommender: its tight loop against the controller itself, sync by sync, and its rules in a table."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.hpa.controller import Seen, sync
from forecasting.hpa.pods import PodView, Usage
from forecasting.hpa.rules import Bounds, Memory
from forecasting.hpa.spec import MetricTarget, Spec
from forecasting.replicas.hpa import REQUEST, Hpa, loop
from forecasting.types import Demand, Floats, Ints, Shape
from tests.kit.effort import examples

SYNC_MS = 15_000


def exactly(loads: Floats, least: Ints, begun: int, target: int, shape: Shape) -> list[int]:
    """The controller's own sync on pods: each asked for at a time, ready `startup_s` later, its first sample
    15 s after that; the youngest go first."""
    memory, now, asked = Memory(), 0, []
    pods = [-3_600_000] * begun
    back = -(-shape.lag_s // 15) + 1
    log: list[list[int]] = []
    for at in range(len(loads)):
        now = at * SYNC_MS
        spec = Spec(
            "Deployment",
            "web",
            Bounds(int(least[at]), shape.maximum),
            None,
            (MetricTarget("cpu", utilisation=True, target=target),),
        )
        views = _views(pods, log, loads, at, back, shape)
        decision = sync(spec, memory, Seen(now, len(pods), views))
        memory = decision.memory
        if decision.replicas < len(pods):
            pods = pods[: decision.replicas]
        pods = pods + [now] * (decision.replicas - len(pods))
        log.append(list(pods))
        asked.append(len(pods))
    return asked


def _views(
    pods: list[int], log: list[list[int]], loads: Floats, at: int, back: int, shape: Shape
) -> tuple[PodView, ...]:
    then, start = at - back, -(-shape.startup_s // 15) * SYNC_MS
    load = loads[then] if then >= 0 else math.nan
    before = log[then] if then >= 0 else pods
    ready_then = sum(1 for p in before if p + start <= then * SYNC_MS)
    views = []
    for i, begun in enumerate(pods):
        was = then >= 0 and i < len(before) and before[i] == begun and begun + start <= then * SYNC_MS
        if was:
            milli = None if math.isnan(load) else int(load / ready_then)
            usage = None if milli is None else Usage(milli, None, at * SYNC_MS, 15_000)
            views.append(PodView(str(i), "Running", False, begun, True, begun + start, REQUEST, None, usage))
        else:
            views.append(PodView(str(i), "Pending", False, None, None, begun, REQUEST, None, None))
    return tuple(views)


@st.composite
def loads(draw: st.DrawFn) -> Floats:
    """Levels that last, with steps, slow changes, and syncs without a sample."""
    parts = draw(
        st.lists(
            st.tuples(st.integers(1, 40), st.floats(0, 60), st.floats(-0.3, 0.3), st.booleans()),
            min_size=1,
            max_size=12,
        )
    )
    values: list[float] = []
    for count, level, slope, gone in parts:
        values += [math.nan if gone and i % 5 == 0 else max(0.0, level + slope * i) for i in range(count)]
    return np.array(values) * REQUEST


@examples(50, 750)
@given(
    loads(),
    st.integers(1, 30),
    st.sampled_from([50, 70, 95]),
    st.sampled_from([0, 15, 60, 100]),
    st.sampled_from([0, 15, 40]),
    st.lists(st.integers(1, 25), min_size=0, max_size=6),
    st.sampled_from([20, 1000]),
)
def test_the_tight_loop_is_the_controller(
    line: Floats, begun: int, target: int, startup: int, lag: int, floors: list[int], maximum: int
) -> None:
    shape = Shape(1.0, startup_s=startup, lag_s=lag, maximum=maximum)
    least = np.ones(len(line), dtype=np.int64)
    for i, floor in enumerate(floors):
        least[i * 20 : (i + 1) * 20] = min(floor, maximum)
    assert loop(line, least, begun, target, shape).tolist() == exactly(line, least, begun, target, shape)


def steps(loads: list[float], begun: int, **shape: int) -> list[int]:
    """Loads in replicas' worth, one a sync, at a target of 70 %."""
    line = np.array(loads, dtype=float) * REQUEST
    return loop(line, np.ones(len(line), dtype=np.int64), begun, 70, Shape(1.0, **shape)).tolist()


NONE = math.nan


# What happens, loads of each 15 s in replicas' worth, replicas at first, and after each sync.
@pytest.mark.parametrize(
    ("why", "line", "begun", "expected"),
    [
        ("tolerance: 77 % of 70 % is 1.1", [7.7] * 4, 10, [10] * 4),
        ("above the tolerance: 78 %, ceil(10 x 78 / 70) = 12", [7.8] * 2, 10, [10, 12]),
        ("percent is floored: 77.9 % is 77 %", [7.79] * 4, 10, [10] * 4),
        ("within on the way down: 63 %", [6.3] * 4, 10, [10] * 4),
        ("from one at most four at once, then double", [9.0] * 20, 1, [1, 4, 8, 13, 13, 13]),
        ("no sample, no change", [9.0, NONE, NONE, NONE], 10, [10, 13, 13, 13]),
        ("down only after 300 s", [1.0] * 25, 10, [10] * 21 + [2] * 4),
    ],
)
def test_rules(why: str, line: list[float], begun: int, expected: list[int]) -> None:
    assert steps(line, begun)[: len(expected)] == expected, why


def test_pods_that_start_count_as_zero_on_the_way_up() -> None:
    """13 ready pods at 150 %: ceil(13 x 150 / 70) = 28, at most 26 at once; until they are ready 19.5 of 28 is
    69 %: nothing is added."""
    found = steps([9.1] * 5 + [19.5] * 12, 13)
    assert found[:5] == [13] * 5
    assert found[6] == 26
    assert set(found[7:]) == {28}


def test_what_is_seen_at_a_minute_is_the_minute_before_and_nothing_later() -> None:
    rng = np.random.default_rng(5)
    values = 20 + 10 * np.sin(np.arange(600) / 40) + rng.normal(0, 2, 600)
    changed = values.copy()
    changed[450:] *= 3
    shape = Shape(1.0)
    before = Hpa(70).replay(Demand(values, 300), shape)
    after = Hpa(70).replay(Demand(changed, 300), shape)
    assert len(before) == 300
    assert before[:151].tolist() == after[:151].tolist()
    assert before[151:].tolist() != after[151:].tolist()


def test_missing_data_never_lowers() -> None:
    values = np.full(400, 20.0)
    values[250:] = np.nan
    found = Hpa(70).replay(Demand(values, 200), Shape(1.0))
    assert set(found.tolist()) == {29}


def test_a_step_that_is_no_multiple_of_a_sync_is_refused() -> None:
    with pytest.raises(ValueError, match="not a multiple of the 15 s"):
        Hpa().replay(Demand(np.ones(10), 5, step_s=20), Shape(1.0))
