"""A model's advice: what counts as an answer, and which numbers it may cite (threat 35)."""

import json
from decimal import Decimal
from typing import Any

import pytest

from agents.advice.answer import MOST_TEXT, answers, cites
from agents.advice.offer import MOST_WORKLOADS, Offer, figures_of, offers
from agents.errors import ReplyMalformed
from agents.models.types import End, RawCall, Reply, Usage
from agents.tuner.change import Change, Move, scaled
from agents.tuner.proposal import Proposal
from agents.tuner.strategy import Figure
from tests.agents.test_tuner_run import workload

FIGURES = frozenset(Decimal(n) for n in ("4", "7", "127", "0.00", "84.0"))
EXPECTS = {
    "cost_before_mch": 48_000, "cost_after_mch": 84_000, "violations_before_ppm": 1_000_000,
    "violations_after_ppm": 0,
}  # fmt: skip


def proposal(name: str = "web", pods: int | None = 7, ties: int = 0) -> Proposal:
    one = workload(name)
    return Proposal(
        one.target, 4, None if pods is None else scaled(one, pods), "cpu-above-target",
        strategy="told", figures=(Figure("cpu_percent", 127),), expects=EXPECTS,
        ties=tuple(proposal(name, (pods or 0) + 1 + i) for i in range(ties)),
    )  # fmt: skip


OFFERED = offers([proposal("kept", None), proposal("web", ties=1), proposal("search")])


def said(*found: dict[str, Any], **more: Any) -> Reply:
    return reply(json.dumps({"answers": list(found), **more}))


def reply(text: str, end: End = "whole", calls: tuple[RawCall, ...] = ()) -> Reply:
    return Reply(text, calls, Usage(1, 1), end)


def one(place: int = 1, candidate: int = 0, text: str = "7 pods") -> dict[str, Any]:
    return {"workload": place, "candidate": candidate, "text": text}


def test_what_is_offered_is_codes_and_figures_by_name() -> None:
    assert [offer.place for offer in OFFERED] == [1, 2]
    document = OFFERED[0].document()
    assert document["candidates"][0] == {  # type: ignore[index]
        "candidate": 0, "strategy": "told", "why": "cpu-above-target",
        "figures": {
            "cpu_percent": "127", "replicas_before": "4", "replicas_after": "7",
            "core_hours_a_day_before": "48.0", "core_hours_a_day_after": "84.0",
            "risk_percent_before": "100.00", "risk_percent_after": "0.00",
        },
    }  # fmt: skip
    assert "web" not in json.dumps(document)


def test_those_with_a_choice_come_first_and_there_are_not_too_many() -> None:
    many = offers([*[proposal()] * MOST_WORKLOADS, proposal(ties=1)])
    assert (len(many), many[0].place) == (MOST_WORKLOADS, MOST_WORKLOADS)


def test_what_was_not_set_is_no_figure() -> None:
    change = Change(
        "set_resources", scaled(workload("web"), 4).args, (Move("cpuLimit", "cpu_limit", None, 800),)
    )
    assert figures_of(Proposal(workload("web").target, 4, change, "why")) == {"cpuLimit_after": "800"}


def test_a_good_answer_is_taken() -> None:
    found = answers(said(one(1, 1, "8 in place of 4"), one(2)), OFFERED)
    assert {place: (a.candidate, a.text) for place, a in found.items()} == {
        1: (1, "8 in place of 4"), 2: (0, "7 pods"),
    }  # fmt: skip
    fenced = reply("```json\n" + json.dumps({"answers": [one()]}) + "\n```")
    assert answers(fenced, OFFERED)[1].candidate == 0
    assert answers(said(), OFFERED) == {}


@pytest.mark.parametrize(
    "bad",
    [
        said(one(0)), said(one(3)), said(one(-1)), said(one(1, 2)), said(one(1, -1)), said(one(2, 1)),
        said(one(), one()), said(one(), one(9)), said({**one(), "workload": "1"}), said({**one(), "candidate": True}),
        said({**one(), "candidate": 0.0}), said({**one(), "more": 1}), said({"workload": 1, "candidate": 0}),
        said(one(text="")), said(one(text="a" * (MOST_TEXT + 1))), said(one(), extra=1),
        said(*[one()] * (MOST_WORKLOADS + 1)),
        reply(""), reply("scale web to 7"), reply("[]"), reply("null"), reply('{"answers": '), reply("[" * 10_000),
        reply(" " * 17_000 + '{"answers": []}'), reply('{"answers": []} {"answers": []}'),
        reply('{"answers": []}', "length"), reply('{"answers": []}', "filtered"),
        reply('{"answers": []}', calls=(RawCall("scale", "{}"),)),
    ],
)  # fmt: skip
def test_35_anything_else_is_no_answer_at_all(bad: Reply) -> None:
    with pytest.raises(ReplyMalformed):
        answers(bad, OFFERED)


def test_35_what_cites_another_number_chooses_nothing_either() -> None:
    found = answers(said(one(1, 1, "9 pods will do"), one(2)), OFFERED)
    assert list(found) == [2]


@pytest.mark.parametrize(
    "text",
    [
        "4 -> 7 pods",
        "From 4 to 7, at 127% CPU.",
        "risk 0.00%, cost 84.0 (84)",
        "It is enough.",
        "(7)",
        "7.",
        "what the formula gives: 7; it’s – so to say – fine",
    ],
)
def test_figures_may_be_cited(text: str) -> None:
    assert cites(text, FIGURES)


@pytest.mark.parametrize(
    "text",
    [
        "5 pods",
        "4,7",
        "47",
        "7e3",
        "-7",
        "4-7",
        "+7",
        "0x7",
        "7.5",
        ".7",
        "7.0.4",
        "p7",
        "7k",
        "1,270",
        "84.01",
        "٧ pods",
        "７ pods",
        "⁷ pods",
        "½",
        "Ⅶ pods",
        "七",
        "seven pods",
        "Half of it",
        "DOUBLE",
        "twice",
        "tenfold",
        "a hundred",
        "fourteen",
        "7 pods\nrecord 9",
        "7\u202epods",
        "\x1b[7m",
        " ",
        "7_000",
        "1/4",
    ],
)
def test_35_other_numbers_may_not_in_any_script_or_spelling(text: str) -> None:
    assert not cites(text, FIGURES)


def test_the_figures_of_every_tie_may_be_cited() -> None:
    assert {Decimal(7), Decimal(8), Decimal(4)} <= Offer(0, (proposal(), proposal(pods=8))).figures
