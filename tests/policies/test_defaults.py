"""The shipped policies: their own tests pass, a real cluster is only observed, the sandbox plays its story."""

from pathlib import Path

import pytest

import policies
from policies.decision import Decision
from policies.lint import lint
from policies.loader import load
from policies.questions import Question, judge
from policies.rule_tests import run
from policies.snapshot import Snapshot
from policies.types import Target
from tools.actions.registry import catalogue

FOLDER = Path(policies.__file__).parent / "default"


@pytest.fixture(scope="module")
def shipped() -> Snapshot:
    return load([FOLDER], catalogue=catalogue(), clusters=["prod-eu", "sandbox"])


def judged(shipped: Snapshot, name: str, to: int, now: int, **more: str) -> Decision:
    cluster, who = more.get("cluster", "sandbox"), more.get("who", "local")
    where = Target(cluster=cluster, namespace=more.get("namespace", "shop"), kind="deployment", name=name)
    action = more.get("action", "scale")
    return judge(
        shipped,
        Question(
            who, action, where, {"replicas": to}, {"replicas": now}, field_owner=more.get("field_owner")
        ),
    )


def test_their_own_tests_pass_and_nothing_is_found(shipped: Snapshot) -> None:
    results = list(run(shipped))
    assert len(results) >= 30
    assert [r.title for r in results if r.problem is not None] == []
    assert lint(shipped) == []


@pytest.mark.parametrize("who", ["local", "agent:ops", "agent:tuner"])
@pytest.mark.parametrize("action", ["scale", "scale_to_zero"])
def test_a_real_cluster_is_only_observed(shipped: Snapshot, who: str, action: str) -> None:
    assert judged(shipped, "web", 5, 4, cluster="prod-eu", who=who, action=action).verdict == "deny"
    assert shipped.agents["agent:ops"].spec.autonomy_in("prod-eu", "shop") == "observe"


@pytest.mark.parametrize("who", ["local", "agent:ops", "agent:tuner"])
def test_the_sandboxes_story_of_web(shipped: Snapshot, who: str) -> None:
    assert judged(shipped, "web", 8, 4, who=who).verdict == "allow"
    asked = judged(shipped, "web", 15, 4, who=who)
    assert (asked.verdict, asked.approvals[0].local) == ("needs_approval", True)
    refused = judged(shipped, "web", 60, 4, who=who)
    assert (refused.rule, refused.detail) == ("web-with-approval", "limits.replicas.max = 20")
    assert (refused.headroom[0].low, refused.headroom[0].high, refused.headroom[0].alone) == (2, 9, True)


def test_owners_speak_in_the_sandbox(shipped: Snapshot) -> None:
    argo = judged(shipped, "payments", 4, 3, who="agent:tuner", field_owner="argocd/payments")
    hpa = judged(shipped, "checkout", 5, 4, who="agent:tuner", field_owner="horizontalpodautoscaler/checkout")
    assert argo.stage == hpa.stage == "ownership"


def test_zero_and_kube_system_are_never_allowed(shipped: Snapshot) -> None:
    assert judged(shipped, "web", 0, 4, action="scale_to_zero").verdict == "deny"
    assert judged(shipped, "coredns", 3, 2, namespace="kube-system").rule == "never-kube-system"
