"""Trimming: whatever is kept, it fits, begins with the person, and no call is parted from its result."""

from hypothesis import given
from hypothesis import strategies as st

from agents.models.types import Message
from agents.ops import history
from agents.ops.budget import Budget, tokens_in
from agents.ops.state import begun, empty, reserved


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    found: list[Message] = []
    for turn in range(draw(st.integers(1, 6))):
        found.append(history.user(f"u{turn}", "q" * draw(st.integers(0, 300))))
        for step in range(draw(st.integers(0, 4))):
            ids = [f"c{turn}.{step}.{i}" for i in range(draw(st.integers(1, 3)))]
            reply = history.assistant(f"a{turn}.{step}", "")
            calls = [{"id": id, "request_id": id, "name": "scale", "arguments": "{}"} for id in ids]
            found.append({**reply, "calls": calls})  # type: ignore[typeddict-item]
            found += [history.answer(id, "r" * draw(st.integers(0, 900))) for id in ids]
        if draw(st.booleans()):
            found.append(history.assistant(f"e{turn}", "done"))
    return found


@given(conversations(), st.integers(0, 2_000))
def test_whole_and_newest(messages: list[Message], tokens: int) -> None:
    kept = history.trimmed(messages, tokens)
    assert kept[0]["role"] == "user"
    assert kept[-1] == messages[-1]
    asked = [c["id"] for m in kept for c in m["calls"]]
    assert asked == [m["answers"] for m in kept if m["role"] == "tool"]
    last = max(i for i, m in enumerate(messages) if m["role"] == "user")
    assert messages[last] in kept
    newest = history.blocks(messages[last:])[-1]
    floor = tokens_in([messages[last]]) + tokens_in(newest)
    assert tokens_in(kept) <= max(tokens, floor)


@given(conversations())
def test_room_enough_keeps_all(messages: list[Message]) -> None:
    assert history.trimmed(messages, 1_000_000) == messages


def test_nothing_is_nothing() -> None:
    assert history.trimmed([], 100) == []


def test_a_reservation_is_made_once_and_given_up_only_by_an_answer() -> None:
    budget = Budget(tokens=10_000, output_tokens=1_000)
    state, no = reserved(begun(empty("c/n", "human:anna"), "t", "hi", (), budget), budget, 100)
    assert no is None
    first = state["reserved"]
    assert first > 1_100
    state, no = reserved(state, budget, 100)
    assert no is None
    assert (state["spent"], state["steps"]) == (first, 2)
