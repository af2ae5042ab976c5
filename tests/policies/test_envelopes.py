"""Envelopes in policy: the documents, who may lease, and which claims a lease leaves."""

import re
from pathlib import Path
from typing import Any

import pytest

from policies.claim_keys import CHANGED, ENVELOPE, first_bits
from policies.envelopes import moves_of
from policies.errors import PolicyInvalid
from policies.loader import compile_texts
from policies.rule_tests import run
from policies.types import ActionInfo, Claim, Delta, Leased, Observation, Request
from tests.kit.policies import (
    CATALOGUE,
    NOW,
    PEOPLE,
    agent,
    ask,
    binding,
    decide,
    policy,
    rule,
    screen,
    seen,
    text,
    vote,
)

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


def held(request: Request, **more: Any) -> Leased:
    base = {"low": 3, "high": 7, "floor": 4, "until_ms": NOW + 3_600_000, "mark": 77, "most": 7}
    return Leased(**{**base, **more})


def moving(to: int, leased: Leased | None, *, before: int = 4, mark: int = 77, **more: Any) -> Any:
    request = ask("agent:ops", to, under="intent-1")
    key = ENVELOPE.of(request.target.key)
    snapshot = in_force(leasing(envelope={**TERMS, "maxStep": 2}), rule(cooldown="30m"))
    found = {key: mark, CHANGED.of(request.target.key): NOW - 90_000, **more.pop("spent", {})}
    delta = Delta("replicas", "", before, to)
    return decide(snapshot, request, seen(request, delta), found=found, leased=leased, **more)


def test_a_move_keeps_the_claim_and_the_cooldown_of_its_envelope() -> None:
    request = ask("agent:ops", 5, under="intent-1")
    found = moving(5, held(request))
    assert found.verdict == "allow", found.detail
    assert Claim("equals", ENVELOPE.of(request.target.key), 77) in found.claims
    assert Claim("min_gap", CHANGED.of(request.target.key), NOW, 60_000) in found.claims


@pytest.mark.parametrize(("to", "more", "says"), [
    (8, {}, "8 lies outside of the envelope, 3 to 7"),
    (2, {}, "2 lies outside of the envelope, 3 to 7"),
    (7, {}, "envelope.maxStep = 2, not 4 to 7"),
    (5, {"ended": "it was ended"}, "it was ended: only its floor, 4"),
    (5, {"until_ms": NOW}, "its time is over: only its floor, 4"),
    (5, {"mark": 78}, "another one has taken its place"),
    (5, {"high": 13}, "would not lease this envelope any more"),
    (5, {"until_ms": NOW + 90_000_000}, "would not lease this envelope any more"),
])  # fmt: skip
def test_what_lies_outside_of_an_envelope_is_no_move(to: int, more: dict[str, Any], says: str) -> None:
    found = moving(to, held(ask("agent:ops", to), **more))
    assert (found.verdict, found.stage) == ("deny", "envelope")
    assert says in found.detail


def test_a_request_that_names_an_envelope_which_is_none_is_denied() -> None:
    found = moving(5, None, not_leased="it names no envelope")
    assert (found.verdict, found.stage, found.detail) == ("deny", "envelope", "it names no envelope")
    assert moving(5, None).verdict == "deny"


def test_no_decision_outlives_its_envelope() -> None:
    until = NOW + 5_000
    found = moving(5, held(ask("agent:ops", 5), until_ms=until))
    assert (found.verdict, found.expires_ms) == ("allow", until)
    assert found.permit.expires_ms == until


def test_the_floor_is_put_back_once_and_closes_the_envelope() -> None:
    request = ask("agent:ops", 4, under="intent-1")
    found = moving(4, held(request, until_ms=NOW), before=3)
    assert found.verdict == "allow", found.detail
    key = ENVELOPE.of(request.target.key)
    assert [claim for claim in found.claims if claim.key == key] == [
        Claim("equals", key, 77),
        Claim("set", key, 0),
    ]


@pytest.mark.parametrize("said", [{"level/agent:ops": 1}, {"level/agent:ops": 2}, {"retired/agent:ops": 1}])
def test_who_was_demoted_or_retired_puts_the_floor_back_and_moves_no_more(said: dict[str, int]) -> None:
    request = ask("agent:ops", 4, under="intent-1")
    assert screen(in_force(leasing(), rule()), request, said).verdict == "allow"
    back = moving(4, held(request, until_ms=NOW), before=3, spent=said)
    assert back.verdict == "allow", back.detail
    assert moving(5, held(request, until_ms=NOW), before=3, spent=said).stage == "envelope"
    assert moving(5, held(request), spent=said).stage == "envelope"
    assert moving(4, None, before=3, spent=said).stage == "autonomy"


def test_the_moves_of_an_hour_are_counted_and_there_is_room_again_later() -> None:
    request = ask("agent:ops", 5, under="intent-1")
    window = moves_of(request.target)
    found = moving(5, held(request), spent={window.key(window.part(NOW)): 29})
    assert found.verdict == "allow", found.detail
    assert [claim.kind for claim in found.claims if claim.key.startswith("spent/")] == ["add_within"] * 2
    full = moving(5, held(request), spent={window.key(window.part(NOW)): 30})
    assert (full.verdict, full.stage) == ("deny", "envelope")
    assert full.detail.startswith("envelope.moves = 30/h")
    assert NOW < (full.retry_ms or 0) <= NOW + 3_900_000


@pytest.mark.parametrize("dimension", ["replicas", "minReplicas"])
def test_only_an_hpas_floor_goes_down_to_it(dimension: str) -> None:
    info = ActionInfo("set_autoscaler_bounds", "write", ("minReplicas",))
    snapshot = policy(
        *PEOPLE, leasing(), rule(),
        rule("floors", actions=["set_autoscaler_bounds"], limits={"minReplicas": {"min": 2, "max": 12}}),
        catalogue=(*ALL, info),
    )  # fmt: skip
    request = ask("agent:ops", 4, under="intent-1")
    if dimension == "minReplicas":
        task = request.principal.task
        assert task is not None
        wide = task.model_copy(update={"actions": (*task.actions, info.name)})
        who = request.principal.model_copy(update={"task": wide})
        request = request.model_copy(update={"action": info.name, "tool": info.name, "principal": who})
    found = decide(
        snapshot, request, seen(request, Delta(dimension, "", 6, 4)),
        found={ENVELOPE.of(request.target.key): 77}, leased=held(request, ended="it was ended"),
    )  # fmt: skip
    assert found.verdict == ("allow" if dimension == "minReplicas" else "deny"), found.detail


@pytest.mark.parametrize(("role", "verdict"), [("sre", "allow"), ("boss", "needs_approval")])
def test_the_envelopes_votes_count_for_their_own_roles_only(role: str, verdict: str) -> None:
    asked = rule(approval={"from": role, "when": "always"})
    people = (binding("sre", ["human:bob"], "sre"), binding("boss", ["human:eve"], "boss"))
    request = ask("agent:ops", 5, under="intent-1")
    earlier = vote(ask("agent:ops", 9), expires_ms=NOW - 1)
    found = decide(
        in_force(leasing(), asked, *people), request, seen(request), found={ENVELOPE.of(request.target.key): 77},
        leased=held(request, votes=(earlier,)),
    )  # fmt: skip
    assert found.verdict == verdict, found.detail
    assert not [claim for claim in found.claims if claim.key.startswith("approval/")]


def test_the_manuals_policy_loads_and_its_tests_pass() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    texts = {"manual.yaml": block.encode(), "people.yaml": text(MANUALS)}
    snapshot = compile_texts(texts, catalogue=ALL, clusters=["prod-eu"])
    assert {result.problem for result in run(snapshot)} == {None}


def test_the_numbers_of_the_envelope_are_the_rules() -> None:
    (terms,) = [one.envelope for one in in_force(leasing()).rules.values() if one.envelope]
    assert (terms.cooldown_ms, terms.moves, terms.max_step) == (60_000, 30, None)
