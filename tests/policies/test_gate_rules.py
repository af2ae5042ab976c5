"""Rules, limits and approvals: how several matching rules combine."""

import pytest

from policies.types import Delta, Headroom
from tests.kit.policies import (
    NOW,
    PEOPLE,
    agent,
    ask,
    binding,
    decide,
    deny,
    doc,
    policy,
    principal,
    rule,
    seen,
    target,
    vote,
)

ALONE = rule("alone")
PRICED = rule("priced", limits={"replicas": {"min": 2, "max": 20}}, approval={"from": "sre"})


@pytest.mark.parametrize(
    ("to", "verdict", "by"),
    [
        (8, "allow", "alone"),
        (9, "allow", "alone"),
        (10, "needs_approval", "priced"),
        (12, "needs_approval", "priced"),
        (15, "needs_approval", "priced"),
        (20, "needs_approval", "priced"),
        (21, "deny", "priced"),
        (1, "deny", "alone"),
    ],
)
def test_a_rule_alone_and_one_at_the_price_of_an_approval(to: int, verdict: str, by: str) -> None:
    found = decide(policy(ALONE, PRICED, *PEOPLE), ask(to=to))
    assert (found.verdict, found.rule) == (verdict, by)
    assert (found.permit is not None) == (verdict == "allow")


def test_an_approval_with_when_binds_whatever_other_rules_allow() -> None:
    wide = rule("wide", limits={"replicas": {"min": 1, "max": 50}})
    bound = rule(
        "bound",
        limits={"replicas": {"min": 1, "max": 50}},
        approval={"from": "sre", "when": {"replicas": {"above": 12}}},
    )
    snapshot = policy(wide, bound, *PEOPLE)
    assert decide(snapshot, ask(to=12)).verdict == "allow"
    assert decide(snapshot, ask(to=13)).verdict == "needs_approval"


def test_when_always_binds_even_beside_a_free_rule() -> None:
    always = rule("always", approval={"from": "sre", "when": "always"})
    assert decide(policy(ALONE, always, *PEOPLE), ask(to=8)).verdict == "needs_approval"


def test_an_approval_of_a_rule_whose_limits_do_not_hold_does_not_bind() -> None:
    narrow = rule(
        "narrow", limits={"replicas": {"min": 2, "max": 5}}, approval={"from": "sre", "when": "always"}
    )
    assert decide(policy(ALONE, narrow, *PEOPLE), ask(to=8)).verdict == "allow"


def test_a_deny_overrides_every_allow() -> None:
    found = decide(policy(ALONE, deny(), *PEOPLE), ask())
    assert (found.verdict, found.stage, found.rule) == ("deny", "rules", "never")


def test_nothing_is_allowed_by_silence() -> None:
    assert decide(policy(*PEOPLE), ask()).stage == "rules"
    assert decide(policy(), ask()).verdict == "deny"


def test_obligations_and_the_longest_cooldown_of_all_fitting_rules_bind() -> None:
    one = rule("one", require=["dryRun", {"verify": "1m"}], cooldown="1m")
    two = rule("two", require=[{"verify": "5m"}], cooldown="5m")
    found = decide(policy(one, two, *PEOPLE), ask())
    assert [(o.kind, o.seconds) for o in found.obligations] == [("dryRun", 0), ("verify", 300)]
    (claim,) = [c for c in found.claims if c.key.startswith("changed/")]
    assert (claim.kind, claim.gap, claim.value) == ("min_gap", 300_000, NOW)


def test_an_agent_needs_its_own_right_and_its_humans() -> None:
    mine, hers = rule("mine", roles=["bot"]), rule("hers")
    both = policy(mine, hers, agent(roles=["bot"]), PEOPLE[0])
    assert decide(both, ask("agent:ops")).verdict == "allow"
    assert decide(policy(hers, agent(roles=["bot"]), PEOPLE[0]), ask("agent:ops")).verdict == "deny"
    assert decide(policy(mine, agent(roles=["bot"]), PEOPLE[0]), ask("agent:ops")).verdict == "deny"


def test_the_tighter_of_agent_and_human_limits_holds() -> None:
    bot = rule("bot", roles=["bot"], limits={"replicas": {"min": 1, "max": 6}})
    snapshot = policy(bot, ALONE, agent(roles=["bot"]), PEOPLE[0])
    assert decide(snapshot, ask("agent:ops", 6)).verdict == "allow"
    found = decide(snapshot, ask("agent:ops", 7))
    assert (found.rule, found.detail) == ("bot", "limits.replicas.max = 6")
    assert found.headroom == (Headroom("bot", "replicas", 2, 6, True),)


def test_groups_carry_roles() -> None:
    snapshot = policy(ALONE, binding("g", ["group:sre"], "operator"))
    assert decide(snapshot, ask()).verdict == "deny"
    member = principal(groups=("group:sre",))
    assert decide(snapshot, ask(principal=member)).verdict == "allow"


def test_room_names_what_goes_alone_and_what_with_approval() -> None:
    found = decide(policy(ALONE, PRICED, *PEOPLE), ask(to=60))
    assert found.detail == "limits.replicas.max = 20"
    assert found.headroom == (
        Headroom("alone", "replicas", 2, 9, True),
        Headroom("priced", "replicas", 2, 20, False),
    )


def test_room_lies_under_the_ceiling() -> None:
    cap = doc(
        "Ceiling",
        "cap",
        {
            "target": {"clusters": ["*"], "namespaces": ["*"], "names": ["*"]},
            "limits": {"replicas": {"max": 7}},
        },
    )
    found = decide(policy(ALONE, cap, *PEOPLE), ask(to=8))
    assert (found.stage, found.rule) == ("ceiling", "cap")
    assert found.headroom == (Headroom("alone", "replicas", 2, 7, True),)


def test_a_ceiling_is_lifted_by_no_approval() -> None:
    cap = doc(
        "Ceiling",
        "cap",
        {
            "target": {"clusters": ["*"], "namespaces": ["sh*"], "names": ["*"]},
            "limits": {"replicas": {"max": 14}},
        },
    )
    request = ask(to=15)
    found = decide(
        policy(PRICED, cap, binding("b", ["human:bob"], "sre"), *PEOPLE), request, approvals=[vote(request)]
    )
    assert (found.verdict, found.stage) == ("deny", "ceiling")


def test_memory_bounds_are_exact_at_the_border() -> None:
    limits = {
        "cpuRequest": {"min": "50m", "max": "2"},
        "cpuLimit": {"min": "50m", "max": "2"},
        "memoryRequest": {"min": "64Mi", "max": "1000G", "maxRatio": 2},
        "memoryLimit": {"min": "64Mi", "max": "1000G"},
    }
    snapshot = policy(rule(actions=["set_resources"], limits=limits), *PEOPLE)

    def judged(before: int, after: int) -> str:
        request = ask(tool="set_resources", action="set_resources")
        return decide(snapshot, request, seen(request, Delta("memoryRequest", "app", before, after))).detail

    mi = 2**20
    assert judged(64 * mi, 128 * mi) == "allowed by web"
    assert judged(64 * mi, 128 * mi + 1) == "limits.memoryRequest.maxRatio = 2 (container app)"
    assert judged(10**12, 1000 * 2**30) == "limits.memoryRequest.max = 1T (container app)"
    assert judged(64 * mi, 64 * mi - 1) == "limits.memoryRequest.min = 64Mi (container app)"
    assert judged(0, 64 * mi).startswith("limits.memoryRequest.maxRatio")


def test_a_dry_run_lists_the_approval_and_goes_on() -> None:
    found = decide(policy(PRICED, *PEOPLE), ask(to=15, mode="dry_run"))
    assert found.verdict == "allow"
    assert found.permit is not None
    assert found.permit.mode == "dry_run"
    assert [need.role for need in found.approvals] == ["sre"]
    assert any(claim.key.startswith("attempt/") for claim in found.claims)


def test_cluster_scoped_objects_are_matched_by_a_star_only() -> None:
    node = ask(target=target("node-1", namespace=None, kind="node"))
    star = rule(target={"clusters": ["*"], "namespaces": ["*"], "names": ["*"]})
    assert decide(policy(star, *PEOPLE), node).verdict == "allow"
    assert decide(policy(ALONE, *PEOPLE), node).verdict == "deny"
