"""A volume that fills up: when, what an expansion does to that, and that what is full stays open.

| what the volume does | then |
|---|---|
| fills evenly | open, with the moment it is full, as for memory |
| is full, and grows no more | open still |
| is emptied | clear |
| was expanded lately | unknown: nothing begins, nothing ends |
| was expanded a while ago | clear, or open with the new moment |
| another one is the fullest now, or the fullest is gone | as where it was expanded |
| moves a little in what it holds | as if it did not |
| is silent, now or on and off | unknown; gaps are no growth |
"""

from collections.abc import Sequence

import pytest

from forecasting.sentinel.filling import ANEW_S, filling
from forecasting.sentinel.live import SCREEN_S, Foreseen

STEP, NOW, HOUR = 300, 1_772_460_000, 12
SIZE = 100_000
DAY = 24 * HOUR
FILLING = [40_000 + 100 * i for i in range(DAY + 6 * HOUR)]
"""1,200 an hour, for thirty hours: 76,000 by now."""


def look(
    used: Sequence[int | None],
    holds: Sequence[int | None] | int = SIZE,
    late_s: int = 0,
    screening: bool = False,
) -> Foreseen:
    each = [holds] * len(used) if isinstance(holds, int) else holds
    start = NOW - STEP * (len(used) - 1) - late_s
    return filling(used, each, start, STEP, NOW, screening=screening)


def soon(size: int = 80_000) -> Foreseen:
    return look(FILLING, size)


def test_it_says_when_it_is_full() -> None:
    found = soon()
    assert found.state == "open"
    assert found.figure("eta_s") == pytest.approx((80_000 - FILLING[-1]) / 100 * STEP, abs=900)
    assert (found.figure("limit"), found.figure("slope_per_h")) == (80_000, 1200)


def test_with_room_for_days_it_is_clear() -> None:
    assert look(FILLING, 10 * SIZE).state == "clear"
    assert look([40_000] * DAY).state == "clear"


@pytest.mark.parametrize("level", [SIZE, 97_000])
def test_what_is_full_is_open_although_it_grows_no_more(level: int) -> None:
    found = look([level] * DAY)
    assert (found.state, found.figure("eta_s"), found.figure("level")) == ("open", 0, level)
    assert look([level] * (SCREEN_S // STEP), screening=True).state == "open"
    assert look([None] * DAY + [level]).state == "open", "one sample tells that"


def test_nearly_full_and_flat_is_clear() -> None:
    assert look([96_900] * DAY).state == "clear"


def test_it_does_not_flap_about_the_edge() -> None:
    assert look([96_000] * DAY + [97_100, *[96_900] * 5]).state == "open"
    assert look([96_000] * DAY + [97_100, *[96_900] * 7]).state == "clear"


def test_what_was_emptied_is_clear() -> None:
    assert look([*FILLING, *[10_000] * 8], 80_000).state == "clear"


@pytest.mark.parametrize("ago", [1, 6, 11, 17])
def test_after_an_expansion_nothing_is_concluded_for_a_while(ago: int) -> None:
    found = look(FILLING, [80_000] * (len(FILLING) - ago) + [160_000] * ago)
    assert (found.state, found.why) == ("unknown", "its capacity changed a short time ago")


def test_after_a_large_expansion_it_is_clear_and_after_a_small_one_open_again() -> None:
    ago = ANEW_S // STEP + 2
    before = [76_500] * (len(FILLING) - ago)
    assert look(FILLING, before + [800_000] * ago).state == "clear"
    found = look(FILLING, before + [78_000] * ago)
    assert (found.state, found.figure("limit")) == ("open", 78_000)


def test_one_that_is_full_after_an_expansion_is_open_at_once() -> None:
    assert look([99_000] * DAY, [90_000] * (DAY - 2) + [SIZE] * 2).state == "open"


def test_where_another_one_is_the_fullest_the_trend_begins_again() -> None:
    """The new one stands still at half; the old one's growth, and the step between them, are not its own."""
    used, holds = [*FILLING, *[500_000] * 30], [*[SIZE] * len(FILLING), *[10 * SIZE] * 30]
    assert look(used, holds).state == "clear"


def test_what_moves_a_little_is_no_expansion() -> None:
    holds = [80_000 + (i % 3) * 50 for i in range(len(FILLING))]
    assert look(FILLING, holds).state == "open"


@pytest.mark.parametrize("used", [
    [], [None] * DAY, [*FILLING, *[None] * 7], [*[SIZE] * DAY, *[None] * 7],
], ids=["empty", "nothing", "filling", "full"])  # fmt: skip
def test_silence_is_unknown(used: list[int | None]) -> None:
    assert look(used, 80_000).state == "unknown"


def test_late_samples_and_no_capacity_are_unknown() -> None:
    assert look(FILLING, 80_000, late_s=1801).state == "unknown"
    assert look(FILLING, [None] * len(FILLING)).state == "unknown"
    assert look(FILLING, 0).state == "unknown"


def test_gaps_in_either_are_no_change() -> None:
    used = [None if i % 5 == 2 else v for i, v in enumerate(FILLING)]
    holds = [None if i % 7 == 3 else 80_000 for i in range(len(FILLING))]
    assert look(used, holds).state == "open"
