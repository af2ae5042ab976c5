"""An agent that runs by itself: only one that policy gives a schedule, and only for the owner policy names."""

import pytest

from policies.errors import PolicyInvalid
from policies.kinds import AgentSpec
from policies.snapshot import Snapshot
from policies.types import Principal, Request
from tests.kit.policies import (
    ACTIONS,
    CLUSTERS,
    Doc,
    agent,
    ask,
    binding,
    decide,
    policy,
    principal,
    rule,
    screen,
    vote,
)

NIGHTLY: Doc = {"cron": "30 2 * * *", "zone": "Europe/Berlin", "misfire": "once", "within": "30m"}
ANNA = binding("people", ["human:anna"], "operator")


def nightly(*documents: Doc, **spec: object) -> Snapshot:
    return policy(
        rule(), agent(**{"owner": "human:anna", "schedule": NIGHTLY, **spec}), *(documents or (ANNA,))
    )


def scheduled(**more: object) -> Request:
    return ask(principal=principal("agent:ops", scheduled=True, **more))


def test_it_acts_for_the_owner_that_policy_names() -> None:
    assert decide(nightly(), scheduled()).verdict == "allow"
    assert screen(nightly(), scheduled()).verdict == "allow"


def test_it_acts_for_nobody_else() -> None:
    bob = binding("more", ["human:bob"], "operator")
    found = screen(nightly(ANNA, bob), scheduled(on_behalf_of="human:bob"))
    assert (found.verdict, found.stage, found.rule) == ("deny", "schedule", "agent:ops")
    assert "runs for its owner, human:anna, not for human:bob" in found.detail
    assert screen(nightly(ANNA), scheduled(on_behalf_of="human:Anna")).stage == "schedule"


def test_an_agent_without_a_schedule_does_not() -> None:
    assert screen(nightly(schedule=None), scheduled()).stage == "schedule"


def test_a_person_is_never_scheduled() -> None:
    assert screen(nightly(), ask(principal=principal(scheduled=True))).stage == "schedule"


def test_an_owner_whom_no_binding_gives_a_role_is_denied_by_name() -> None:
    found = decide(nightly(binding("other", ["human:bob"], "operator")), scheduled())
    assert (found.verdict, found.stage) == ("deny", "rules")
    assert "no rule lets human:anna" in found.detail


def test_a_policy_that_names_another_owner_by_now_denies() -> None:
    """The run goes on with the principal that it began with."""
    assert decide(nightly(), scheduled()).verdict == "allow"
    assert decide(nightly(owner="human:bob"), scheduled()).stage == "schedule"
    assert decide(nightly(owner="local"), scheduled()).stage == "schedule"


def test_local_is_the_user_of_this_machine_and_nobody_else() -> None:
    local = nightly(owner="local")
    assert decide(local, scheduled(groups=("group:local",))).verdict == "allow"
    assert decide(local, scheduled()).stage == "schedule"


def test_the_owner_of_a_scheduled_agent_votes_where_it_asks() -> None:
    asks = nightly(autonomy="approve")
    request = scheduled()
    assert decide(asks, request).verdict == "needs_approval"
    assert decide(asks, request, approvals=[vote(request, "human:anna")]).verdict == "allow"


def test_the_digest_of_a_principal_of_before_is_as_it_was() -> None:
    assert "scheduled" not in ask().document["principal"]
    assert scheduled().document["principal"]["scheduled"] is True
    assert scheduled().digest != ask("agent:ops").digest
    again = Principal.model_validate_json(scheduled().principal.model_dump_json())
    assert again.scheduled
    assert again.task is not None
    assert again.task.clusters == CLUSTERS
    assert again.task.actions == ACTIONS


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("schedule", {**NIGHTLY, "cron": "30 2 * *"}, "five fields"),
        ("schedule", {**NIGHTLY, "cron": "0 30 2 * * *"}, "five fields"),
        ("schedule", {**NIGHTLY, "cron": "61 2 * * *"}, "Bad minute"),
        ("schedule", {**NIGHTLY, "cron": "0 0 30 2 *"}, "never comes"),
        ("schedule", {**NIGHTLY, "cron": "@daily"}, "five fields"),
        ("schedule", {**NIGHTLY, "zone": "Berlin"}, "IANA"),
        ("schedule", {**NIGHTLY, "misfire": "all"}, "misfire"),
        ("schedule", {**NIGHTLY, "within": "30s"}, "60"),
        ("schedule", {**NIGHTLY, "every": "1h"}, "unknown"),
        ("risk", "2", "a share"),
        ("risk", 0.02, "risk"),
        ("risk", "0%", "a share"),
        ("risk", "101%", "a share"),
        ("risk", "0.00001%", "a share"),
        ("strategy", [], "strategy"),
        ("strategy", ["Forecast"], "strategy"),
        ("demotion", {"rollbacks": 0, "within": "7d"}, "rollbacks"),
        ("demotion", {"rollbacks": 3}, "within"),
        ("promotion", {"shadow": "soon"}, "shadow"),
        ("scope", {"namespaces": ["shop"]}, "clusters"),
        ("autonomy", {"prod-eu/sh*op": "observe"}, "autonomy"),
        ("autonomy", {"prod-eu/shop": "all"}, "autonomy"),
    ],
)
def test_what_is_not_meant_so_does_not_load(field: str, value: object, said: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        nightly(**{field: value})
    assert said in " ".join(str(problem) for problem in caught.value.problems)


def test_what_loads() -> None:
    spec = (
        nightly(
            scope={"clusters": ["prod"], "namespaces": ["shop"], "names": ["*"], "labels": {"tier": "web"}},
            strategy=["forecast", "keep"],
            risk="0.5%",
            demotion={"rollbacks": 3, "within": "7d"},
            promotion={"shadow": "7d"},
        )
        .agents["agent:ops"]
        .spec
    )
    assert spec.schedule is not None
    assert (spec.schedule.misfire, spec.schedule.within) == ("once", 1800)
    assert (spec.risk, spec.strategy) == (5000, ("forecast", "keep"))
    assert spec.demotion is not None
    assert (spec.demotion.rollbacks, spec.demotion.within) == (3, 7 * 86_400)


@pytest.mark.parametrize(
    ("autonomy", "at", "level"),
    [
        ({"prod": "autonomous", "prod/shop": "approve"}, ("prod", "shop"), "approve"),
        ({"prod": "autonomous", "prod/shop": "approve"}, ("prod", "billing"), "autonomous"),
        (
            {"prod": "observe", "prod/shop*": "approve", "prod/shop-a": "autonomous"},
            ("prod", "shop-a"),
            "autonomous",
        ),
        (
            {"prod": "observe", "prod/shop*": "approve", "prod/shop-a": "autonomous"},
            ("prod", "shop-b"),
            "approve",
        ),
        ({"prod*": "approve", "prod/*": "autonomous"}, ("prod", "x"), "autonomous"),
        ({"prod/shop": "autonomous"}, ("prod", "billing"), "observe"),
        ({"prod/shop": "autonomous"}, ("prod", None), "observe"),
        ({"prod/shop": "autonomous"}, ("prod/shop", "billing"), "autonomous"),
        ({"arn:aws:eks:eu:1:cluster/prod": "approve"}, ("arn:aws:eks:eu:1:cluster/prod", "shop"), "approve"),
        (
            {"arn:aws:eks:eu:1:cluster/prod/shop": "approve"},
            ("arn:aws:eks:eu:1:cluster/prod", "shop"),
            "approve",
        ),
        ({}, ("prod", "shop"), "observe"),
    ],
)
def test_the_most_specific_level_holds(autonomy: Doc, at: tuple[str, str | None], level: str) -> None:
    spec = AgentSpec.model_validate({"owner": "local", "roles": ("operator",), "autonomy": autonomy})
    assert spec.autonomy_in(*at) == level


@pytest.mark.parametrize("order", [1, -1])
def test_where_none_is_more_specific_the_lowest_level_holds(order: int) -> None:
    """The cluster's name is literal in the one, the namespace in the other."""
    keys = [("prod", "autonomous"), ("*/shop", "recommend")][::order]
    spec = AgentSpec.model_validate({"owner": "local", "roles": ("operator",), "autonomy": dict(keys)})
    assert spec.autonomy_in("prod", "shop") == "recommend"
    assert spec.autonomy_in("prod", "billing") == "autonomous"
    assert spec.levels_in("prod") == {"recommend", "autonomous"}


def test_the_gate_goes_by_the_namespace() -> None:
    snapshot = nightly(autonomy={"*": "autonomous", "sandbox/shop": "observe"})
    found = screen(snapshot, scheduled())
    assert (found.stage, found.detail) == ("autonomy", "agent:ops only observes in sandbox/shop")
