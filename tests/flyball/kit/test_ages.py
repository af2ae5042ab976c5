"""Ages as kubectl writes them; the cases are those of apimachinery's HumanDuration."""

import pytest

from flyball.cli.kit.output import age, span

MINUTE, HOUR, DAY = 60, 3600, 86_400
AGES = [
    (-5, "0s"), (0, "0s"), (1, "1s"), (119, "119s"), (2 * MINUTE, "2m"), (2 * MINUTE + 3, "2m3s"),
    (9 * MINUTE + 59, "9m59s"), (10 * MINUTE + 5, "10m"), (179 * MINUTE, "179m"), (3 * HOUR, "3h"),
    (3 * HOUR + 7 * MINUTE, "3h7m"), (7 * HOUR + 59 * MINUTE, "7h59m"), (8 * HOUR + 59, "8h"), (47 * HOUR, "47h"),
    (2 * DAY, "2d"), (2 * DAY + 5 * HOUR, "2d5h"), (7 * DAY + 23 * HOUR, "7d23h"), (8 * DAY + HOUR, "8d"),
    (729 * DAY, "729d"), (730 * DAY, "2y"), (2 * 365 * DAY + 40 * DAY, "2y40d"), (8 * 365 * DAY + DAY, "8y"),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), AGES)
def test_an_age_is_as_fine_as_kubectls(seconds: int, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(45, "45s"), (300, "5m"), (3 * HOUR, "3h"), (3 * DAY, "3d")])
def test_a_span_is_in_its_largest_unit(seconds: int, text: str) -> None:
    assert span(seconds) == text
