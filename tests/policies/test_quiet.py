"""Quiet: no change while an alert fires on the workload, or a rollout of it goes on; what is not known refuses."""

import pytest

from policies.gate import Gate
from policies.snapshot import Snapshot
from tests.kit.policies import PEOPLE, ask, decide, policy, rule, seen


def wants(*what: str) -> Snapshot:
    return policy(rule(quiet=list(what)), *PEOPLE)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"alerts": 0}, None),
        ({"alerts": 2}, "2 alerts fire on it"),
        ({"alerts": 1}, "1 alert fires on it"),
        ({"alerts": None}, "whether an alert fires on it is not known"),
    ],
)
def test_no_change_while_an_alert_fires(found: dict[str, int | None], said: str | None) -> None:
    answer = decide(wants("alerts"), ask(), seen(ask(), **found))
    assert (answer.verdict, answer.stage) == (("allow", "allowed") if said is None else ("deny", "quiet"))
    assert said is None or (said in answer.detail and answer.rule == "web")


@pytest.mark.parametrize(
    ("rolling", "said"),
    [(False, None), (True, "a rollout of it goes on"), (None, "whether a rollout goes on is not known")],
)
def test_no_change_while_a_rollout_goes_on(rolling: bool | None, said: str | None) -> None:
    answer = decide(wants("rollouts"), ask(), seen(ask(), rolling_out=rolling))
    assert answer.stage == ("allowed" if said is None else "quiet")
    assert said is None or said in answer.detail


def test_both_are_asked_and_any_fitting_rule_asks() -> None:
    snapshot = policy(rule("a", quiet=["alerts"]), rule("b", quiet=["rollouts"]), *PEOPLE)
    assert Gate(snapshot).looks(ask()) == {"alerts", "rollouts"}
    assert decide(snapshot, ask(), seen(ask(), alerts=0, rolling_out=True)).rule == "b"
    assert decide(snapshot, ask(), seen(ask(), alerts=0, rolling_out=False)).verdict == "allow"


def test_a_rollback_is_exempt() -> None:
    """The alert may be about the very change that it puts back."""
    assert decide(wants("alerts"), ask(), seen(ask(), alerts=3), rollback=True).verdict == "allow"


def test_it_is_looked_for_only_where_a_rule_wants_it() -> None:
    assert Gate(policy(rule(), *PEOPLE)).looks(ask()) == frozenset()
    read = ask(action="describe_workload", tool="describe_workload")
    assert Gate(wants("alerts")).looks(read) == frozenset()
