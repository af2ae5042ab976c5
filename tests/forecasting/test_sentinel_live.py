"""What is foreseen now: open, clear or unknown. Missing samples begin nothing and end nothing."""

import math
import random
from collections.abc import Sequence

import pytest

from forecasting.sentinel.live import RESOLVE_S, SCREEN_S, Foreseen, budget, exhaustion, per_pod

STEP = 300
NOW = 1_772_460_000
LIMIT = 1000
HOURS = 12  # steps an hour
FLAT = [500] * (26 * HOURS)
LEAK = [*FLAT, *(500 + 4 * i for i in range(6 * HOURS))]


def look(values: Sequence[int | None], limit: int = LIMIT, late_s: int = 0) -> Foreseen:
    start = NOW - STEP * (len(values) - 1) - late_s
    return exhaustion(values, start, STEP, limit, NOW)


def test_a_leak_is_open_with_its_moment_and_evidence() -> None:
    found = look(LEAK)
    assert found.state == "open"
    left_s = (LIMIT - LEAK[-1]) / 4 * STEP
    assert found.figure("eta_s") == pytest.approx(left_s, abs=900)
    assert found.figure("slope_per_h") == 48
    assert found.figure("coverage_ppm") == 1_000_000
    soonest, eta, latest = (found.figure(n) for n in ("soonest_s", "eta_s", "latest_s"))
    assert soonest is not None
    assert eta is not None
    assert latest is not None
    assert soonest <= eta <= latest
    assert all(type(value) is int for _, value in found.figures)


def test_what_does_not_grow_is_clear() -> None:
    assert look(FLAT).state == "clear"
    assert look([500, 600] * 200).state == "clear"


@pytest.mark.parametrize("values", [
    [None] * 300, [], [*LEAK, *[None] * 7], [*FLAT, *[None] * 7], [500],
], ids=["nothing", "empty", "leak-goes-silent", "flat-goes-silent", "one"])  # fmt: skip
def test_silence_is_unknown_whatever_was_before(values: list[int | None]) -> None:
    assert look(values).state == "unknown"


def test_stale_samples_and_no_limit_are_unknown() -> None:
    assert look(LEAK, late_s=1801).state == "unknown"
    assert look(LEAK, limit=0).state == "unknown"


def test_a_short_gap_is_no_silence() -> None:
    assert look([*LEAK[:-3], None, None, LEAK[-1]]).state == "open"


def test_it_stays_open_for_half_an_hour_and_no_longer() -> None:
    """After a restart the next looks must not flap."""
    for after in range(RESOLVE_S // STEP):
        assert look([*LEAK, *[400] * after]).state == "open", after
    assert look([*LEAK, *[400] * (RESOLVE_S // STEP + 2)]).state == "clear"


def test_what_a_pod_uses_is_missing_where_either_is() -> None:
    assert per_pod([600, None, 600, 7], [2, 2, None, 0]) == (300, None, None, None)


def test_a_scale_out_is_no_leak_of_a_pod() -> None:
    pods = [1 + i // 36 for i in range(360)]
    assert look(per_pod([500 * n for n in pods], pods), limit=600).state == "clear"


RATE = [100_000] * (74 * HOURS)


def burnt(errors: Sequence[int | None], rates: Sequence[int | None] = RATE) -> Foreseen:
    return budget(errors, rates, STEP, 999_000)


def test_a_fast_burn_opens_a_slow_one_later_and_none_not() -> None:
    good = [0] * (74 * HOURS)
    assert burnt(good).state == "clear"
    page = burnt([*good[:-HOURS], *[20_000] * HOURS])
    assert (page.state, page.figure("page"), page.figure("factor_milli")) == ("open", 1, 14_400)
    assert page.figure("burn_milli") == pytest.approx(20_000, rel=0.01)
    ticket = burnt([1_500] * (74 * HOURS))
    assert (ticket.state, ticket.figure("page")) == ("open", 0)
    assert burnt([900] * (74 * HOURS)).state == "clear"


def test_a_burn_that_stopped_is_clear_after_half_an_hour() -> None:
    hot = [*[0] * (73 * HOURS), *[50_000] * HOURS]
    assert burnt([*hot[4:], 0, 0, 0, 0]).state == "open"
    assert burnt([*hot[9:], *[0] * 9]).state in ("clear", "open")
    assert burnt([*hot[HOURS * 8 :], *[0] * (HOURS * 8)], RATE).state == "clear"


@pytest.mark.parametrize("errors", [[None] * 888, [*[20_000] * 882, *[None] * 6]], ids=["nothing", "silent"])
def test_errors_that_were_not_measured_are_unknown(errors: list[int | None]) -> None:
    assert burnt(errors).state == "unknown"


def test_no_requests_burn_nothing_and_are_known() -> None:
    assert burnt([None] * 888, [0] * 888).state == "clear"


@pytest.mark.parametrize("seed", range(8))
def test_what_the_screening_clears_is_clear(seed: int) -> None:
    """On days of usage that swings, leaks, restarts and has holes the short look misses nothing."""
    draw = random.Random(seed)
    slope, swing, restart = (
        4.5 + 1.5 * draw.random(),
        40 * draw.random(),
        draw.randrange(33 * HOURS, 40 * HOURS),
    )
    values, level, opened = list[int | None](), 300.0, 0
    for i in range(36 * HOURS):
        level = 300.0 if i == restart else level + (slope if i > 26 * HOURS else 0)
        used = level + swing * math.sin(i / (4 * HOURS)) + draw.gauss(0, 2)
        values.append(None if draw.random() < 0.02 else round(used))
    for end in range(26 * HOURS, len(values), 3):
        whole, short = values[:end], values[max(0, end - SCREEN_S // STEP) : end]
        found = look(whole)
        screened = exhaustion(short, NOW - STEP * (len(short) - 1), STEP, LIMIT, NOW, screening=True)
        assert found.state != "open" or screened.state == "open", end
        opened += found.state == "open"
    assert opened


def test_the_screening_of_a_budget_misses_no_burn() -> None:
    good = [0] * (74 * HOURS)
    for burnt_for, share in ((HOURS, 20_000), (8 * HOURS, 8_000), (74 * HOURS, 1_500)):
        errors = [*good[burnt_for:], *[share] * burnt_for]
        assert burnt(errors).state == "open"
        n = SCREEN_S // STEP
        assert budget(errors[-n:], RATE[-n:], STEP, 999_000, screening=True).state == "open"
