"""Guards one by one: what each refuses, and what it leaves to the log as a claim."""

from datetime import UTC, datetime

import pytest

from policies.decision import Decision
from policies.gate import Gate
from policies.types import ActionInfo, Claim, Delta, Request
from tests.kit.policies import (
    CATALOGUE,
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

PLAIN = policy(rule(), *PEOPLE)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def test_an_allow_claims_everything_that_must_still_hold() -> None:
    found = decide(PLAIN, ask("agent:ops"), found={"stop/all": 2, "clock/sandbox": NOW - 5})
    assert found.claims == (
        Claim("equals", "stop/all", 2),
        Claim("equals", "stop/cluster/sandbox", 0),
        Claim("equals", "stop/agent:ops", 0),
        Claim("equals", "level/agent:ops", 0),
        Claim("equals", "retired/agent:ops", 0),
        Claim("equals", "policy/epoch/sandbox", PLAIN.epoch),
        Claim("min_gap", "clock/sandbox", NOW, -10_000),
        Claim("set", "changed/sandbox/shop/deployment/web", NOW),
        Claim("equals", "taint/s1", 0),
        Claim("once", "attempt/01900000-test/1"),
        Claim("once", "nonce/n1"),
        Claim("raise", "fence/sandbox/shop/web", 7),
    )
    assert PLAIN.epoch == int(PLAIN.digest[:13], 16)
    assert found.expires_ms == NOW + 60_000


def test_keys_are_all_that_the_gate_reads_from_the_log() -> None:
    gate = Gate(PLAIN)
    assert gate.keys(ask("agent:ops"), NOW) == (
        "stop/all",
        "stop/cluster/sandbox",
        "stop/agent:ops",
        "level/agent:ops",
        "retired/agent:ops",
        "policy/epoch/sandbox",
        "clock/sandbox",
        "changed/sandbox/shop/deployment/web",
        "taint/s1",
    )
    assert "taint/s1" not in gate.keys(ask(), NOW)
    request = ask("agent:ops")
    for key in gate.keys(request, NOW):
        values = {k: v for k, v in situation(gate, request).values.items() if k != key}
        found = gate.decide(
            request, seen(request), (), situation(gate, request).__class__(NOW, values, ("l", 1), "n")
        )
        assert (found.verdict, found.stage) == ("deny", "error"), key


@pytest.mark.parametrize("switch", ["stop/all", "stop/cluster/sandbox", "stop/agent:ops"])
def test_the_kill_switch_stops_the_agent_before_any_read(switch: str) -> None:
    assert screen(PLAIN, ask("agent:ops"), {switch: 3}).stage == "kill_switch"
    assert decide(PLAIN, ask("agent:ops"), found={switch: 1}).stage == "kill_switch"
    assert screen(PLAIN, ask("agent:ops"), {switch: 4}).verdict == "allow"


def test_the_kill_switch_leaves_a_person_reading_but_not_writing() -> None:
    reader = policy(rule(actions=["read"], limits=None), *PEOPLE)
    read = ask(action="describe_workload", tool="describe_workload")
    assert screen(reader, read, {"stop/all": 1}).verdict == "allow"
    assert screen(PLAIN, ask(), {"stop/all": 1}).stage == "kill_switch"


def test_a_rollback_does_not_pass_the_kill_switch() -> None:
    assert decide(PLAIN, ask(), found={"stop/all": 1}, rollback=True).stage == "kill_switch"


@pytest.mark.parametrize(
    ("level", "live", "rehearsal"),
    [
        ("observe", "deny", "deny"),
        ("recommend", "deny", "allow"),
        ("approve", "needs_approval", "allow"),
        ("autonomous", "allow", "allow"),
        ({"*": "observe", "sand*": "autonomous"}, "allow", "allow"),
        ({"*": "autonomous", "sandbox": "observe"}, "deny", "deny"),
        ({"prod": "autonomous"}, "deny", "deny"),
    ],
)
def test_autonomy(level: str | Doc, live: str, rehearsal: str) -> None:
    snapshot = policy(rule(), agent(autonomy=level), PEOPLE[0])
    assert decide(snapshot, ask("agent:ops")).verdict == live
    assert decide(snapshot, ask("agent:ops", mode="dry_run")).verdict == rehearsal
    assert decide(snapshot, ask()).verdict == "allow"


def test_at_level_approve_the_owner_votes() -> None:
    snapshot = policy(rule(), agent(autonomy="approve", owner="human:anna"), PEOPLE[0])
    request = ask("agent:ops")
    assert decide(snapshot, request, approvals=[vote(request, "human:anna")]).verdict == "allow"
    assert decide(snapshot, request, approvals=[vote(request, "human:bob")]).verdict == "needs_approval"


def test_an_agent_whose_owner_is_absent_does_not_act_by_itself() -> None:
    """`human:anna` runs it."""
    request = ask("agent:ops")
    for owner, verdict in (("local", "allow"), ("human:anna", "allow"), ("human:bob", "needs_approval")):
        snapshot = policy(rule(), agent(autonomy="autonomous", owner=owner), PEOPLE[0])
        assert decide(snapshot, request).verdict == verdict, owner
    assert decide(snapshot, request, approvals=[vote(request, "human:anna")]).verdict == "needs_approval"
    assert decide(snapshot, request, approvals=[vote(request, "human:bob")]).verdict == "allow"


def test_drift_is_refused_and_the_same_view_is_not() -> None:
    assert decide(PLAIN, ask(basis="view")).verdict == "allow"
    assert decide(PLAIN, ask(basis="older")).stage == "drift"


@pytest.mark.parametrize(
    "owner", ["horizontalpodautoscaler/web", "argocd/shop", "scaledobject/web", "kustomization/x"]
)
def test_somebody_elses_replicas_are_left_alone(owner: str) -> None:
    found = decide(PLAIN, ask(), seen(ask(), owner=owner))
    assert found.stage == "ownership"
    assert owner in found.detail
    assert decide(PLAIN, ask(), seen(ask(), owner=owner), rollback=True).stage == "ownership"


def test_an_autoscaler_keeps_replicas_only_and_a_deployer_everything() -> None:
    limits = {
        **{name: {"min": 0, "max": "9"} for name in ("cpuRequest", "cpuLimit")},
        **{name: {"min": 0, "max": "9Gi"} for name in ("memoryRequest", "memoryLimit")},
    }
    snapshot = policy(rule(actions=["set_resources"], limits=limits), *PEOPLE)
    request = ask(action="set_resources", tool="set_resources")
    cpu = Delta("cpuRequest", "app", 100, 200)
    assert (
        decide(snapshot, request, seen(request, cpu, owner="horizontalpodautoscaler/web")).verdict == "allow"
    )
    assert decide(snapshot, request, seen(request, cpu, owner="argocd/shop")).stage == "ownership"


def bounds(request: Request, owner: str | None) -> str | None:
    """The stage that refuses a higher minReplicas of an HPA which `owner` keeps; None where none does."""
    infos = (*CATALOGUE, ActionInfo("set_autoscaler_bounds", "write", ("minReplicas",)))
    allow = rule(actions=["set_autoscaler_bounds"], limits={"minReplicas": {"min": 1, "max": 9}})
    snapshot = policy(allow, *PEOPLE, catalogue=infos)
    said = decide(snapshot, request, seen(request, Delta("minReplicas", "", 2, 3), owner=owner))
    return None if said.verdict == "allow" else said.stage


@pytest.mark.parametrize(
    "owner", ["scaledobject/web", "argocd", "kustomization", "unknown", "deployment/web"]
)
def test_bounds_of_an_autoscaler_that_others_keep_are_left_alone(owner: str) -> None:
    """KEDA makes its HPA, and its bounds with it; an HPA is kept by nobody because it scales."""
    request = ask(action="set_autoscaler_bounds", tool="set_autoscaler_bounds")
    assert bounds(request, owner) == "ownership"
    assert bounds(request, None) is None


@pytest.mark.parametrize(
    "delta",
    [
        Delta("replicas", "", 4, float("nan")),  # type: ignore[arg-type]
        Delta("replicas", "", 4, 8.0),  # type: ignore[arg-type]
        Delta("replicas", "", 4, True),
        Delta("replicas", "", 4, "8"),  # type: ignore[arg-type]
        Delta("replicas", "", 4, -1),
        Delta("replicas", "", 4, 2**53),
        Delta("replicas", "", float("inf"), 8),  # type: ignore[arg-type]
        Delta("Replicas", "", 4, 8),
        Delta("cpuRequest", "", 4, 8),
    ],
)
def test_numbers_that_are_none_are_refused(delta: Delta) -> None:
    assert decide(PLAIN, ask(), seen(ask(), delta)).stage == "observation"


def test_a_missing_number_is_refused() -> None:
    assert decide(PLAIN, ask(), seen(ask(), deltas=())).stage == "observation"
    assert decide(PLAIN, ask(), seen(ask(), Delta("replicas", "", 4, None))).stage == "limits"
    found = decide(PLAIN, ask(), seen(ask(), Delta("replicas", "", None, 8)))
    assert found.detail == "limits.replicas.maxStep = 5"


def test_one_bad_container_among_good_ones_is_enough() -> None:
    good, bad = Delta("replicas", "a", 4, 8), Delta("replicas", "b", 4, 13)
    assert decide(PLAIN, ask(), seen(ask(), good, bad)).stage == "limits"


@pytest.mark.parametrize(
    ("age", "verdict"), [(0, "allow"), (60_000, "allow"), (60_001, "deny"), (-5_001, "deny")]
)
def test_a_stale_look_is_no_look(age: int, verdict: str) -> None:
    assert decide(PLAIN, ask(), seen(ask(), at_ms=NOW - age)).verdict == verdict


def test_another_objects_view_is_refused() -> None:
    assert decide(PLAIN, ask(), seen(ask(), target=target("other"))).stage == "observation"


def test_zero_replicas_is_an_action_of_its_own() -> None:
    zero = rule("zero", actions=["scale", "scale_to_zero"], limits={"replicas": {"min": 0, "max": 9}})
    for to in (0, -0):
        assert decide(policy(zero, *PEOPLE), ask(to=to)).stage == "observation"
        assert decide(PLAIN, ask(to=to, action="scale_to_zero")).stage == "rules"
        assert decide(policy(zero, *PEOPLE), ask(to=to, action="scale_to_zero")).verdict == "allow"


COOL = policy(rule(cooldown="5m"), *PEOPLE)
CHANGED = "changed/sandbox/shop/deployment/web"


@pytest.mark.parametrize(("ago", "stage"), [(299_999, "cooldown"), (300_000, "allowed"), (0, "cooldown")])
def test_cooldown(ago: int, stage: str) -> None:
    assert decide(COOL, ask(), found={CHANGED: NOW - ago}).stage == stage


def test_what_moves_nothing_neither_waits_nor_begins_a_cooldown() -> None:
    same, other = ask(to=4), ask(to=5)
    assert decide(COOL, same, found={CHANGED: NOW - 1}).verdict == "allow"
    assert decide(COOL, other, found={CHANGED: NOW - 1}).stage == "cooldown"
    for snapshot in (COOL, PLAIN):
        assert CHANGED not in {claim.key for claim in decide(snapshot, same).claims}
        assert CHANGED in {claim.key for claim in decide(snapshot, other).claims}


def test_what_is_neutral_waits_and_lets_nothing_wait() -> None:
    """It belongs to the change after it: else a rule's cooldown would part the two."""
    info = ActionInfo("keep_scale_point", "write", neutral=True)
    waiting = rule(actions=["keep_scale_point"], limits=None, cooldown="5m")
    snapshot = policy(waiting, *PEOPLE, catalogue=(*CATALOGUE, info))
    request = ask(action="keep_scale_point", tool="keep_scale_point")
    assert decide(snapshot, request, seen(request, deltas=()), found={CHANGED: NOW - 1}).stage == "cooldown"
    free = decide(snapshot, request, seen(request, deltas=()), found={CHANGED: NOW - 300_000})
    assert free.verdict == "allow"
    assert CHANGED not in {claim.key for claim in free.claims}


def test_a_rollback_is_exempt_from_cooldown_and_freeze_and_nothing_else() -> None:
    frozen = doc(
        "Freeze",
        "now",
        {
            "scope": {"clusters": ["*"]},
            "windows": [{"from": "2026-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"}],
        },
    )
    snapshot = policy(rule(cooldown="5m"), frozen, *PEOPLE)
    back = {CHANGED: NOW - 1}
    assert decide(snapshot, ask(), found=back).stage == "freeze"
    assert decide(snapshot, ask(), found=back, rollback=True).verdict == "allow"
    assert decide(snapshot, ask(to=13), found=back, rollback=True).stage == "limits"
    assert decide(snapshot, ask(basis="old"), found=back, rollback=True).stage == "drift"


def test_a_clock_that_jumped_back_stops_writes() -> None:
    assert decide(PLAIN, ask(), found={"clock/sandbox": NOW + 10_001}).stage == "clock"
    assert decide(PLAIN, ask(), found={"clock/sandbox": NOW + 10_000}).verdict == "allow"
    assert decide(PLAIN, ask(), found={"clock/sandbox": NOW + 10_001}, rollback=True).stage == "clock"


def test_another_policy_in_force_stops_writes() -> None:
    assert decide(PLAIN, ask(), found={"policy/epoch/sandbox": 1}).stage == "policy"


def freeze_at(moment: str, window: Doc, **more: object) -> Decision:
    freeze = doc(
        "Freeze",
        "night",
        {
            "scope": {"clusters": ["sand*"], "namespaces": ["shop"]},
            "windows": [window],
            "override": "group:oncall",
        },
    )
    now = at(moment)
    snapshot = policy(rule(), freeze, *PEOPLE)
    request = ask(**more)
    return decide(snapshot, request, seen(request, at_ms=now), now_ms=now)


NIGHT: Doc = {"zone": "Europe/Berlin", "start": "22:00", "end": "06:00", "days": ["fri"]}


@pytest.mark.parametrize(
    ("moment", "stage"),
    [
        ("2026-11-27T21:59:59+01:00", "allowed"),
        ("2026-11-27T22:00:00+01:00", "freeze"),
        ("2026-11-28T05:59:59+01:00", "freeze"),
        ("2026-11-28T06:00:00+01:00", "allowed"),
        ("2026-11-28T22:00:00+01:00", "allowed"),
        ("2026-11-27T21:30:00Z", "freeze"),
        ("2026-07-03T20:30:00Z", "freeze"),
        ("2026-07-03T19:59:59Z", "allowed"),
    ],
)
def test_a_freeze_goes_by_its_zone(moment: str, stage: str) -> None:
    assert freeze_at(moment, NIGHT).stage == stage


@pytest.mark.parametrize(
    ("moment", "stage"),
    [
        # 2026-10-25 02:30 happens twice in Berlin (00:30Z, 01:30Z); the freeze takes both.
        ("2026-10-25T00:29:59Z", "allowed"),
        ("2026-10-25T00:30:00Z", "freeze"),
        ("2026-10-25T01:59:59Z", "freeze"),
        ("2026-10-25T02:00:00Z", "allowed"),
        # 2026-03-29 02:30 does not happen; the wider reading begins at 00:30Z.
        ("2026-03-29T00:29:59Z", "allowed"),
        ("2026-03-29T00:30:00Z", "freeze"),
        ("2026-03-29T00:59:59Z", "freeze"),
    ],
)
def test_a_freeze_is_wider_when_the_wall_clock_is_unsure(moment: str, stage: str) -> None:
    assert freeze_at(moment, {"zone": "Europe/Berlin", "start": "02:30", "end": "03:00"}).stage == stage


def test_a_decision_does_not_outlive_the_start_of_a_freeze() -> None:
    found = freeze_at("2026-11-27T21:59:50+01:00", NIGHT)
    assert found.expires_ms == at("2026-11-27T22:00:00+01:00")
    assert found.permit is not None
    assert found.permit.expires_ms == found.expires_ms


def test_the_override_group_passes_by_hand_with_a_reason() -> None:
    on_call = principal(groups=("group:oncall",))
    moment = "2026-11-27T23:00:00+01:00"
    assert freeze_at(moment, NIGHT, principal=on_call, reason="paging").verdict == "allow"
    assert freeze_at(moment, NIGHT, principal=on_call, reason=" ").stage == "freeze"
    assert freeze_at(moment, NIGHT, reason="paging").stage == "freeze"
    chat = principal("agent:ops", groups=("group:oncall",))
    assert freeze_at(moment, NIGHT, principal=chat, reason="paging").stage == "freeze"


def test_a_binding_ends_on_time_and_no_decision_outlives_it() -> None:
    until = datetime.fromtimestamp((NOW + 30_000) / 1000, UTC).isoformat()
    snapshot = policy(rule(), agent(), binding("b", ["human:anna"], "operator", until=until))
    gate = Gate(snapshot)
    assert gate.decide(ask(), seen(ask()), (), situation(gate, ask())).expires_ms == NOW + 30_000
    late = NOW + 30_000
    found = gate.decide(ask(), seen(ask(), at_ms=late), (), situation(gate, ask(), now_ms=late))
    assert (found.verdict, found.stage) == ("deny", "rules")


def test_a_role_that_has_ended_votes_no_more() -> None:
    until = datetime.fromtimestamp((NOW + 30_000) / 1000, UTC).isoformat()
    gate = Gate(policy(rule(), *PEOPLE, binding("b", ["human:bob"], "sre", until=until)))
    bob, needs = principal(on_behalf_of="human:bob"), [{"role": "sre", "local": False}]
    assert gate.as_of(NOW + 29_999).vote_refused(ask(), bob, needs) is None
    assert gate.as_of(NOW + 30_000).vote_refused(ask(), bob, needs) is not None


def test_an_exception_inside_is_a_deny() -> None:
    gate = Gate(PLAIN)
    for broken in (None, "x", seen(ask(), deltas=5)):
        found = gate.decide(ask(), broken, (), situation(gate, ask()))  # type: ignore[arg-type]
        assert (found.verdict, found.stage, found.permit) == ("deny", "error", None)
    assert gate.decide(None, seen(ask()), (), situation(gate, ask())).verdict == "deny"  # type: ignore[arg-type]
    assert gate.screen(ask(), now_ms=NOW, values={}).stage == "error"
    lone = ask(args={"replicas": 8, "x": "\ud800"})
    assert gate.decide(lone, seen(lone), (), situation(gate, lone)).stage == "error"
