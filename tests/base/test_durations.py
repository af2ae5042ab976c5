"""One grammar of durations for commands, policies, tools and manifests; and Go's, as the API writes it."""

import pytest

from base.durations import DurationInvalid, go_microseconds, go_seconds, seconds, written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1d12h", 129_600),
        ("0s", 0),
        ("1h0m1s", 3601),
    ],
)
def test_seconds(text: str, expected: int) -> None:
    assert seconds(text) == expected
    assert seconds(written(expected)) == expected


@pytest.mark.parametrize(
    ("amount_s", "most", "expected"),
    [
        (0, 2, "0s"),
        (45, 2, "45s"),
        (3600, 2, "1h"),
        (3661, 2, "1h1m"),
        (3601, 2, "1h"),
        (86_400 + 59, 2, "1d"),
        (2 * 86_400 - 1, 2, "1d23h"),
        (2 * 86_400 - 1, 1, "1d"),
        (90_061, 4, "1d1h1m1s"),
    ],
)
def test_as_short_as_it_is_asked_for(amount_s: int, most: int, expected: str) -> None:
    assert written(amount_s, most) == expected
    assert seconds(expected) <= amount_s


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "s",
        "10 s",
        "1m-1s",
        "-5m",
        "ten s",
        "30m1h",
        "1h1h",
        "1.5h",
        "5M",
        "٣m",
        "1e3s",
        "5m\n",
        "1w",
    ],
)
def test_no_duration(text: str) -> None:
    with pytest.raises(DurationInvalid, match="is not a duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 30_000_000), ("1m0.5s", 60_500_000), ("350ms", 350_000), ("1ns", 1), ("1.5h", 5_400_000_000)],
)
def test_go_duration(text: str, expected: int) -> None:
    assert go_microseconds(text) == expected


def test_go_seconds_round_up() -> None:
    assert go_seconds("1m0.5s") == 61


@pytest.mark.parametrize("text", ["", "10", "s", "10 s", "1m-1s", "ten s", "1d"])
def test_no_go_duration(text: str) -> None:
    with pytest.raises(DurationInvalid, match="is not a duration"):
        go_seconds(text)
