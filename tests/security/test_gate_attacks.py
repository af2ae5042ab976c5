"""Attacks on the gate, numbered as in the threat list. An attacker controls the model and what it reads."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

import policies.gate
from policies.bounds import Bound
from policies.errors import PolicyInvalid
from policies.gate import Gate
from policies.permit import Permit
from policies.types import Approval, Delta, Observation, Principal, Request, Scope, Target
from tests.kit.policies import (
    CLUSTERS,
    NOW,
    PEOPLE,
    Doc,
    agent,
    ask,
    binding,
    decide,
    doc,
    policy,
    principal,
    rule,
    screen,
    seen,
    situation,
    target,
    vote,
)

EVERYWHERE = {"clusters": ["*"], "namespaces": ["*"], "names": ["*"]}
PRICED = policy(
    rule(limits={"replicas": {"min": 1, "max": 50}}, approval={"from": "sre"}),
    binding("sre", ["human:bob", "human:carol", "human:anna", "human:ANNA", "group:oncall"], "sre"),
    *PEOPLE,
)


# 2: confused deputy


@pytest.mark.parametrize("human", ["human:bob", "human:nobody", "human:Anna"])
def test_2_an_agent_has_no_more_than_its_human(human: str) -> None:
    who = principal("agent:ops", on_behalf_of=human)
    snapshot = policy(rule(target=EVERYWHERE), *PEOPLE)
    assert screen(snapshot, ask(principal=who)).verdict == "deny"
    assert decide(snapshot, ask(principal=who)).verdict == "deny"


def test_2_an_absent_human_and_a_missing_task_deny() -> None:
    snapshot = policy(rule(), *PEOPLE)
    for who in (
        principal("agent:ops", on_behalf_of=None),
        principal(None, on_behalf_of=None),
        principal("agent:ops", task=None),
        principal("agent:unknown"),
    ):
        assert screen(snapshot, ask(principal=who)).verdict == "deny"
        assert decide(snapshot, ask(principal=who)).verdict == "deny"


@pytest.mark.parametrize(
    "scope",
    [
        Scope(clusters=("prod",), namespaces=None, actions=("scale",)),
        Scope(clusters=CLUSTERS, namespaces=("other",), actions=("scale",)),
        Scope(clusters=CLUSTERS, namespaces=(), actions=("scale",)),
        Scope(clusters=CLUSTERS, namespaces=None, actions=("describe_workload",)),
        Scope(clusters=(), namespaces=None, actions=("scale",)),
    ],
)
def test_2_the_tasks_scope_is_a_whole_evaluation(scope: Scope) -> None:
    snapshot = policy(rule(), *PEOPLE)
    who = principal("agent:ops", task=scope)
    assert screen(snapshot, ask(principal=who)).stage == "task"
    assert decide(snapshot, ask(principal=who)).stage == "task"


# 4: approval replayed with other arguments; 5: self-approval


def test_4_an_approval_holds_for_exactly_one_request() -> None:
    """Each field in turn: any change unbinds the vote."""
    request = ask(to=15)
    yes = vote(request)
    assert decide(PRICED, request, approvals=[yes]).verdict == "allow"
    others: list[Doc] = [
        {"to": 16},
        {"id": "01900000-tesu"},
        {"tool": "scale2"},
        {"action": "scale_to_zero"},
        {"target": target("api")},
        {"target": target(namespace="other")},
        {"target": target(kind="statefulset")},
        {"target": target(cluster="prod")},
        {"mode": "dry_run"},
        {"reason": "because"},
        {"basis": "view"},
        {"undoes": "x"},
        {"run_id": "r"},
        {"principal": principal(groups=("group:x",))},
        {"principal": principal(on_behalf_of="human:carol")},
    ]
    for change in others:
        changed = ask(**{"to": 15, **change})
        found = decide(PRICED, changed, approvals=[yes])
        assert not any(claim.key.startswith("approval/") for claim in found.claims), change
        assert found.verdict != "allow" or change == {"mode": "dry_run"}


@pytest.mark.parametrize(
    "change",
    [
        {"view_digest": "older"},
        {"expires_ms": NOW},
        {"expires_ms": NOW + 900_001},
        {"by": "agent:ops"},
        {"by": "human:anna"},
        {"by": "human:ANNA"},
        {"by": "human:dave"},
        {"by": "role:sre"},
        {"by": ""},
        {"by": "human:dave", "groups": ("group:local",)},
    ],
)
def test_4_5_votes_that_do_not_count(change: Doc) -> None:
    request = ask(to=15)
    assert decide(PRICED, request, approvals=[vote(request, **change)]).verdict == "needs_approval"


def test_4_a_vote_is_spent_by_its_claim() -> None:
    request = ask(to=15)
    found = decide(PRICED, request, approvals=[vote(request)])
    assert [(c.kind, c.value) for c in found.claims if c.key == "approval/vote-human:bob"] == [("once", 1)]
    assert found.expires_ms == NOW + 60_000


def test_5_a_quorum_is_of_distinct_people() -> None:
    two = policy(
        rule(limits={"replicas": {"min": 1, "max": 50}}, approval={"from": "sre", "count": 2}),
        binding("sre", ["human:bob", "human:Bob", "human:carol"], "sre"),
        *PEOPLE,
    )
    request = ask(to=15)
    bob, again, other_case = vote(request), vote(request, id="v2"), vote(request, "human:Bob")
    assert decide(two, request, approvals=[bob, again, other_case]).verdict == "needs_approval"
    found = decide(two, request, approvals=[bob, again, vote(request, "human:carol")])
    assert found.verdict == "allow"
    assert sum(claim.key.startswith("approval/") for claim in found.claims) == 2


def test_5_local_is_only_for_people_at_this_machine() -> None:
    local = policy(rule(approval={"from": "local"}, limits={"replicas": {"min": 1, "max": 50}}), *PEOPLE)
    request = ask(to=15)
    here = vote(request, "human:anna", groups=("group:local",))
    assert decide(local, request, approvals=[here]).verdict == "allow"
    for by in ("human:anna", "human:bob"):
        assert decide(local, request, approvals=[vote(request, by)]).verdict == "needs_approval"
    assert decide(local, request, approvals=[replace(here, by="agent:ops")]).verdict == "needs_approval"


def test_5_the_door_refuses_votes_that_would_not_count() -> None:
    gate, request = Gate(PRICED), ask("agent:ops", to=15)
    needs: list[dict[str, object]] = [{"role": "sre", "local": False}]
    assert gate.vote_refused(request, principal(on_behalf_of="human:bob"), needs) is None
    assert (
        gate.vote_refused(request, principal(on_behalf_of="human:dave", groups=("group:oncall",)), needs)
        is None
    )
    for voter in (
        principal(on_behalf_of="human:anna"),
        principal("agent:ops", on_behalf_of="human:bob"),
        principal(on_behalf_of=None),
        principal(on_behalf_of="human:dave"),
    ):
        assert gate.vote_refused(request, voter, needs) is not None
    assert gate.vote_refused(request, principal(on_behalf_of="human:bob"), []) is not None
    truthy: list[dict[str, object]] = [{"role": "nobody", "local": "yes"}]
    here = principal(on_behalf_of="human:bob", groups=("group:local",))
    assert gate.vote_refused(request, here, truthy) is not None


# 7: names; 8: over-wide patterns; 9: numbers; 11: quantities; 12: zero


@pytest.mark.parametrize(
    "name",
    ["Web", "web ", " web", "web\n", "web\x00", "wеb", "we​b", "web/..", "..", "../web", "web*", "*", "", "w" * 254,
     "ｗｅｂ", "web\u202e", "-web", "web-"],
)  # fmt: skip
def test_7_names_are_rejected_never_normalised(name: str) -> None:
    with pytest.raises(ValidationError):
        target(name)
    if name != "w" * 254:
        with pytest.raises(ValidationError):
            target(namespace=name)
    with pytest.raises(ValidationError):
        Target.model_validate_json(json.dumps({**target().model_dump(), "name": name}))


def test_7_a_smuggled_name_is_still_denied() -> None:
    """Objects built past validation (model_construct) meet the matcher as they are."""
    snapshot = policy(rule(), *PEOPLE)
    for name in ("Web", "web ", "web/x", "x/web"):
        smuggled = Target.model_construct(cluster="sandbox", namespace="shop", kind="deployment", name=name)
        request = ask().model_copy(update={"target": smuggled})
        assert decide(snapshot, request, seen(ask(), target=smuggled)).verdict == "deny"


@pytest.mark.parametrize("pattern", ["*/web", "**", "w*b", "*web", "..", "we?", "[a-z]*", ".*", "web/", ""])
def test_8_over_wide_patterns_do_not_load(pattern: str) -> None:
    with pytest.raises(PolicyInvalid):
        policy(rule(target={"clusters": ["*"], "namespaces": ["shop"], "names": [pattern]}))


def test_8_a_prefix_stays_in_its_segment() -> None:
    snapshot = policy(rule(target={"clusters": ["*"], "namespaces": ["prod*"], "names": ["web"]}), *PEOPLE)
    assert decide(snapshot, ask(target=target(namespace="production"))).verdict == "allow"
    assert decide(snapshot, ask(target=target("production", namespace="x"))).verdict == "deny"
    assert decide(snapshot, ask(target=target("web-secrets", namespace="prod"))).verdict == "deny"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1_0", "1e9", "٣", "0x8", " 8", "", "8.0", "-0.5"])
def test_9_numbers_are_strict_integers(value: str) -> None:
    snapshot = policy(rule(), *PEOPLE)
    for number in (value, float("nan"), float("inf"), 8.0, True, 10**400):
        found = decide(snapshot, ask(), seen(ask(), Delta("replicas", "", 4, number)))  # type: ignore[arg-type]
        assert found.verdict == "deny"


def test_9_a_request_is_parsed_strictly() -> None:
    base = ask().model_dump(mode="json")
    assert Request.model_validate_json(json.dumps(base)) == ask()
    for change in (
        {"mode": "none"},
        {"mode": "LIVE"},
        {"extra": 1},
        {"args": {"n": 1.5}},
        {"args": {"x": []}},
    ):
        with pytest.raises(ValidationError):
            Request.model_validate_json(json.dumps({**base, **change}))


def test_11_quantities_are_exact() -> None:
    limits = {name: {"min": "1m", "max": "1000"} for name in ("cpuRequest", "cpuLimit")}
    limits |= {name: {"min": "32Mi", "max": "1000G"} for name in ("memoryRequest", "memoryLimit")}
    snapshot = policy(rule(actions=["set_resources"], limits=limits), *PEOPLE)
    request = ask(action="set_resources", tool="set_resources")

    def verdict(value: int) -> str:
        return decide(snapshot, request, seen(request, Delta("memoryLimit", "a", value, value))).verdict.value

    assert verdict(10**12) == "allow"
    assert verdict(10**12 + 1) == "deny"
    assert verdict(1000 * 2**30) == "deny"
    assert verdict(1) == "deny"
    with pytest.raises(PolicyInvalid, match="finer than one byte"):
        policy(
            rule(actions=["set_resources"], limits={**limits, "memoryLimit": {"min": "512m", "max": "1Gi"}})
        )


@pytest.mark.parametrize("to", [0, -0])
def test_12_zero_is_off_by_default(to: int) -> None:
    """Even where a rule's bounds reached down to it: `scale` never goes there, and `scale_to_zero` has no rule."""
    loaded = policy(rule(limits={"replicas": {"min": 1, "max": 9}}), *PEOPLE)
    web = replace(loaded.rules["web"], bounds={"replicas": Bound(0, 9)})
    snapshot = replace(loaded, rules={**loaded.rules, "web": web})
    found = decide(snapshot, ask(to=to))
    assert (found.verdict, found.stage) == ("deny", "observation")
    assert decide(snapshot, ask(to=to, action="scale_to_zero")).verdict == "deny"
    assert decide(snapshot, ask(to=1)).verdict == "allow"


# 15: clock against freeze; 24: forged or reused decisions


def test_15_a_freeze_cannot_be_left_by_turning_the_clock_back() -> None:
    window = {"from": "2027-01-15T00:00:00Z", "until": "2027-01-16T00:00:00Z"}
    freeze = doc("Freeze", "f", {"scope": {"clusters": ["*"]}, "windows": [window]})
    snapshot = policy(rule(), freeze, *PEOPLE)
    before = NOW - 9 * 3_600_000
    look = seen(ask(), at_ms=before)
    assert decide(snapshot, ask()).stage == "freeze"
    assert decide(snapshot, ask(), look, now_ms=before).verdict == "allow"
    found = decide(snapshot, ask(), look, now_ms=before, found={"clock/sandbox": NOW})
    assert (found.verdict, found.stage) == ("deny", "clock")


def test_24_only_the_gate_mints_permits() -> None:
    fields = ("d", "v", "sandbox/shop/deployment/web", "live", "n", NOW)
    for more in ((), ("",), ("", b"")):
        with pytest.raises(TypeError, match="minted by the gate only"):
            Permit(*fields, *more)  # type: ignore[arg-type]


def test_24_a_permit_is_bound_and_single_use() -> None:
    found = decide(policy(rule(), *PEOPLE), ask())
    assert found.permit is not None
    assert found.permit.request_digest == ask().digest
    assert (found.permit.view_digest, found.permit.mode, found.permit.nonce) == ("view", "live", "n1")
    assert 0 < found.permit.expires_ms - NOW <= 60_000
    spent = {claim.key for claim in found.claims if claim.kind == "once"}
    assert spent == {"attempt/01900000-test/1", "nonce/n1"}


@pytest.mark.parametrize("stage", ["deny", "needs_approval"])
def test_24_nothing_but_an_allow_brings_a_permit_or_claims(stage: str) -> None:
    found = decide(PRICED, ask(to=15 if stage == "needs_approval" else 60))
    assert found.verdict == stage
    assert (found.permit, found.claims) == (None, ())


# fail-open findings of peers: anything that breaks inside denies


@pytest.mark.parametrize("broken", ["rules", "freeze", "ceiling", "approval", "kill_switch"])
def test_a_guard_that_raises_denies(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(_: Any) -> None:
        raise RuntimeError("guard is broken")

    def swapped(guards: tuple[Callable[..., Any], ...]) -> tuple[Callable[..., Any], ...]:
        return tuple(explode if guard.__name__ == broken else guard for guard in guards)

    for group in ("IDENTITY_GUARDS", "PRE_READ_GUARDS", "GUARDS"):
        monkeypatch.setattr(policies.gate, group, swapped(getattr(policies.gate, group)))
    found = decide(policy(rule(), *PEOPLE), ask())
    assert (found.verdict, found.stage) == ("deny", "error")
    assert "guard is broken" in found.detail


def test_an_unknown_obligation_is_a_refusal() -> None:
    from policies.types import Obligation

    snapshot = policy(rule(), *PEOPLE)
    web = replace(snapshot.rules["web"], obligations=(Obligation("notify"),))  # type: ignore[arg-type]
    strange = replace(snapshot, rules={**snapshot.rules, "web": web})
    found = decide(strange, ask())
    assert (found.verdict, found.stage, found.permit, found.claims) == ("deny", "obligation", None, ())


def test_the_gate_has_no_way_to_be_switched_off() -> None:
    for name in ("enabled", "enable_enforce", "skip", "force", "bypass"):
        assert not hasattr(Gate(PRICED), name)
    assert not hasattr(PRICED.table, "enable_enforce")


def test_labels_that_an_attacker_puts_on_do_not_escape_a_ceiling() -> None:
    over = {**EVERYWHERE, "labels": {"tier": "db"}}
    cap = doc("Ceiling", "cap", {"target": over, "limits": {"replicas": {"max": 3}}})
    snapshot = policy(rule(), cap, *PEOPLE)
    assert decide(snapshot, ask(), seen(ask(), labels={"tier": "db", "x": "y"})).stage == "ceiling"
    assert decide(snapshot, ask(), seen(ask(), labels=None)).stage == "ceiling"


def test_types_used_here_are_the_contracts() -> None:
    """The observation and vote that these tests forge are the ones the path builds."""
    assert isinstance(seen(ask()), Observation)
    assert isinstance(vote(ask()), Approval)
    assert isinstance(principal(), Principal)
    assert situation(Gate(PRICED), ask()).now_ms == NOW
    assert agent()["kind"] == "Agent"
