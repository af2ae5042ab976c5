"""The adviser: one call for a run, as the agent, within its budget and in time | whatever the model does, the
proposals are what they were (threat 35)"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from agents.advice import adviser
from agents.advice.adviser import ModelAdviser
from agents.errors import ModelError, ModelUnavailable
from agents.models.types import Message, ModelClient, Reply, Usage
from agents.ops.budget import Budget
from agents.tuner.proposal import Advice, Proposal
from audit.clock import SystemClock
from audit.errors import LogUnavailable
from tests.agents.fakes import HUMAN, FakeRecorder, FakeToolbox
from tests.agents.test_advice_answer import one, proposal, reply, said

FOUND = [proposal("kept", None), proposal("web", ties=1), proposal("search")]


@dataclass
class FakeModel:
    """Answers the same each time, raises, or never answers."""

    answer: Reply | ModelError | None
    model: str = "fake"
    sent: list[Sequence[Message]] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    closed: int = 0

    async def complete(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, object]], *, max_tokens: int
    ) -> Reply:
        assert not tools
        self.sent.append(messages)
        self.limits.append(max_tokens)
        if isinstance(self.answer, ModelError):
            raise self.answer
        if self.answer is None:
            await asyncio.Event().wait()
        assert self.answer is not None
        return self.answer

    async def close(self) -> None:
        self.closed += 1


def advised(
    model: FakeModel, found: Sequence[Proposal] = FOUND, recorder: FakeRecorder | None = None, **more: Any
) -> tuple[list[Proposal], FakeRecorder]:
    recorder = recorder or FakeRecorder()
    whole: dict[str, Any] = {"toolbox": FakeToolbox(), "budget": Budget(), "seconds": 5.0, **more}
    asks = ModelAdviser(connect=lambda: model, recorder=recorder, clock=SystemClock(), **whole)
    return asyncio.run(asks.advised(HUMAN, "r-1", found)), recorder


def test_a_tie_is_chosen_and_a_choice_is_explained() -> None:
    model = FakeModel(said(one(1, 1, "8 in place of 4"), one(2)))
    found, recorder = advised(model)
    assert found[0] == FOUND[0]
    assert found[1] == replace(FOUND[1].ties[0], advice=Advice("fake", "8 in place of 4", chose=True))
    assert found[2] == replace(FOUND[2], advice=Advice("fake", "7 pods", chose=False))
    assert (len(model.sent), model.limits, model.closed) == (1, [Budget().output_tokens], 1)
    ((kind, thread, call),) = recorder.records
    assert (kind, thread, call["model"], call["session"]) == ("model.call", "tune-r-1", "fake", "s1")
    assert int(str(call["tokens"])) > 100, "what can be counted, whatever the endpoint reports"


@pytest.mark.parametrize(
    "answer",
    [
        reply("I have scaled web to 100."), reply(""), reply("[" * 10_000), said(one(0)), said(one(7)),
        said(one(1, 2)),
        said(one(), one()), said(one(1, 1, "9 pods")), said(one(1, 1, "x" * 400)), reply("{}", "length"),
        Reply("", (), Usage(None, None)), ModelUnavailable("away"), ModelError("nonsense"),
    ],
)  # fmt: skip
def test_35_whatever_it_says_the_proposals_stay_what_they_were(answer: Reply | ModelError) -> None:
    model = FakeModel(answer)
    found, _ = advised(model)
    assert found == FOUND
    assert model.closed == 1


def test_35_a_late_answer_is_not_waited_for() -> None:
    model = FakeModel(None)
    found, recorder = advised(model, seconds=0.05)
    assert (found, model.closed) == (FOUND, 1)
    assert recorder.records == [("annotation", "tune-r-1", {"session": "s1", "why": "model"})]


def test_35_who_may_not_ask_does_not_and_it_is_recorded() -> None:
    model = FakeModel(said(one(1, 1)))
    found, recorder = advised(model, toolbox=FakeToolbox(no="stopped"))
    assert (found, model.sent, model.closed) == (FOUND, [], 1)
    assert recorder.records == [("annotation", "tune-r-1", {"session": "s1", "why": "refused"})]


def test_a_model_that_cannot_be_connected_is_no_advice() -> None:
    def connect() -> ModelClient:
        raise ModelUnavailable("no CAs")

    recorder = FakeRecorder()
    asks = ModelAdviser(connect, FakeToolbox(), recorder, Budget(), SystemClock())
    assert asyncio.run(asks.advised(HUMAN, "r-1", FOUND)) == FOUND
    assert recorder.kinds() == ["annotation"]


def test_where_nothing_changes_nobody_is_asked() -> None:
    model = FakeModel(said())
    assert advised(model, [FOUND[0]])[0] == [FOUND[0]]
    assert model.sent == []


def asked_about(model: FakeModel) -> int:
    return len(json.loads(model.sent[-1][-1]["text"])) if model.sent else 0


def test_35_its_budget_bounds_how_much_is_asked() -> None:
    """As many workloads as fit; where not one does, nobody is asked."""
    model = FakeModel(said())
    many = [proposal()] * 20
    advised(model, many)
    assert asked_about(model) == 20
    advised(model, many, budget=Budget(tokens=2_500, output_tokens=500))
    assert 0 < asked_about(model) < 20
    before = len(model.sent)
    found, _ = advised(model, many, budget=Budget(tokens=600, output_tokens=500))
    assert (len(model.sent), found) == (before, many)


def test_it_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adviser, "MOST_BYTES", 2_000)
    model = FakeModel(said())
    advised(model, [proposal()] * 20)
    assert 0 < asked_about(model) < 20
    assert len(model.sent[0][-1]["text"]) <= 2_000


def test_what_cannot_be_recorded_is_not_used() -> None:
    recorder = FakeRecorder(broken=LogUnavailable("away"))
    with pytest.raises(LogUnavailable):
        advised(FakeModel(said(one(1, 1))), recorder=recorder)
