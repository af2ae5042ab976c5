"""Taint: what a session that has read untrusted text may still do, and what it takes to get there.

| where                  | case                                                                         |
|------------------------|------------------------------------------------------------------------------|
| whose                  | an agent's, by its request or by the log; never a person's by hand            |
| rules                  | left out and `deny` carry nothing, `allow` all, limits and approvals less     |
| several rules          | what binds untainted binds tainted; approvals of `tainted:` come on top       |
| claims                 | the mark is claimed as it was seen; a rollback meets it too                   |
| load                   | a wider limit, a limit of nothing, an object without content, a deny's own    |
| asking                 | headroom, explain, tests beside rules, lint, schema, digest                       |
"""

import json
from dataclasses import replace

import pytest

from policies.decision import Decision
from policies.errors import PolicyInvalid
from policies.explain import explain
from policies.gate import Gate
from policies.lint import lint
from policies.loader import compile_texts
from policies.questions import Question, judge
from policies.rule_tests import run
from policies.schema import schema
from policies.snapshot import Snapshot
from policies.types import ActionInfo, Claim, Delta, Headroom
from tests.kit.policies import (
    CATALOGUE,
    CLUSTERS,
    NOW,
    PEOPLE,
    Doc,
    agent,
    ask,
    binding,
    decide,
    deny,
    policy,
    principal,
    rule,
    screen,
    seen,
    vote,
)

TIGHT = {"limits": {"replicas": {"maxStep": 2}}}
ASKED = {"approval": {"from": "sre", "expires": "10m"}}
SRE = binding("sre", ["human:bob"], "sre")
WIDE = {"replicas": {"min": 2, "max": 20}}
LAST_READ = NOW - 5_000


def tainted(snapshot: Snapshot, to: int = 8, **more: object) -> Decision:
    return decide(snapshot, ask("agent:ops", to, tainted=True), **more)  # type: ignore[arg-type]


def one(says: str | Doc | None, **spec: object) -> Snapshot:
    return policy(rule(tainted=says, **spec), SRE, *PEOPLE)


@pytest.mark.parametrize(
    ("says", "verdict", "detail"),
    [
        (None, "deny", "the session has read untrusted text, and no rule lets agent:ops do this then"),
        ("deny", "deny", "the session has read untrusted text, and no rule lets agent:ops do this then"),
        ("allow", "allow", "allowed by web"),
        (TIGHT, "deny", "tainted.limits.replicas.maxStep = 2: the session has read untrusted text"),
        (ASKED, "needs_approval", "needs approval: 1 of sre; the session has read untrusted text"),
        ({**TIGHT, **ASKED}, "deny", "tainted.limits.replicas.maxStep = 2: the session has read untrusted text"),
    ],
)  # fmt: skip
def test_what_a_rule_carries_of_a_tainted_request(says: str | Doc | None, verdict: str, detail: str) -> None:
    found = tainted(one(says))
    assert (found.verdict, found.detail) == (verdict, detail)
    assert found.verdict != "deny" or (found.stage, found.rule) == ("taint", "web")
    assert decide(one(says), ask("agent:ops")).verdict == "allow"


@pytest.mark.parametrize("says", [None, "deny", TIGHT, ASKED])
def test_a_person_by_hand_is_never_tainted(says: str | Doc | None) -> None:
    found = decide(one(says), ask(tainted=True), found={"taint/s1": NOW})
    assert found.verdict == "allow"
    assert not any(claim.key.startswith("taint/") for claim in found.claims)


def test_the_log_says_it_where_the_request_does_not() -> None:
    """What builds `tainted=False` by hand gets what it would have got with the truth."""
    for says in (None, "deny", "allow", TIGHT, ASKED):
        lied = decide(one(says), ask("agent:ops"), found={"taint/s1": LAST_READ})
        assert lied.verdict == tainted(one(says)).verdict
    assert "untrusted text at 2027-01-15T07:59:55Z" in lied.detail


def test_the_request_says_it_where_the_log_does_not() -> None:
    assert tainted(one("deny")).stage == "taint"


def test_another_session_is_clean() -> None:
    request = ask(principal=principal("agent:ops", session="s2"))
    found = decide(one("deny"), request, found={"taint/s1": NOW})
    assert found.verdict == "allow"
    assert Claim("equals", "taint/s2", 0) in found.claims


@pytest.mark.parametrize("at", [0, LAST_READ])
def test_the_mark_is_claimed_as_it_was_seen(at: int) -> None:
    found = decide(one("allow"), ask("agent:ops"), found={"taint/s1": at})
    assert Claim("equals", "taint/s1", at) in found.claims


def test_a_rollback_meets_it_too() -> None:
    assert tainted(one("deny"), rollback=True).stage == "taint"
    assert tainted(one(TIGHT), rollback=True).stage == "taint"
    assert tainted(one(ASKED), rollback=True).verdict == "needs_approval"


def test_a_rehearsal_meets_its_limits_and_lists_its_approvals() -> None:
    rehearsal = ask("agent:ops", tainted=True, mode="dry_run")
    assert decide(one(TIGHT), rehearsal).stage == "taint"
    found = decide(one(ASKED), rehearsal)
    assert (found.verdict, [need.role for need in found.approvals]) == ("allow", ["sre"])


def test_it_is_said_before_any_read_where_no_rule_could_carry_it() -> None:
    request = ask("agent:ops", tainted=True)
    assert screen(one("deny"), request).stage == "taint"
    assert screen(one("deny"), ask("agent:ops"), {"taint/s1": 1}).stage == "taint"
    assert screen(one(TIGHT), request).verdict == "allow"
    assert screen(one("deny"), ask(tainted=True)).verdict == "allow"


def test_a_tainted_session_goes_on_reading() -> None:
    reader = policy(rule(actions=["read"], limits=None), *PEOPLE)
    read = ask("agent:ops", action="describe_workload", tool="describe_workload", tainted=True)
    assert screen(reader, read, {"taint/s1": 1}).verdict == "allow"
    assert decide(reader, read, seen(read, deltas=()), found={"taint/s1": 1}).verdict == "allow"


def test_the_humans_own_rule_must_carry_it_as_well() -> None:
    hers, bot = rule("hers", roles=["lead"]), rule("bot", tainted="allow")
    people = (agent(), binding("anna", ["human:anna"], "lead"))
    found = tainted(policy(hers, bot, *people))
    assert (found.stage, found.rule) == ("taint", "hers")
    assert tainted(policy(rule("hers", roles=["lead"], tainted=TIGHT), bot, *people), 6).verdict == "allow"


def test_an_approval_is_asked_whatever_other_rules_say() -> None:
    free = rule("free", tainted="allow")
    asking = rule("asking", limits=WIDE, tainted=ASKED)
    snapshot = policy(free, asking, SRE, *PEOPLE)
    assert tainted(snapshot).verdict == "needs_approval"
    assert decide(snapshot, ask("agent:ops")).verdict == "allow"


@pytest.mark.parametrize("own", [None, "deny", {"limits": {"replicas": {"max": 6}}}])
def test_what_binds_untainted_binds_tainted(own: str | Doc | None) -> None:
    """A rule that carries nothing tainted must not take its approval, wait and duties along."""
    free = rule("free", tainted="allow")
    strict = rule(
        "strict", approval={"from": "sre", "when": "always"}, cooldown="5m", require=["dryRun"], tainted=own
    )
    snapshot = policy(free, strict, SRE, *PEOPLE)
    assert tainted(snapshot).verdict == "needs_approval"
    request = ask("agent:ops", tainted=True)
    found = decide(snapshot, request, approvals=[vote(request)])
    assert [duty.kind for duty in found.obligations] == ["dryRun"]
    assert any(claim.kind == "min_gap" and claim.gap == 300_000 for claim in found.claims)


def test_prices_are_not_lost_with_the_rules_that_carry_nothing() -> None:
    mine = rule("mine", approval={"from": "sre"}, tainted="deny")
    hers = rule("hers", approval={"from": "lead"}, tainted="allow")
    snapshot = policy(mine, hers, *PEOPLE)
    assert [need.role for need in tainted(snapshot).approvals] == ["lead", "sre"]


def test_a_rules_own_price_and_its_taint_are_one_question() -> None:
    both = rule(approval={"from": "sre", "count": 2, "expires": "30m"}, tainted=ASKED)
    (need,) = tainted(policy(both, SRE, *PEOPLE)).approvals
    assert (need.count, need.expires_s) == (2, 600)


def test_a_vote_for_the_untainted_request_does_not_carry_the_tainted_one() -> None:
    clean = ask("agent:ops")
    found = tainted(one(ASKED), approvals=[vote(clean)])
    assert found.verdict == "needs_approval"
    request = ask("agent:ops", tainted=True)
    assert request.digest != clean.digest
    assert decide(one(ASKED), request, approvals=[vote(request)]).verdict == "allow"


def test_an_action_without_numbers_has_approval_cooldown_and_taint() -> None:
    catalogue = (*CATALOGUE, ActionInfo("restart", "write"))
    terms = {"actions": ["restart"], "limits": None, "cooldown": "10m", "tainted": ASKED}
    snapshot = policy(rule(**terms), *PEOPLE, catalogue=catalogue)
    task = principal("agent:ops").task
    assert task is not None
    who = principal("agent:ops", task=task.model_copy(update={"actions": ("restart",)}))
    request = ask(principal=who, action="restart", tool="restart", args={})
    nothing = seen(ask(), at_ms=NOW, deltas=())
    assert decide(snapshot, request, nothing).verdict == "allow"
    assert decide(snapshot, request, nothing, found={"taint/s1": 1}).verdict == "needs_approval"
    last = {"changed/sandbox/shop/deployment/web": NOW - 1}
    assert decide(snapshot, request, nothing, found=last).stage == "cooldown"


# what is allowed now, and why


@pytest.mark.parametrize(
    ("says", "headrooms"),
    [
        ("deny", ()),
        ("allow", (Headroom("web", "replicas", 2, 9, True),)),
        (TIGHT, (Headroom("web", "replicas", 2, 6, True),)),
        (ASKED, (Headroom("web", "replicas", 2, 9, False),)),
        ({**TIGHT, **ASKED}, (Headroom("web", "replicas", 2, 6, False),)),
    ],
)
def test_room_is_what_the_tainted_session_may_do_now(
    says: str | Doc, headrooms: tuple[Headroom, ...]
) -> None:
    assert tainted(one(says), 60).headroom == headrooms


def test_room_knows_the_approvals_of_other_rules() -> None:
    snapshot = policy(
        rule("free", tainted="allow"), rule("wide", limits=WIDE, tainted={**TIGHT, **ASKED}), *PEOPLE
    )
    assert tainted(snapshot, 60).headroom == (Headroom("free", "replicas", 2, 9, False),)
    assert decide(snapshot, ask("agent:ops", 60)).headroom[0].alone


UP = Question(
    "agent:ops", "scale", ask().target, {"replicas": 8}, {"replicas": 4}, behind="human:anna", tainted=True
)


def test_explain_says_it_and_what_would_change() -> None:
    found = explain(one(TIGHT), UP)
    (stage,) = [s for s in found.stages if not s.ok]
    assert (stage.name, stage.text) == ("taint", f"web: {found.decision.detail}")
    assert found.changes == (
        "replicas 2 to 6 alone (web)",
        "a person by hand, or a session that has read no untrusted text",
    )
    (stage,) = [s for s in explain(one("allow"), UP).stages if s.name == "taint"]
    assert stage.text == "the session has read untrusted text; agent:ops: web; human:anna: web"
    assert explain(one("allow"), replace(UP, tainted=False)).stages[-2].text == "ok"


def test_explain_by_names_lists_what_each_rule_carries() -> None:
    found = explain(one({**TIGHT, **ASKED}), replace(UP, wanted={}))
    assert found.changes == ("replicas 2 to 12, at most 2 a step, some or all of it with approval (web)",)
    snapshot = policy(rule(tainted="allow"), rule("other", tainted="deny"), *PEOPLE)
    assert explain(snapshot, replace(UP, wanted={})).changes == (
        "nothing once the session has read untrusted text (other)",
        "replicas 2 to 12, at most 5 a step (web)",
    )
    assert judge(one("deny"), replace(UP, wanted={})).stage == "taint"


def test_tests_beside_rules_speak_of_it() -> None:
    web = {
        "as": "agent:ops",
        "for": "human:anna",
        "target": "shop/deployment/web",
        "tainted": True,
        "from": 4,
    }
    cases = [
        {**web, "scale": 6, "expect": "allow", "rule": "web"},
        {**web, "scale": 7, "expect": "deny", "rule": "tainted.limits.replicas.maxStep"},
        {**web, "scale": 7, "tainted": False, "expect": "allow"},
        {**web, "as": "human:anna", "for": "human:anna", "scale": 7, "expect": "allow"},
        {**web, "scale": 7, "expect": "allow"},
    ]
    results = run(policy({**rule(tainted=TIGHT), "tests": cases}, *PEOPLE))
    assert [r.problem is None for r in results] == [True, True, True, True, False]


# what loads


def problem(**spec: object) -> tuple[str, str, str]:
    with pytest.raises(PolicyInvalid) as caught:
        policy(rule(**spec))
    (found,) = caught.value.problems
    return found.what, found.where, found.hint


@pytest.mark.parametrize(
    ("cap", "what"),
    [
        ({"min": 1}, "min is wider than the rule's own, 2"),
        ({"max": 13}, "max is wider than the rule's own, 12"),
        ({"maxStep": 6}, "maxStep is wider than the rule's own, 5"),
        ({"min": 13}, "nothing of the rule's own limits is left"),
        ({"max": 1}, "nothing of the rule's own limits is left"),
    ],
)
def test_a_wider_limit_does_not_load(cap: Doc, what: str) -> None:
    said, where, hint = problem(tainted={"limits": {"replicas": cap}})
    assert said.removeprefix("spec.tainted.limits.replicas").strip(".: ") == what
    assert where == "p.yaml:1"
    assert hint


def test_a_wider_limit_is_found_with_its_line() -> None:
    written = """\
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {name: web}
spec:
  roles: [operator]
  actions: [set_resources]
  target: {clusters: [sandbox], namespaces: [shop], names: [web]}
  effect: allow
  limits:
    cpuRequest: {min: 50m, max: "2", maxRatio: 2}
    cpuLimit: {min: 50m, max: "2"}
    memoryRequest: {min: 64Mi, max: 1Gi}
    memoryLimit: {min: 64Mi, max: 1Gi}
  tainted:
    limits:
      cpuRequest:
        maxRatio: 2.5
...
"""
    with pytest.raises(PolicyInvalid) as caught:
        compile_texts({"web.yaml": written.encode()}, catalogue=CATALOGUE, clusters=CLUSTERS)
    (found,) = caught.value.problems
    assert (found.where, found.what) == (
        "web.yaml:17",
        "spec.tainted.limits.cpuRequest.maxRatio is wider than the rule's own, 2",
    )
    good = written.replace("2.5", "1.5")
    snapshot = compile_texts({"web.yaml": good.encode()}, catalogue=CATALOGUE, clusters=CLUSTERS)
    rule_ = snapshot.rules["web"]
    assert rule_.tainted is not None
    assert rule_.tainted.bounds["cpuRequest"].value("maxRatio") == "3/2"
    assert rule_.tainted.bounds["cpuRequest"].high == 2000
    assert rule_.tainted.bounds["cpuLimit"] == rule_.bounds["cpuLimit"]


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ({"tainted": {}}, "says nothing"),
        ({"tainted": "maybe"}, "should be 'deny' or 'allow'"),
        ({"tainted": 1}, "should be 'deny' or 'allow'"),
        ({"tainted": {"limits": {"cpuRequest": {"max": "1"}}}}, "the rule has no such limit"),
        ({"tainted": {"approval": {"from": "sre", "when": "always"}}}, "when is unknown"),
        ({"tainted": {"approval": {"from": "sre", "expires": "1s"}}}, "must lie between 1m and 24h"),
        ({"tainted": {"limit": {}}}, "did you mean 'limits'?"),
        ({"actions": ["read"], "limits": None, "tainted": "allow"}, "none of its actions writes"),
        ({"effect": "deny", "limits": None, "tainted": "deny"}, "a deny takes no tainted"),
    ],
)
def test_what_is_not_meant_does_not_load(spec: Doc, what: str) -> None:
    assert what in " ".join(problem(**spec))


def test_it_is_part_of_the_policys_digest_and_of_the_schema() -> None:
    digests = {one(says).digest for says in (None, "deny", "allow", TIGHT, ASKED)}
    assert len(digests) == 5
    named = json.dumps(schema()["$defs"]["ActionPolicySpec"]["properties"]["tainted"])
    assert "TaintedSpec" in named
    assert "deny" in named


def test_lint_asks_for_a_word_on_it_where_agents_may_write() -> None:
    tested = {"tests": [{"as": "human:anna", "target": "shop/deployment/web", "scale": 1, "expect": "deny"}]}

    def levels(*documents: Doc) -> list[tuple[str, str]]:
        return [(f.level, f.what) for f in lint(policy(*documents))]

    said = ("info", "web lets agents do nothing once they have read untrusted text")
    assert levels({**rule(), **tested}, *PEOPLE) == [said]
    assert levels({**rule(tainted="deny"), **tested}, *PEOPLE) == []
    people = (agent(roles=["viewer"]), binding("p", ["human:anna"], "operator"))
    assert said not in levels({**rule(), **tested}, *people)
    assert levels({**deny(roles=["operator"]), **tested}, *PEOPLE) == []


def test_lint_knows_that_a_rule_without_taint_shadows_none_that_has_it() -> None:
    wider = rule("wider", limits={"replicas": {"min": 1, "max": 50}}, tainted="deny")
    free, strict = rule(tainted="allow"), rule(tainted=ASKED)
    for narrow in (free, strict):
        assert not any("shadowed" in f.what for f in lint(policy(narrow, wider, SRE, *PEOPLE)))
    over = rule("wider", limits={"replicas": {"min": 1, "max": 50}}, tainted="allow")
    assert any(f.what == "web is shadowed by wider" for f in lint(policy(free, over, *PEOPLE)))


def test_a_role_that_only_taint_asks_is_used() -> None:
    assert not any("no rule names the role sre" in f.what for f in lint(one(ASKED)))
    unbound = policy(rule(tainted=ASKED), *PEOPLE)
    assert any(f.what == "nobody has the role sre" for f in lint(unbound))


def test_a_missing_integer_is_a_deny() -> None:
    gate, request = Gate(one("allow")), ask("agent:ops")
    assert gate.screen(request, now_ms=NOW, values={}).stage == "error"


def test_numbers_of_every_container_meet_the_tighter_limits() -> None:
    limits = {name: {"min": "1m", "max": "4"} for name in ("cpuRequest", "cpuLimit")}
    limits |= {name: {"min": "32Mi", "max": "4Gi"} for name in ("memoryRequest", "memoryLimit")}
    says = {"limits": {"memoryLimit": {"maxRatio": 1.5}}}
    snapshot = policy(rule(actions=["set_resources"], limits=limits, tainted=says), *PEOPLE)
    request = ask("agent:ops", action="set_resources", tool="set_resources", tainted=True)
    mi = 2**20
    small = Delta("memoryLimit", "a", 100 * mi, 150 * mi)
    big = Delta("memoryLimit", "b", 100 * mi, 151 * mi)
    assert decide(snapshot, request, seen(request, small)).verdict == "allow"
    found = decide(snapshot, request, seen(request, small, big))
    assert found.detail.startswith("tainted.limits.memoryLimit.maxRatio = 3/2 (container b)")
