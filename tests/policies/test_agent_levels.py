"""Threat 34: how far an agent acts: by policy at most, by the log's word less.

| attack, or bad luck                                     | what must be so                                   |
|---------------------------------------------------------|---------------------------------------------------|
| policy says autonomous, the log says less               | the lower of both, at each place                  |
| the integer means no level                              | it only observes                                  |
| policy wants it watched, and nobody has promoted it     | it recommends                                     |
| it is demoted, or retired, between decision and commit  | the decision's claim is lost                      |
| an undo that puts nothing back, by a demoted agent      | refused; only a rollback that was proven passes   |
| retired                                                 | it neither acts nor reads, and no model is asked  |
"""

from typing import Any, get_args

import pytest

from policies.agent_levels import above, below, cap_of, level_of, stored_as
from policies.asking import asking_keys, asking_refused
from policies.fields import Autonomy
from policies.gate import Gate
from policies.types import Claim
from tests.kit.policies import NOW, PEOPLE, agent, ask, decide, policy, principal, rule, screen, values

LEVELS = get_args(Autonomy)
SHADOW = {"promotion": {"shadow": "7d"}}


def one(**spec: Any) -> Any:
    return policy(rule(), agent(**spec), PEOPLE[0])


@pytest.mark.parametrize("by_policy", LEVELS)
@pytest.mark.parametrize("said", [0, 1, 2, 3, 4, 5, -1, 2**53 - 1])
def test_the_lower_of_both_holds(by_policy: Autonomy, said: int) -> None:
    spec = one(autonomy=by_policy).agents["agent:ops"].spec
    cap = LEVELS[said - 1] if 1 <= said <= 4 else ("autonomous" if said == 0 else "observe")
    found = level_of(spec, "sandbox", "shop", said)
    assert LEVELS.index(found) == min(LEVELS.index(by_policy), LEVELS.index(cap))


def test_levels_are_stored_as_they_are_read() -> None:
    spec = one().agents["agent:ops"].spec
    assert [cap_of(spec, stored_as(level)) for level in LEVELS] == list(LEVELS)
    assert [below(level) for level in LEVELS] == ["observe", "observe", "recommend", "approve"]
    assert [above(level) for level in LEVELS] == ["recommend", "approve", "autonomous", "autonomous"]


@pytest.mark.parametrize(
    ("said", "live", "rehearsal"),
    [
        (1, "deny", "deny"),
        (2, "deny", "allow"),
        (3, "needs_approval", "allow"),
        (4, "allow", "allow"),
        (9, "deny", "deny"),
    ],
)
def test_the_gate_goes_by_the_log_too(said: int, live: str, rehearsal: str) -> None:
    at, found = one(autonomy="autonomous"), {"level/agent:ops": said}
    assert decide(at, ask("agent:ops"), found=found).verdict == live
    assert decide(at, ask("agent:ops", mode="dry_run"), found=found).verdict == rehearsal
    assert decide(at, ask(), found=found).verdict == "allow", "a person by hand has no level"


def test_the_log_widens_nothing() -> None:
    assert decide(one(autonomy="observe"), ask("agent:ops"), found={"level/agent:ops": 4}).stage == "autonomy"


def test_who_is_to_be_watched_recommends_until_a_promotion() -> None:
    at = one(autonomy="autonomous", **SHADOW)
    assert decide(at, ask("agent:ops")).stage == "autonomy"
    assert decide(at, ask("agent:ops", mode="dry_run")).verdict == "allow"
    assert decide(at, ask("agent:ops"), found={"level/agent:ops": 4}).verdict == "allow"


def test_what_the_log_said_is_claimed() -> None:
    found = decide(one(autonomy="autonomous"), ask("agent:ops"), found={"level/agent:ops": 4}).claims
    assert Claim("equals", "level/agent:ops", 4) in found
    assert Claim("equals", "retired/agent:ops", 0) in found


@pytest.mark.parametrize("said", [{"level/agent:ops": 1}, {"level/agent:ops": 2}, {"retired/agent:ops": 1}])
def test_a_rollback_passes_where_it_is_one_and_nothing_else_does(said: dict[str, int]) -> None:
    """Whoever made it worse puts it back, demoted or retired in between."""
    at, undo = one(autonomy="autonomous"), ask("agent:ops", undoes="an-intent")
    assert screen(at, undo, said).verdict == "allow"
    assert decide(at, undo, found=said, rollback=True).verdict == "allow"
    assert decide(at, undo, found=said, rollback=False).stage == "autonomy"
    assert decide(one(autonomy="observe"), undo, found=said, rollback=True).stage == "autonomy"


def test_who_is_retired_neither_acts_nor_reads_nor_is_asked() -> None:
    at, said = one(autonomy="autonomous"), {"retired/agent:ops": 1}
    reads = policy(rule(actions=["read"], limits=None), *PEOPLE)
    read = ask("agent:ops", action="describe_workload", tool="describe_workload")
    assert screen(reads, read).verdict == "allow"
    assert screen(reads, read, said).stage == "autonomy"
    assert screen(at, ask("agent:ops"), said).stage == "autonomy"
    assert screen(at, ask("agent:ops", mode="dry_run"), said).stage == "autonomy"
    who = principal("agent:ops")
    known = dict.fromkeys(asking_keys(who, "sandbox"), 0)
    assert asking_refused(at, who, "sandbox", "any", known) is None
    assert "retired" in (asking_refused(at, who, "sandbox", "any", known | said) or "")


def test_every_integer_of_an_agent_is_asked_for() -> None:
    gate = Gate(one())
    assert {"level/agent:ops", "retired/agent:ops"} <= values(gate, ask("agent:ops")).keys()
    assert not any(key.startswith(("level/", "retired/")) for key in gate.keys(ask(), NOW))
