"""Envelopes in policy: the documents, who may lease, and which claims a lease leaves."""

import re
from pathlib import Path
from typing import Any

import pytest

from policies.claim_keys import ENVELOPE, first_bits
from policies.errors import PolicyInvalid
from policies.loader import compile_texts
from policies.rule_tests import run
from policies.types import ActionInfo, Claim, Delta, Observation, Request
from tests.kit.policies import CATALOGUE, PEOPLE, agent, ask, binding, decide, policy, rule, seen, text

ENVELOPES = (
    ActionInfo("set_envelope", "write", ("minReplicas", "maxReplicas", "lease")),
    ActionInfo("end_envelope", "write"),
)
MANUAL = Path(__file__).parents[2] / "docs" / "envelopes.md"
MANUALS = (
    binding("people", ["group:local"], "tuner"),
    binding("sre", ["human:bob"], "sre"),
    agent("tuner", roles=["tuner"]),
)
ALL = (*CATALOGUE, *ENVELOPES)
LIMITS = {"minReplicas": {"min": 2, "max": 8}, "maxReplicas": {"min": 2, "max": 12, "maxStep": 5}}
TERMS = {"longest": "24h", "moves": "30/h"}


def leasing(**spec: Any) -> dict[str, Any]:
    base = {"actions": ["set_envelope", "end_envelope"], "limits": LIMITS, "envelope": TERMS}
    return rule("leases", **{**base, **spec})


def in_force(*documents: dict[str, Any]) -> Any:
    return policy(*PEOPLE, *documents, catalogue=ALL)


def lease(who: str | None = "agent:ops", agent: str = "agent:ops", **more: Any) -> Request:
    known = {"tool": "set_envelope", "action": "set_envelope", "args": {"agent": agent}}
    asked = ask(who, **{**known, **more})
    if asked.principal.task is None:
        return asked
    task = asked.principal.task.model_copy(update={"actions": tuple(info.name for info in ALL)})
    return asked.model_copy(update={"principal": asked.principal.model_copy(update={"task": task})})


def observed(request: Request, low: int = 3, high: int = 7, lasts: int = 3600, **more: Any) -> Observation:
    if request.action == "end_envelope":
        more["deltas"] = ()
    ends = (Delta("minReplicas", "", 4, low), Delta("maxReplicas", "", 4, high), Delta("lease", "", 0, lasts))
    return seen(request, *ends, **more)


def test_a_lease_names_itself_in_the_log() -> None:
    for request in (lease(), lease(action="end_envelope"), lease(None)):
        found = decide(in_force(leasing()), request, observed(request))
        assert found.verdict == "allow", found.detail
        key = ENVELOPE.of(request.target.key)
        mine = [claim for claim in found.claims if claim.key == key]
        assert mine == [Claim("equals", key, 0), Claim("set", key, first_bits(request.digest))]


@pytest.mark.parametrize(("low", "high", "lasts", "rule_"), [
    (1, 7, 60, "limits.minReplicas.min = 2"),
    (9, 9, 60, "limits.minReplicas.max = 8"),
    (3, 13, 60, "limits.maxReplicas.max = 12"),
    (3, 10, 60, "limits.maxReplicas.maxStep = 5"),
    (3, 7, 86_401, "envelope.longest = 1d"),
])  # fmt: skip
def test_both_ends_and_the_time_are_bounded(low: int, high: int, lasts: int, rule_: str) -> None:
    request = lease()
    found = decide(in_force(leasing()), request, observed(request, low, high, lasts))
    assert (found.verdict, found.stage, found.rule) == ("deny", "limits", "leases")
    assert found.detail.startswith(rule_)


def test_an_agent_leases_for_itself_only() -> None:
    snapshot = in_force(leasing())
    for action in ("set_envelope", "end_envelope"):
        other = lease(agent="agent:tuner", action=action)
        found = decide(snapshot, other, observed(other))
        assert (found.verdict, found.stage) == ("deny", "envelope")


def test_a_person_leases_for_an_agent_that_policy_names() -> None:
    stranger = lease(None, agent="agent:gone")
    found = decide(in_force(leasing()), stranger, observed(stranger))
    assert (found.verdict, found.stage) == ("deny", "envelope")
    ends = lease(None, agent="agent:gone", action="end_envelope")
    assert decide(in_force(leasing()), ends, observed(ends)).verdict == "allow"


def test_what_keda_keeps_is_not_leased_and_an_hpa_leaves_its_bounds() -> None:
    request = lease()
    kept = decide(in_force(leasing()), request, observed(request, owner="scaledobject/web"))
    assert (kept.verdict, kept.stage) == ("deny", "ownership")
    scaled = decide(in_force(leasing()), request, observed(request, owner="horizontalpodautoscaler/web"))
    assert scaled.verdict == "allow"


@pytest.mark.parametrize(("spec", "says"), [
    ({"envelope": None}, "spec.envelope is missing: `set_envelope` leases one"),
    ({"actions": ["scale"], "limits": {"replicas": {"min": 2, "max": 12}}}, "none of its actions leases one"),
    ({"limits": {"minReplicas": {"min": 2, "max": 8}}}, "spec.limits.maxReplicas is missing"),
    ({"envelope": {**TERMS, "longest": "31d"}}, "between 1m and 30d"),
    ({"envelope": {**TERMS, "moves": "121/h"}}, "at most 120/h"),
    ({"envelope": {**TERMS, "moves": "30"}}, "a rate is text such as 30/h"),
    ({"envelope": {**TERMS, "moves": "0/h"}}, "a rate is text such as 30/h"),
    ({"effect": "deny", "limits": None}, "a deny takes no envelope"),
])  # fmt: skip
def test_what_an_operator_may_get_wrong_does_not_load(spec: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        in_force(leasing(**spec))
    assert says in str(refused.value)


def test_the_manuals_policy_loads_and_its_tests_pass() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    texts = {"manual.yaml": block.encode(), "people.yaml": text(MANUALS)}
    snapshot = compile_texts(texts, catalogue=ALL, clusters=["prod-eu"])
    assert {result.problem for result in run(snapshot)} == {None}


def test_the_numbers_of_the_envelope_are_the_rules() -> None:
    (terms,) = [one.envelope for one in in_force(leasing()).rules.values() if one.envelope]
    assert (terms.cooldown_ms, terms.moves, terms.max_step) == (60_000, 30, None)
