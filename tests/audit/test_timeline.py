"""When the wall clock counts as having gone back."""

import pytest

from audit.timeline import Stamp, rfc3339, wall_ms, went_back_ms


@pytest.mark.parametrize(
    ("before", "after", "back"),
    [
        (Stamp(10_000, 0, "b"), Stamp(20_000, 10_000_000, "b"), 0),
        (Stamp(10_000, 0, "b"), Stamp(15_000, 10_000_000, "b"), 5_000),  # half of what went by is missing
        (Stamp(10_000, 0, "b"), Stamp(90_000, 10_000_000, "b"), 0),  # a jump forward
        (Stamp(20_000, 10_000_000, "b"), Stamp(10_000, 0, "b"), 0),  # drafted earlier, stored later
        (Stamp(20_000, 0, "b"), Stamp(19_000, 0, "b"), 0),  # a leap second
        (Stamp(20_000, 0, "b"), Stamp(18_999, 0, "b"), 1_001),
        (Stamp(20_000, 9_000_000, "b"), Stamp(30_000, 1_000, "c"), 0),  # another boot counts from zero
        (Stamp(20_000, 9_000_000, "b"), Stamp(10_000, 1_000, "c"), 10_000),
    ],
)
def test_steps_back(before: Stamp, after: Stamp, back: int) -> None:
    assert went_back_ms(before, after) == back


@pytest.mark.parametrize("ms", [0, 1, 999, 1_000, 1_790_000_000_123, 253_402_300_799_999])
def test_times_read_back(ms: int) -> None:
    assert wall_ms(rfc3339(ms)) == ms


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        wall_ms("2026-10-05T01:14:02")
