"""Queueing against the textbook, written again here, and against seeded arrivals that really wait in line."""

import heapq
import math
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.queueing import QUANTILES, RHO_MAX, erlang_c, quantiles, sojourn_above, sojourn_quantile
from sandbox.load.manifest import Load
from sandbox.serving.pods import PodState
from sandbox.serving.queue import TICK_S, groups_of, latency_us, line, serve
from tests.kit.effort import examples

SERVERS = (1, 2, 3, 8, 40)
LOADS = (0.05, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def textbook_wait(servers: int, rho: float) -> float:
    """Erlang C by its sums (Gross et al., Fundamentals of Queueing Theory, eq. 2.33 and 2.38)."""
    a = servers * rho
    idle = 1 / (
        sum(a**n / math.factorial(n) for n in range(servers))
        + a**servers / (math.factorial(servers) * (1 - rho))
    )
    return a**servers / (math.factorial(servers) * (1 - rho)) * idle


def textbook_above(servers: int, rho: float, t: float) -> float:
    """P(T > t) as the wait's and the service's densities convolved, by Simpson's rule."""
    wait, rate = textbook_wait(servers, rho), servers * (1 - rho)
    steps = 4000
    h = t / steps
    inner = [
        wait * rate * math.exp(-rate * x) * math.exp(-(t - x)) for x in (i * h for i in range(steps + 1))
    ]
    area = h / 3 * (inner[0] + inner[-1] + 4 * sum(inner[1:-1:2]) + 2 * sum(inner[2:-1:2]))
    return (1 - wait) * math.exp(-t) + area + wait * math.exp(-rate * t)


@pytest.mark.parametrize("servers", SERVERS)
@pytest.mark.parametrize("rho", LOADS)
def test_the_probability_of_waiting_is_erlangs(servers: int, rho: float) -> None:
    assert erlang_c(servers, np.array([rho]))[0] == pytest.approx(textbook_wait(servers, rho), rel=1e-9)


@pytest.mark.parametrize("servers", SERVERS)
@pytest.mark.parametrize("rho", LOADS)
def test_the_time_in_the_system_is_the_textbooks(servers: int, rho: float) -> None:
    for t in (0.3, 1.0, 4.0):
        ours = sojourn_above(servers, np.array([rho]), np.array([t]))[0]
        assert ours == pytest.approx(textbook_above(servers, rho, t), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("servers", SERVERS)
def test_the_table_is_as_good_as_the_formula(servers: int) -> None:
    rho = np.random.default_rng(7).uniform(0, RHO_MAX, 200)
    for q, known in zip(QUANTILES, quantiles(servers, rho), strict=True):
        assert np.allclose(known, sojourn_quantile(servers, rho, q), rtol=2e-3)


@pytest.mark.parametrize(("servers", "rho"), [(1, 0.7), (4, 0.85), (8, 0.6)])
def test_real_arrivals_wait_as_long(servers: int, rho: float) -> None:
    """A discrete-event simulation: Poisson arrivals, exponential service, first come first served."""
    chance, free, now = random.Random(11), [0.0] * servers, 0.0
    times, waited, busy = [], 0, 0.0
    for _ in range(120_000):
        now += chance.expovariate(servers * rho)
        service = chance.expovariate(1.0)
        start = max(now, heapq.heappop(free))
        waited, busy = waited + (start > now), busy + service
        heapq.heappush(free, start + service)
        times.append(start + service - now)
    times.sort()
    assert waited / len(times) == pytest.approx(textbook_wait(servers, rho), abs=0.02)
    assert busy / now / servers == pytest.approx(rho, abs=0.01)
    for q, ours in zip(QUANTILES, quantiles(servers, np.array([rho])), strict=True):
        assert float(ours[0]) == pytest.approx(times[int(q * len(times))], rel=0.06)


def pod(name: str, limit: int | None) -> PodState:
    return PodState(
        name, "app", "Running", False, 0, 0, 0, 0, limit, None, 250, 0, limit, None, 0, 0, 250, 0
    )  # fmt: skip


@examples(150)
@given(
    work=st.lists(st.integers(0, 20_000), min_size=1, max_size=60),
    capacity=st.integers(0, 9_000),
    room=st.integers(0, 50_000),
    left=st.integers(0, 50_000),
)
def test_nothing_is_lost_or_made_in_the_line(work: list[int], capacity: int, room: int, left: int) -> None:
    done, waits, refused = line(np.array(work, dtype=np.int64), capacity, room, left)
    before = [left, *waits.tolist()[:-1]]
    for w, b, d, a, r in zip(work, before, done.tolist(), waits.tolist(), refused.tolist(), strict=True):
        assert w + b == d + a + r
        assert 0 <= d <= max(capacity, 0) or (w + b == d and left == 0)
        assert min(a, r) >= 0
        assert a <= max(room, 0)


@examples(100)
@given(
    offered=st.lists(st.integers(0, 12_000), min_size=1, max_size=40),
    limits=st.lists(st.sampled_from([100, 250, 1000, None]), max_size=5),
    service=st.sampled_from([None, 5_000, 20_000]),
)
def test_served_and_dropped_and_waiting_are_what_was_offered(
    offered: list[int], limits: list[int | None], service: int | None
) -> None:
    load = Load(cpu=1, service_us=service)
    groups = groups_of([pod(f"p{i}", limit) for i, limit in enumerate(limits)], 0)
    demand = np.array(offered, dtype=np.int64)
    served = serve(load, groups, demand, 0)
    capacity = sum(8000 if limit is None else limit for limit in limits)
    assert (served.used <= capacity).all()
    total = int(demand.sum()) * TICK_S
    # What is used is told in whole millicores, a tick's rest below one is not told.
    short = total - int(served.used.sum()) * TICK_S - int(served.dropped.sum()) - int(served.left[-1])
    assert 0 <= short < TICK_S * len(offered)


def test_latency_rises_with_load_and_past_saturation_with_the_backlog() -> None:
    load = Load(cpu=1, service_us=20_000, timeout_s=10)
    groups = groups_of([pod("a", 1000), pod("b", 1000)], 0)
    offered = np.array([200, 1000, 1800, 2600, 2600, 2600, 2600], dtype=np.int64)
    served = serve(load, groups, offered, 0)
    p50, p95, p99 = latency_us(load, groups, served)
    assert all(a < b for a, b in pairwise(p95[:5]))
    assert (p50 <= p95).all()
    assert (p95 <= p99).all()
    assert served.left[-1] == 2000 * 10
    assert served.dropped[-1] == 600 * TICK_S
    assert p99.max() <= 10_100_000
