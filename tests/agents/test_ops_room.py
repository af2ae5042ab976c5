"""What of a model's context a turn has, and what the first request of a conversation costs."""

import re
from pathlib import Path
from typing import Any, cast

import pytest

from agents import prompts
from agents.models.types import message
from agents.ops.budget import Budget, tokens_for_tools, tokens_in
from agents.ops.room import SMALL, room_of
from tests.agents.fakes import FakeToolbox
from tools.toolbox.governed import GovernedToolbox

CHAT = (Path(__file__).resolve().parents[2] / "docs" / "chat.md").read_text(encoding="utf-8")
_PROMPT = message("system", prompts.load("ops", where="prod-eu/shop", mode="live"))


def tools(*, compact: bool) -> list[dict[str, object]]:
    """The real tools; showing them needs nothing of what the toolbox holds."""
    nothing = cast(Any, None)
    return GovernedToolbox(nothing, nothing, nothing, nothing).schemas(compact=compact)


def test_the_tools_of_a_small_context_are_under_2000_tokens() -> None:
    assert tokens_for_tools(tools(compact=True)) < 2_000


def test_the_first_request_costs_what_the_page_says() -> None:
    for compact, words in ((False, "at most"), (True, "in a small context")):
        cost = tokens_in([_PROMPT]) + tokens_for_tools(tools(compact=compact))
        told = re.search(rf"{words} ([0-9,]+) tokens", CHAT)
        assert told is not None
        assert 0 <= int(told[1].replace(",", "")) - cost < 200


@pytest.mark.parametrize("context", [1_024, 2_048, 4_096, SMALL, SMALL + 1, 32_768, 1_000_000])
def test_prompt_history_and_reply_fit_into_the_context(context: int) -> None:
    room = room_of(context, Budget(), message("system", "short"), FakeToolbox())
    assert room.overhead + room.budget.history_tokens + room.budget.output_tokens <= max(context, 1_024)
    assert room.budget.history_tokens <= Budget().history_tokens
    assert room.budget.output_tokens <= Budget().output_tokens


def test_without_a_known_context_the_budget_stands() -> None:
    room = room_of(None, Budget(), message("system", "short"), FakeToolbox())
    assert room.budget == Budget()
    assert room.halved().budget.history_tokens == Budget().history_tokens // 2
