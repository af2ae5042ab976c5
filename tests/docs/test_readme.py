"""README.md: its policy, added to the shipped base as it says, lets somebody do what it promises."""

from pathlib import Path

import pytest

from policies.decision import VerdictKind
from policies.questions import Question, judge
from policies.snapshot import Snapshot
from policies.source import PolicySource
from policies.types import Target
from tests.docs.kit import ROOT, blocks, page
from tools.actions.registry import catalogue

TEXT = page("README.md")


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """The folder that the README tells to make, added to the shipped base."""
    assert "it is added to the shipped base" in TEXT
    (policy,) = blocks(TEXT, "yaml")
    (tmp_path / "shop.yaml").write_text(policy, encoding="utf-8")
    base = (ROOT / "policies" / "default" / "base.yaml",)
    clusters = ("prod-eu", "sandbox")
    return PolicySource((tmp_path,), catalogue=catalogue(), clusters=clusters, base=base).current()


@pytest.mark.parametrize(
    ("name", "now", "to", "says"),
    [
        ("web-a", 4, 7, VerdictKind.ALLOW),
        ("web-a", 10, 13, VerdictKind.NEEDS_APPROVAL),
        ("web-a", 4, 10, VerdictKind.DENY),
        ("web-a", 18, 21, VerdictKind.DENY),
        ("search", 4, 5, VerdictKind.DENY),
    ],
)
def test_a_person_may_scale_within_the_rule(
    snapshot: Snapshot, name: str, now: int, to: int, says: VerdictKind
) -> None:
    where = Target(cluster="prod-eu", namespace="shop", kind="deployment", name=name)
    asked = Question("local", "scale", where, {"replicas": to}, {"replicas": now})
    assert judge(snapshot, asked).verdict == says


def test_what_the_base_denies_stays_denied(snapshot: Snapshot) -> None:
    secret = Target(cluster="prod-eu", namespace="shop", kind="secret", name="web")
    assert judge(snapshot, Question("local", "describe_workload", secret, {})).rule == "never-secrets"
