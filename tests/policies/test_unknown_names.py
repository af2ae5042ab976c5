"""Lint names what a document names and nothing here has: it would fit nothing, and nobody would be told."""

import pytest

from policies.lint import Finding, lint
from policies.unknown_names import Known
from tests.kit.policies import PEOPLE, Doc, agent, binding, doc, policy, rule

KNOWN = Known(
    strategies=("keep", "hpa-formula", "hpa"),
    tuned=("deployment", "statefulset"),
    kinds=("deployment", "statefulset", "job", "secret"),
)
WHERE = {"clusters": ["sandbox"], "namespaces": ["shop"], "names": ["*"]}


def found(*documents: Doc, known: Known = KNOWN) -> list[Finding]:
    said = ("which is not there", "no cluster that is known")
    return [one for one in lint(policy(*documents), known=known) if any(part in one.what for part in said)]


def test_a_strategy_that_is_not_there() -> None:
    (one,) = found(rule(), *PEOPLE, agent("nightly", strategy=["keep", "hpa-fromula"]))
    assert one.what == "nightly names the strategy hpa-fromula, which is not there"
    assert (one.hint, one.level) == ("did you mean hpa-formula?", "error")
    (far,) = found(rule(), *PEOPLE, agent("nightly", strategy=["nope"]))
    assert far.hint == "known: keep, hpa-formula, hpa"
    assert not found(rule(), *PEOPLE, agent("nightly", strategy=["hpa", "keep"]))
    assert not found(rule(), *PEOPLE, agent("nightly", strategy=["nope"]), known=Known())


@pytest.mark.parametrize(
    ("kind", "hint"), [("deploymnet", "did you mean deployment?"), ("job", "known: deployment, statefulset")]
)
def test_a_kind_that_no_pass_looks_at(kind: str, hint: str) -> None:
    (one,) = found(rule(), *PEOPLE, agent("nightly", scope={**WHERE, "kinds": ["deployment", kind]}))
    assert (one.what, one.hint) == (f"nightly names the kind {kind}, which is not there", hint)
    assert not found(rule(), *PEOPLE, agent("nightly", scope={**WHERE, "kinds": ["*"]}))


def test_a_kind_that_a_rule_or_a_ceiling_cannot_be_about() -> None:
    """Also a deny: with a misspelt kind it denies nothing."""
    denies = rule("never", effect="deny", limits=None, target={**WHERE, "kinds": ["secrt"]})
    cap = doc("Ceiling", "cap", {"target": {**WHERE, "kinds": ["pods"]}, "limits": {"replicas": {"max": 9}}})
    assert {one.what.split()[0] for one in found(rule(), denies, cap, *PEOPLE)} == {"never", "cap"}
    fine = rule("never", effect="deny", limits=None, target={**WHERE, "kinds": ["secret"]})
    assert not found(rule(), fine, *PEOPLE)


def test_a_freeze_a_ceiling_and_a_scope_for_no_cluster() -> None:
    window = {"from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}
    elsewhere = {**WHERE, "clusters": ["prdo"]}
    freeze = doc("Freeze", "holidays", {"scope": {"clusters": ["prdo"]}, "windows": [window]})
    cap = doc("Ceiling", "cap", {"target": elsewhere, "limits": {"replicas": {"max": 9}}})
    said = found(rule(), freeze, cap, *PEOPLE, agent("nightly", scope=elsewhere))
    assert {(one.what.split()[0], one.hint) for one in said} == {
        ("holidays", "check spec.scope.clusters"),
        ("cap", "check spec.target.clusters"),
        ("nightly", "check spec.scope.clusters"),
    }


def test_a_binding_of_an_agent_without_a_document() -> None:
    (one,) = found(rule(), *PEOPLE, binding("more", ["agent:opss", "human:bob"], "operator"))
    assert one.what == "more names the agent agent:opss, which is not there"
    assert one.hint == "did you mean agent:ops?"
    assert not found(rule(), *PEOPLE, binding("more", ["agent:ops"], "operator"))
