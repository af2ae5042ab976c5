"""Quorum and separation of duties: who is counted for an approval, once, and who never is."""

import pytest

from policies.snapshot import Snapshot
from tests.kit.policies import Doc, agent, ask, binding, decide, policy, principal, rule, vote

SRE = binding("sre", ["human:anna", "human:bob", "human:carl", "agent:ops", "group:oncall"], "sre")
OPERATORS = binding("people", ["human:anna"], "operator")


def asking(count: int = 2, *documents: Doc) -> Snapshot:
    approval = {"from": "sre", "count": count, "when": "always"}
    return policy(rule(approval=approval), OPERATORS, SRE, *(documents or (agent(),)))


def voted(snapshot: Snapshot, *people: str, who: str | None = None) -> str:
    request = ask(who)
    votes = [vote(request, person, id=f"vote-{number}") for number, person in enumerate(people)]
    return decide(snapshot, request, approvals=votes).verdict.value


def test_two_are_two_people() -> None:
    assert voted(asking(), "human:bob") == "needs_approval"
    assert voted(asking(), "human:bob", "human:carl") == "allow"


def test_one_person_who_votes_twice_is_one() -> None:
    assert voted(asking(), "human:bob", "human:bob") == "needs_approval"


@pytest.mark.parametrize("again", ["human:Bob", "human:BOB", "human:bOb"])
def test_one_person_under_two_spellings_is_one(again: str) -> None:
    both = asking(2, agent(), binding("more", [again], "sre"))
    assert voted(both, "human:bob", again) == "needs_approval"


@pytest.mark.parametrize("herself", ["human:anna", "human:Anna", "human:ANNA"])
def test_the_one_who_asks_never_counts(herself: str) -> None:
    snapshot = asking(1, agent(), binding("more", [herself], "sre"))
    assert voted(snapshot, herself) == "needs_approval"
    assert voted(snapshot, herself, who="agent:ops") == "needs_approval"
    assert voted(snapshot, "human:bob") == "allow"


@pytest.mark.parametrize("owner", ["human:bob", "human:Bob"])
def test_the_owner_of_the_agent_never_counts_for_a_rule(owner: str) -> None:
    """It is his agent that asks: as good as himself. The chatting human is another."""
    snapshot = asking(1, agent(owner=owner, autonomy="autonomous"))
    request = ask("agent:ops")
    found = decide(snapshot, request, approvals=[vote(request, "human:bob")])
    assert "web" in {need.rule for need in found.approvals}
    assert voted(snapshot, "human:bob") == "allow"


def test_the_owners_yes_and_a_rules_are_two_people() -> None:
    """At level `approve` the owner says yes to his agent, and somebody else to the rule."""
    snapshot = asking(1, agent(owner="human:bob", autonomy="approve"))
    assert voted(snapshot, "human:bob", who="agent:ops") == "needs_approval"
    assert voted(snapshot, "human:bob", "human:carl", who="agent:ops") == "allow"


@pytest.mark.parametrize("nobody", ["agent:ops", "role:sre", "group:oncall", "human:dave"])
def test_who_is_no_person_of_that_role_never_counts(nobody: str) -> None:
    assert voted(asking(1), nobody) == "needs_approval"


def test_of_a_scheduled_run_the_owner_is_the_one_who_asks() -> None:
    nightly = agent(owner="human:anna", schedule={"cron": "30 2 * * *"})
    snapshot = asking(1, nightly)
    request = ask(principal=principal("agent:ops", scheduled=True))
    assert decide(snapshot, request, approvals=[vote(request, "human:anna")]).verdict == "needs_approval"
    assert decide(snapshot, request, approvals=[vote(request, "human:bob")]).verdict == "allow"
