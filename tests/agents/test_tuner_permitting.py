"""Policy is asked before a change is proposed: what it refuses in any form is not taken while another one fits | its
words where nothing else does | each sort of change is asked about once | what is refused for now is not bargained"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from agents.tuner.change import Change, Move, checked, scaled
from agents.tuner.choice import Choice, FirstChange
from agents.tuner.least_cost import LeastCost
from agents.tuner.permitting import Permitting
from agents.tuner.proposal import Proposal
from agents.tuner.strategy import Candidate, Observed
from policies.types import Headroom
from tests.agents.fakes import FakeToolbox
from tests.agents.test_tuner_choice import observed, to
from tests.agents.test_tuner_run import WHO
from tools.arguments import SetEnvelopeArgs
from tools.cluster_types import Workload
from tools.toolbox.port import Room, TypedCall

NO_RULE = "no rule lets agent:tuner set_envelope deployment/web"
NO = Room(NO_RULE, (), names_kind=False, outright=True)
YES = Room("", (), names_kind=False)


@dataclass
class Ruled(FakeToolbox):
    """Says of each action what it is told to say."""

    answers: Mapping[str, Room] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def room(self, call: TypedCall, workload: Workload) -> Room:
        self.asked.append((call.action, call.args.model_dump().get("replicas") or 0))
        return self.answers.get(call.action, YES)


def typed(found: Proposal, change: Change) -> TypedCall:
    return TypedCall(change.action, change.args, WHO, found.target.namespace, "dry_run", "r-1-step")


def leased(one: Observed, low: int, high: int) -> Candidate:
    args = {
        "workload": str(one.workload.target), "min_replicas": low, "max_replicas": high,
        "until": "2026-03-03T00:00:00Z", "floor": 4, "agent": "agent:tuner",
    }  # fmt: skip
    moves = (Move("minReplicas", "min_replicas", 8, low), Move("maxReplicas", "max_replicas", 8, high))
    change = Change("set_envelope", checked(SetEnvelopeArgs, args), moves)
    return Candidate("envelope", change, "range-of-a-day", "because")


def chosen(box: Ruled, choice: Choice, *candidates: Candidate) -> Proposal:
    one = observed()
    keep = Candidate("keep", None, "kept-as-is", "as it is")
    (slate,) = choice.weigh([one], [[keep, *candidates]])
    return asyncio.run(Permitting(box, choice, typed).chosen(slate))


ONE = observed()


@pytest.mark.parametrize("choice", [LeastCost(20_000), FirstChange()])
def test_what_no_rule_allows_is_not_taken_while_another_one_fits(choice: Choice) -> None:
    box = Ruled(answers={"set_envelope": NO})
    found = chosen(box, choice, leased(ONE, 2, 8), to(ONE, 5))
    assert (found.strategy, found.proposed) == ("told", 5)
    assert [action for action, _ in box.asked] == ["set_envelope", "scale"]
    if found.alternatives:
        assert [w.why_not for w in found.alternatives] == ["dearer", "policy-keeps-it", ""]


@pytest.mark.parametrize("choice", [LeastCost(20_000), FirstChange()])
def test_where_it_is_the_only_one_policy_keeps_it_in_the_rules_words(choice: Choice) -> None:
    found = chosen(Ruled(answers={"set_envelope": NO}), choice, leased(ONE, 4, 8))
    assert (found.change, found.why, found.strategy) == (None, "policy-keeps-it", "envelope")
    assert found.notes == (NO_RULE,)
    assert found.wanted == leased(ONE, 4, 8).change


def test_each_sort_of_change_is_asked_about_once() -> None:
    """Three strategies that scale cost one question where no rule lets anybody scale."""
    no = Room("no rule lets agent:tuner scale it", (), names_kind=False, outright=True)
    box = Ruled(answers={"scale": no})
    found = chosen(box, LeastCost(20_000), to(ONE, 4, "a"), to(ONE, 5, "b"), to(ONE, 6, "c"))
    assert (found.change, found.why) == (None, "policy-keeps-it")
    assert [w.why_not for w in found.alternatives[1:]] == ["policy-keeps-it"] * 3
    assert box.asked == [("scale", 4)]


def test_a_figure_that_policy_allows_in_no_form_bars_that_figure_only() -> None:
    """Of the ranges none lies between where it stands and the first; the second is another question."""
    low = Room("limits.replicas.min = 5", (Headroom("r", "replicas", 9, 20, False),), names_kind=True)
    box = Ruled(answers={"scale": low})
    found = chosen(box, LeastCost(20_000), to(ONE, 4, "a"), to(ONE, 5, "b"))
    assert (found.change, found.why) == (None, "policy-keeps-it")
    assert box.asked == [("scale", 4), ("scale", 5)]


def test_a_figure_that_can_be_moved_keeps_its_place() -> None:
    low = Room("limits.replicas.min = 5", (Headroom("r", "replicas", 5, 20, False),), names_kind=True)
    found = chosen(Ruled(answers={"scale": low}), LeastCost(20_000), to(ONE, 4, "a"), to(ONE, 6, "b"))
    assert (found.strategy, found.proposed) == ("a", 4), "it is moved to 5 after budgets and quotas"


def test_what_is_refused_for_now_is_proposed_and_told_until_when() -> None:
    now = Room("changed 60s ago: wait 540s more", (), names_kind=False)
    found = chosen(Ruled(answers={"scale": now}), LeastCost(20_000), to(ONE, 4, "a"), leased(ONE, 2, 8))
    assert found.change is not None


def test_a_tie_that_policy_would_refuse_is_none() -> None:
    """Else a model could take what the choice may not."""
    ties = (to(ONE, 5, "a"), leased(ONE, 5, 5))
    free = chosen(Ruled(), LeastCost(20_000), *ties)
    bound = chosen(Ruled(answers={"set_envelope": NO}), LeastCost(20_000), *ties)
    assert [tie.strategy for tie in free.ties] in (["envelope"], ["a"])
    assert bound.ties == ()
    assert bound.strategy == "a"


def test_the_same_question_is_put_once_a_pass() -> None:
    box, choice, one = Ruled(), LeastCost(20_000), ONE
    permitting = Permitting(box, choice, typed)
    keep = Candidate("keep", None, "kept-as-is")
    (slate,) = choice.weigh([one], [[keep, to(one, 4)]])

    async def twice() -> Proposal:
        return await permitting.inside(await permitting.chosen(slate), one.workload)

    assert asyncio.run(twice()).change == scaled(one.workload, 4)
    assert box.asked == [("scale", 4)]
