"""What puts back goes before much, and what says no holds: the table of docs/policy.md, both sides of each row.

The floor of an envelope that is over goes by the right of the lease, where policy has become silent.
"""

from typing import Any

import pytest

from policies.claim_keys import CHANGED, ENVELOPE
from policies.types import Delta, Leased
from tests.kit.policies import NOW, PEOPLE, agent, ask, binding, decide, deny, doc, policy, rule, screen, seen

WHOLE = {"clusters": ["*"], "namespaces": ["*"], "names": ["*"]}
FREEZE = doc("Freeze", "now", {"scope": {"clusters": ["*"]}, "override": "group:none", "windows": [
    {"from": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"}]})  # fmt: skip
CEILING = doc("Ceiling", "low", {"target": WHOLE, "limits": {"replicas": {"max": 4}}})
HUMAN, AGENT = PEOPLE
UNBOUND = binding("other", ["human:other"], "operator")


def back(*documents: Any, to: int = 5, floor: int = 5, **more: Any) -> Any:
    """The floor of 5 is put back from 4, of a lease of 3 to 7 that ended this moment."""
    request = ask("agent:ops", to, under="intent-1", **more.pop("asked", {}))
    leased = Leased(3, 7, floor, more.pop("until_ms", NOW), 77, "", (), more.pop("most", 7))
    found = {ENVELOPE.of(request.target.key): 77, **more.pop("stored", {})}
    observed = seen(request, Delta("replicas", "", 4, to), **more)
    return decide(policy(*documents), request, observed, found=found, leased=leased)


SILENT = {
    "no agent, no person, no rule": (),
    "no agent": (HUMAN, rule()),
    "no rights of its person": (UNBOUND, AGENT, rule()),
    "no rule": (HUMAN, AGENT),
    "observed only": (HUMAN, agent(autonomy="observe"), rule()),
    "of another owner": (HUMAN, agent(owner="human:bob"), rule()),
}


@pytest.mark.parametrize("documents", SILENT.values(), ids=SILENT)
@pytest.mark.parametrize("left_ms", [0, 3_600_000])
def test_where_policy_is_silent_the_lease_is_right_enough(documents: Any, left_ms: int) -> None:
    """Also before its time is over: no rule would lease it any more."""
    found = back(*documents, until_ms=NOW + left_ms)
    assert found.verdict == "allow", found.detail
    assert not found.approvals


def test_it_waits_for_no_cooldown_and_for_no_level() -> None:
    changed = CHANGED.of(ask().target.key)
    assert back(*PEOPLE, rule(cooldown="30m"), stored={changed: NOW - 1000}).verdict == "allow"
    for said in ({"level/agent:ops": 1}, {"retired/agent:ops": 1}):
        assert back(*PEOPLE, rule(), stored=said).verdict == "allow"


@pytest.mark.parametrize(("documents", "more", "stage"), [
    ((deny(roles=["everyone"]),), {}, "rules"),
    ((deny(),), {"stored": {}}, "allowed"),
    ((CEILING,), {}, "ceiling"),
    ((FREEZE,), {}, "freeze"),
    ((*PEOPLE, rule(limits={"replicas": {"min": 1, "max": 4}})), {}, "limits"),
    ((*PEOPLE, rule(quiet=["alerts"])), {"alerts": 1}, "quiet"),
    ((*PEOPLE, rule(approval={"from": "local", "when": "always"})), {}, "approval"),
    ((), {"stored": {"stop/agent:ops": 1}}, "kill_switch"),
    ((), {"stored": {"clock/sandbox": NOW + 60_000}}, "clock"),
    ((), {"owner": "application/shop"}, "ownership"),
    ((), {"asked": {"tainted": True}}, "taint"),
    ((), {"asked": {"basis": "older"}}, "drift"),
    ((), {"most": 4}, "rules"),
    ((), {"to": 6}, "envelope"),
    ((), {"stored": {ENVELOPE.of(ask().target.key): 78}}, "envelope"),
])  # fmt: skip
def test_what_says_no_holds(documents: Any, more: dict[str, Any], stage: str) -> None:
    assert back(*documents, **more).stage == stage


def test_nothing_else_is_let_through_by_naming_an_envelope() -> None:
    """By names alone the request's own word is taken, for a deny too; the decision takes what the path has found."""
    request = ask("agent:gone", 5, under="intent-1")
    assert screen(policy(*PEOPLE, rule()), request).verdict == "allow"
    assert screen(policy(deny(roles=["everyone"])), request).stage == "names"
    assert decide(policy(*PEOPLE, rule()), request).stage == "agent"
    assert back(HUMAN, rule(), to=6, until_ms=NOW + 3_600_000).stage == "envelope"
