"""explain, tests beside rules, and lint: what people ask the policy."""

import json
from dataclasses import replace

import pytest

from policies.errors import RequestInvalid
from policies.explain import explain
from policies.lint import lint
from policies.questions import Question, judge, numbers
from policies.rule_tests import run
from policies.schema import schema
from tests.kit.policies import PEOPLE, Doc, agent, binding, deny, doc, policy, rule, target

UP = Question("human:anna", "scale", target(), {"replicas": 8}, {"replicas": 4})


def test_explain_shows_every_stage_and_the_headroom() -> None:
    found = explain(policy(rule(), *PEOPLE), replace(UP, wanted={"replicas": 60}))
    assert [s.name for s in found.stages if not s.ok] == ["rules"]
    assert found.decision.detail == "limits.replicas.max = 12"
    assert found.changes == ("replicas 2 to 9 alone (web)",)


@pytest.mark.parametrize(
    ("change", "nearest"),
    [
        ({"who": "human:bob"}, "web, if human:bob had the role operator in sandbox"),
        ({"target": target("api")}, "web, if the name were web"),
        ({"target": target(namespace="other")}, "web, if the namespace were shop"),
        (
            {"target": target(cluster="prod", name="x")},
            "web, if the cluster were sandbox and the name were web",
        ),
        ({"action": "scale_to_zero"}, "web, if the action were scale"),
    ],
)
def test_explain_names_the_nearest_allow_and_what_it_takes(change: Doc, nearest: str) -> None:
    question = replace(UP, **change)
    found = explain(policy(rule(), *PEOPLE), question)
    assert found.decision.verdict == "deny"
    assert found.changes == (f"nearest allow for {question.who}: {nearest}",)


def test_explain_survives_an_agent_that_policy_does_not_know() -> None:
    found = explain(policy(rule(), *PEOPLE), replace(UP, who="agent:zz"))
    assert [(s.name, s.ok) for s in found.stages] == [("identity", False)]


def with_tests(*cases: Doc, **spec: object) -> Doc:
    return {**rule(**spec), "tests": list(cases)}


WEB = {"as": "human:anna", "target": "shop/deployment/web"}


def test_cases_pass_and_fail_by_the_real_gate() -> None:
    document = with_tests(
        {**WEB, "scale": 8, "from": 4, "expect": "allow", "rule": "web"},
        {**WEB, "scale": 40, "from": 38, "expect": "deny", "rule": "limits.replicas.max"},
        {**WEB, "scale": 8, "from": 4, "expect": "deny"},
        {**WEB, "scale": 40, "expect": "deny", "rule": "limits.replicas.min"},
        {**WEB, "set_resources": 4, "expect": "deny"},
        {**WEB, "scale": 8, "from": 4, "labels": {"a": "b"}, "fieldOwner": "argocd/x", "expect": "deny"},
        {**WEB, "scale": 8, "cluster": "prod", "expect": "deny"},
        {**WEB, "as": "agent:ops", "for": "human:anna", "scale": 8, "from": 4, "expect": "allow"},
        {**WEB, "as": "agent:ops", "scale": 8, "from": 4, "expect": "deny"},
    )
    problems = [r.problem for r in run(policy(document, *PEOPLE))]
    assert [p is None for p in problems] == [True, True, False, False, False, True, True, True, True]
    assert problems[2] == "the gate says allow (web: allowed by web)"
    assert problems[4] == "is not a request: `set_resources` does not take one number"


def test_numbers_are_exact_or_refused() -> None:
    snapshot = policy()
    assert numbers({"cpuRequest": "500m", "memoryLimit": "1.5Gi"}, "set_resources", snapshot) == {
        "cpuRequest": 500,
        "memoryLimit": 3 * 2**29,
    }
    for value in ("512m", "1_0", "NaN", "-1", "1Gib", "9E", True, "١"):
        with pytest.raises(RequestInvalid):
            numbers({"memoryLimit": value}, "set_resources", snapshot)
    with pytest.raises(RequestInvalid):
        numbers({"replicas": 1}, "set_resources", snapshot)


def findings(*documents: Doc) -> list[str]:
    return [finding.what for finding in lint(policy(*documents))]


def test_lint_doubts_cores_without_their_unit() -> None:
    """In rules and in ceilings; what is written stays what holds."""
    cpu = {"cpuRequest": {"min": "50m", "max": 600}, "cpuLimit": {"min": 1, "max": 96}}
    memory = {name: {"min": "64Mi", "max": "1Gi"} for name in ("memoryRequest", "memoryLimit")}
    moves = rule("moves", actions=["set_resources"], limits={**cpu, **memory})
    cap = doc("Ceiling", "cap", {"target": moves["spec"]["target"], "limits": {"cpuLimit": {"max": 2000}}})
    found = [one for one in lint(policy(moves, cap, *PEOPLE)) if "cores" in one.what]
    assert [(one.what, one.hint, one.level) for one in found] == [
        ("moves: limits.cpuRequest.max is 600 whole cores", "did you mean 600m?", "info"),
        ("cap: limits.cpuLimit.max is 2000 whole cores", "did you mean 2000m?", "info"),
    ]


def test_lint_finds_what_is_hardly_meant() -> None:
    tested = {"tests": [{**WEB, "scale": 1, "expect": "deny"}]}
    clean = {**rule(tainted="deny"), **tested}
    assert findings(clean, *PEOPLE) == []
    assert findings(rule(tainted="deny"), *PEOPLE) == ["web has no tests"]
    assert findings(clean) == ["nobody has the role operator"]
    extra = binding("x", ["human:bob"], "idle")
    assert findings(clean, extra, *PEOPLE) == ["no rule names the role idle"]
    everywhere = {"clusters": ["*"], "namespaces": ["*"], "names": ["*"]}
    assert "web writes in all clusters and namespaces" in findings(
        {**rule(target=everywhere), **tested}, *PEOPLE
    )
    short = {"clusters": ["sandbox"], "namespaces": ["s*"], "names": ["web"]}
    assert "web: `s*` is a very short prefix" in findings({**rule(target=short), **tested}, *PEOPLE)
    nowhere = {"clusters": ["gone"], "namespaces": ["shop"], "names": ["web"]}
    assert "web matches no cluster that is known here (known: prod, sandbox)" in findings(
        {**rule(target=nowhere), **tested}, *PEOPLE
    )


def test_lint_finds_shadowed_rules() -> None:
    over = deny(roles=["everyone"], target={"clusters": ["*"], "namespaces": ["sh*"], "names": ["*"]})
    assert "web is shadowed by never" in findings(rule(), over, *PEOPLE)
    beside = deny(roles=["everyone"], target={"clusters": ["*"], "namespaces": ["sh*"], "names": ["web-*"]})
    assert "web is shadowed by never" not in findings(rule(), beside, *PEOPLE)
    labelled = deny(target={"clusters": ["*"], "namespaces": ["*"], "names": ["*"], "labels": {"a": "b"}})
    assert "web is shadowed by never" not in findings(rule(), labelled, *PEOPLE)
    wider = rule("wider", limits={"replicas": {"min": 1, "max": 50}})
    assert "web is shadowed by wider" in findings(rule(), wider, *PEOPLE)
    priced = rule("priced", limits={"replicas": {"min": 1, "max": 50}}, approval={"from": "sre"})
    assert "web is shadowed by priced" not in findings(rule(), priced, *PEOPLE)


def test_a_question_is_judged_at_its_own_time() -> None:
    window = {"from": "2026-12-24T00:00:00Z", "until": "2026-12-27T00:00:00Z"}
    freeze = doc("Freeze", "xmas", {"scope": {"clusters": ["*"]}, "windows": [window]})
    snapshot = policy(rule(), freeze, *PEOPLE)
    assert judge(snapshot, UP).verdict == "allow"
    assert judge(snapshot, replace(UP, at_ms=1_798_200_000_000)).rule == "xmas"


def test_the_schema_is_closed_and_anchored_for_editors() -> None:
    whole = schema()
    assert whole["$defs"]["ActionPolicySpec"]["additionalProperties"] is False
    assert r"\z" not in json.dumps(whole)
    assert agent()["kind"] in json.dumps(whole)
