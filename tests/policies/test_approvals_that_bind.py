"""An approval that can never bind, or that nobody can give, is no safeguard: it does not load, or lint finds it."""

from typing import Any

import pytest

from policies.errors import PolicyInvalid
from policies.lint import lint
from tests.kit.policies import PEOPLE, Doc, agent, binding, policy, rule

SCALE = {"replicas": {"min": 2, "max": 12}}
CPU = {f"{kind}{end}": {"min": 1, "max": 2} for kind in ("cpu", "memory") for end in ("Request", "Limit")}
SRE = binding("sre", ["human:bob"], "sre")


def asked(**approval: Any) -> Doc:
    return rule(limits=SCALE, approval={"from": "sre", **approval})


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (asked(when={}), "says nothing"),
        (asked(when={"replicas": {}}), "says nothing"),
        (asked(when={"cpuRequest": {"above": "1"}}), "none of its actions moves it"),
        (asked(when={"replicas": {"above": 8}, "memoryLimit": {"above": "1Gi"}}), "none of its actions"),
        (asked(when={"replicas": {"above": 12}}), "at or above the rule's max, 12"),
        (asked(when={"replicas": {"above": 13}}), "at or above the rule's max"),
        (asked(when={"replicas": {"below": 2}}), "at or below the rule's min, 2"),
        (asked(when={"replicas": {"above": 8, "below": 1}}), "at or below the rule's min"),
        (asked(**{"from": "everyone"}), "nobody votes as `everyone`"),
        (asked(**{"from": "local", "count": 2}), "`local` is one person"),
        (rule(tainted={"approval": {"from": "everyone"}}), "tainted.approval.from: nobody votes"),
        (rule(tainted={"approval": {"from": "local", "count": 3}}), "tainted.approval.count is 3"),
        (binding("b", ["role:everyone"], "operator"), "would give the role to every principal"),
    ],
)
def test_it_does_not_load_and_says_where_and_what_to_write(document: Doc, said: str) -> None:
    with pytest.raises(PolicyInvalid, match=said) as found:
        policy(document, SRE, *PEOPLE)
    assert found.value.problems[0].where.startswith("p.yaml:")
    assert found.value.problems[0].hint


@pytest.mark.parametrize(
    "document",
    [
        asked(when={"replicas": {"above": 11}}),
        asked(when={"replicas": {"below": 3}}),
        asked(when="always"),
        asked(),
        asked(**{"from": "local", "count": 1}),
        rule(
            actions=["set_resources"],
            limits={**CPU, "cpuLimit": {"min": "1", "max": "2"}},
            approval={"from": "sre", "when": {"cpuLimit": {"above": "1900m"}}},
        ),
    ],
)
def test_one_that_can_bind_loads(document: Doc) -> None:
    assert policy(document, SRE, *PEOPLE).rules.keys() == {"web"}


def found(*documents: Doc, only_voter: str | None = None) -> list[tuple[str, str]]:
    findings = lint(policy(*documents, *PEOPLE), only_voter=only_voter)
    return [(f.level, f.what) for f in findings if "tests" not in f.what and "untrusted" not in f.what]


def test_lint_counts_the_people_who_could_vote() -> None:
    two = asked(count=2)
    assert found(two, SRE) == [("error", "web asks for 2 of sre, and 1 have it in sandbox")]
    assert found(two, SRE, binding("more", ["human:eve"], "sre")) == []
    assert found(two, SRE, binding("same", ["human:Bob"], "sre")) != [], "one person, written twice"
    assert found(two, SRE, binding("some", ["group:oncall"], "sre")) == [], "a group may be many"
    assert found(asked(), binding("agents", ["agent:ops"], "sre")) == [
        ("error", "web asks for 1 of sre, and 0 have it in sandbox")
    ]


def test_lint_says_which_approvals_one_machine_cannot_give() -> None:
    ((level, what),) = found(asked(), SRE, only_voter="human:anna")
    assert (level, "only human:anna asks and votes" in what) == ("error", True)
    assert found(asked(**{"from": "local"}), only_voter="human:anna") == []
    waits = agent("tuner", owner="human:bob", autonomy="approve")
    assert found(rule(), waits, only_voter="human:bob") == []
    assert found(rule(), waits, only_voter="human:anna") == [
        ("info", "tuner waits for human:bob, and here only human:anna votes")
    ]
