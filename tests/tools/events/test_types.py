"""An event is typed, ends, and can only raise; what it asks for one workload is a pure function."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tools.events.types import DAY_MS, LONGEST_MS, ONE_PPM, Event, Floor, factor_ppm, floors, labels_of

T0 = 1_800_000_000_000
FRIDAY: dict[str, Any] = {
    "name": "black-friday", "title": "Black Friday", "namespace": "shop", "selector": {"tier": "frontend"},
    "from_ms": T0, "to_ms": T0 + DAY_MS, "at_least_ppm": 3 * ONE_PPM, "source": "human:anna",
}  # fmt: skip


def event(**more: Any) -> Event:
    return Event(**{**FRIDAY, **more})


@pytest.mark.parametrize("wrong", [
    {"at_least_ppm": ONE_PPM}, {"at_least_ppm": 0}, {"at_least_ppm": -ONE_PPM}, {"at_least_ppm": 500_000},
    {"at_least_ppm": 20 * ONE_PPM + 1}, {"at_least_ppm": 3.0}, {"at_least_ppm": True},
    {"at_most_ppm": 2 * ONE_PPM}, {"to_ms": T0}, {"to_ms": T0 - 1}, {"to_ms": T0 + LONGEST_MS + 1},
    {"name": "Black Friday"}, {"name": ""}, {"title": ""}, {"title": "x" * 81}, {"namespace": "*"},
    {"selector": {"tier": "a b"}}, {"selector": {"": "x"}}, {"selector": {"tier": "*"}},
    {"selector": {f"k{i}": "v" for i in range(17)}}, {"replicas": 3},
], ids=str)  # fmt: skip
def test_what_would_lower_or_never_end_is_no_event(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        event(**wrong)


def test_it_comes_back_from_a_request_as_it_was() -> None:
    for one in (event(), event(selector={}), event(selector={"b": "", "a/x": "1"}, at_most_ppm=4 * ONE_PPM)):
        assert Event.of(one.args) == one
        assert all(isinstance(value, int | str | None) for value in one.args.values())


@pytest.mark.parametrize(
    "text", ["tier", "tier!=x", "tier==x", "a=1,a=2", "tier in (a)", "=x", "a=1,,b=2", "!a"]
)
def test_what_is_no_equality_is_refused(text: str) -> None:
    with pytest.raises((ValueError, ValidationError)):
        event(selector=labels_of(text))


def test_only_what_has_every_label_is_meant() -> None:
    both = event(selector={"tier": "frontend", "team": "shop"})
    assert both.selects("shop", {"tier": "frontend", "team": "shop", "x": "y"})
    assert not both.selects("shop", {"tier": "frontend"})
    assert not both.selects("other", {"tier": "frontend", "team": "shop"})
    assert not both.selects(None, {"tier": "frontend", "team": "shop"})
    assert event(selector={}).selects("shop", {})


def test_floors_are_of_one_workload_by_their_beginning() -> None:
    later = event(name="later", from_ms=T0 + 1, selector={})
    other = event(name="other", selector={"tier": "backend"})
    assert floors([later, other, event()], "shop", {"tier": "frontend"}) == (
        Floor("black-friday", T0, T0 + DAY_MS, 3 * ONE_PPM),
        Floor("later", T0 + 1, T0 + DAY_MS, 3 * ONE_PPM),
    )


@pytest.mark.parametrize(("start", "end", "factor"), [
    (T0 - 10, T0 - 1, 1), (T0 - 10, T0, 3), (T0, T0, 3), (T0 + DAY_MS - 1, T0 + 2 * DAY_MS, 3),
    (T0 + DAY_MS, T0 + 2 * DAY_MS, 1), (T0 - 1, T0 + 2 * DAY_MS, 3),
])  # fmt: skip
def test_a_factor_counts_where_its_window_touches_the_stretch(start: int, end: int, factor: int) -> None:
    assert factor_ppm([Floor("e", T0, T0 + DAY_MS, 3 * ONE_PPM)], start, end) == factor * ONE_PPM


@given(st.lists(st.integers(ONE_PPM + 1, 20 * ONE_PPM), max_size=5))
def test_events_never_multiply_each_other_and_never_lower(factors: list[int]) -> None:
    asked = [Floor(f"e{i}", T0, T0 + 1, ppm) for i, ppm in enumerate(factors)]
    assert factor_ppm(asked, T0, T0) == max(factors, default=ONE_PPM) >= ONE_PPM
