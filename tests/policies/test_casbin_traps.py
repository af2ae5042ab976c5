"""Every trap of Casbin that was reproduced, staged against the compiled rules; and agreement with stock Casbin."""

import random
import threading

import pytest
from casbin import Enforcer
from casbin.model import Model

from policies.compiler import MODEL, Row, Rules, rows_of
from policies.kinds import ActionPolicy
from policies.patterns import UNSEEN, Labels, k8s_match, sel_match
from policies.roles import RoleClosure
from tests.kit.policies import (
    NOW,
    PEOPLE,
    ask,
    binding,
    decide,
    deny,
    policy,
    principal,
    rule,
    screen,
    seen,
    target,
)


def stock(rows: list[Row], roles: RoleClosure) -> Enforcer:
    """Casbin's own enforcer over the same model, rows and functions."""
    model = Model()
    model.load_model_from_text(MODEL)
    enforcer = Enforcer(model)
    for row in rows:
        model.add_policy("p", "p", list(row))
    enforcer.add_function("k8sMatch", k8s_match)
    enforcer.add_function("selMatch", sel_match)
    enforcer.set_role_manager(roles)
    model["g"]["g"].rm = roles
    enforcer.rm_map["g"] = roles
    enforcer.logger.setLevel("CRITICAL")
    return enforcer


ROLES = RoleClosure(
    [
        ("agent:a", "role:r0", "k1"),
        ("role:r0", "role:r1", "k1"),
        ("agent:b", "role:r1", "k2"),
        ("agent:b", "role:r2", "k1"),
    ]
)


def test_our_answer_is_the_stock_enforcers_and_its_reason_is_among_our_matches() -> None:
    rng = random.Random(7)
    names = ["web", "web-a", "we*", "*", "api"]
    for _ in range(40):
        rows = [
            Row(
                f"role:r{rng.randrange(3)}",
                rng.choice(["k1", "k2"]),
                f"{rng.choice(['shop', 'sh*', '*'])}/{rng.choice(['deployment', '*'])}/{rng.choice(names)}",
                rng.choice(["scale", "read_it"]),
                rng.choice(["", "", "tier=web", "tier=web,zone=a"]),
                rng.choice(["allow", "allow", "deny"]),
                f"rule-{index}",
            )
            for index in range(rng.randrange(8))
        ] or [Row("role:r9", "k1", "a/b/c", "scale", "", "allow", "x")]
        ours, theirs = Rules(rows, ROLES, ["tier", "zone"]), stock(rows, ROLES)
        for _ in range(20):
            subject, dom, act = (
                rng.choice(["agent:a", "agent:b", "agent:c"]),
                rng.choice(["k1", "k2"]),
                "scale",
            )
            obj = f"{rng.choice(['shop', 'other', ''])}/deployment/{rng.choice(['web', 'web-a', 'api'])}"
            labels: Labels = rng.choice([{}, {"tier": "web"}, {"tier": "web", "zone": "a"}, None, UNSEEN])
            found = ours.matches((subject,), dom, obj, act, labels)
            allowed, why = theirs.enforce_ex(subject, dom, obj, act, labels)
            assert found.allowed == allowed
            if why:
                assert why[6] in (*found.allows, *found.denies)
            assert found.allowed == (bool(found.allows) and not found.denies)


def test_a_deny_over_all_clusters_and_actions_binds_in_each() -> None:
    """With `==` in the matcher, a deny row whose cluster or action was `*` allowed silently."""
    never = deny(actions=["write", "read"], target={"clusters": ["*"], "namespaces": ["*"], "names": ["*"]})
    snapshot = policy(rule(target={"clusters": ["*"], "namespaces": ["*"], "names": ["*"]}), never, *PEOPLE)
    for cluster in ("sandbox", "prod"):
        assert decide(snapshot, ask(target=target(cluster=cluster))).rule == "never"
    assert all("*" not in row.dom and "*" not in row.act for row in snapshot.table.rows)


def test_an_unknown_cluster_or_action_is_denied_until_recompiled() -> None:
    star = policy(rule(target={"clusters": ["*"], "namespaces": ["*"], "names": ["*"]}), *PEOPLE)
    assert screen(star, ask(target=target(cluster="new"))).stage == "names"
    assert decide(star, ask(target=target(cluster="new"))).verdict == "deny"
    assert screen(star, ask(action="restart")).stage == "names"
    assert decide(star, ask(action="restart")).verdict == "deny"


@pytest.mark.parametrize("hops", [1, 9, 10, 11, 31, 60])
def test_a_deny_is_inherited_through_any_number_of_hops(hops: int) -> None:
    chain = [binding(f"hop-{n}", [f"role:h{n}"], f"h{n + 1}") for n in range(hops)]
    first = binding("first", ["human:anna"], "h0")
    snapshot = policy(rule(), deny(roles=[f"h{hops}"]), first, *chain, *PEOPLE)
    assert decide(snapshot, ask()).rule == "never"


def test_a_role_in_one_cluster_is_none_in_another() -> None:
    here = binding("here", ["human:anna"], "operator", clusters=["prod"])
    wide = rule(target={"clusters": ["*"], "namespaces": ["*"], "names": ["*"]})
    assert decide(policy(wide, here), ask(target=target(cluster="prod"))).verdict == "allow"
    assert decide(policy(wide, here), ask()).verdict == "deny"


def test_unknown_subjects_are_not_retained() -> None:
    roles = RoleClosure([("agent:a", "role:r", "k")])
    for n in range(100):
        assert not roles.has_link(f"agent:x{n}", "role:r", "k")
    assert len(roles._closed) == 1


def test_a_caller_cannot_be_a_role() -> None:
    """g is reflexive: a caller named `role:operator` would have it."""
    for name in ("role:operator", "role:everyone", "agent:role:operator", "human:"):
        with pytest.raises(ValueError):
            principal(name)
        with pytest.raises(ValueError):
            principal(on_behalf_of=name)
        with pytest.raises(ValueError):
            principal(groups=(name,))


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("shop/deployment/web", "*/web", False),
        ("production-secrets/secret/x", "prod*", False),
        ("prod-a/deployment/web", "prod*/*/*", True),
        ("shop/deployment/web-a", "shop/deployment/web*", True),
        ("shop/deployment/xweb", "shop/deployment/web", False),
        ("shop/deployment/web2", "shop/deployment/web", False),
        ("shop/deployment/web/x", "shop/deployment/web*", False),
        ("shop/deployment", "shop/deployment/*", False),
        ("a/b/c/d", "*/*/*", False),
        ("../deployment/web", "shop/*/*", False),
        ("", "", False),
    ],
)
def test_patterns_are_matched_by_segment(path: str, pattern: str, fits: bool) -> None:
    assert k8s_match(path, pattern) is fits


@pytest.mark.parametrize(
    ("labels", "effect", "fits"),
    [
        ({"tier": "web"}, "allow", True),
        ({"tier": "web", "x": "y"}, "deny", True),
        ({"tier": "api"}, "deny", False),
        ({}, "allow", False),
        ({}, "deny", False),
        ({"Tier": "web"}, "allow", False),
        (None, "allow", False),
        (None, "deny", True),
        (UNSEEN, "allow", True),
        (UNSEEN, "deny", False),
    ],
)
def test_labels_in_the_matcher(labels: Labels, effect: str, fits: bool) -> None:
    assert sel_match(labels, "tier=web", effect) is fits
    assert sel_match(labels, "", effect) is True


def test_a_deny_with_labels_denies_those_and_only_those() -> None:
    wide = rule(target={"clusters": ["*"], "namespaces": ["*"], "names": ["*"]})
    never = deny(
        target={"clusters": ["*"], "namespaces": ["*"], "names": ["*"], "labels": {"tier": "db", "zone": "a"}}
    )
    snapshot = policy(wide, never, *PEOPLE)
    assert screen(snapshot, ask()).verdict == "allow"
    for labels, verdict in (
        ({"tier": "db", "zone": "a"}, "deny"),
        ({"tier": "db", "zone": "b"}, "allow"),
        ({"tier": "web"}, "allow"),
        (None, "deny"),
    ):
        assert decide(snapshot, ask(), seen(ask(), labels=labels)).verdict == verdict


def test_the_memo_does_not_confuse_labels() -> None:
    only = rule(target={"clusters": ["*"], "namespaces": ["*"], "names": ["*"], "labels": {"tier": "web"}})
    snapshot = policy(only, *PEOPLE)
    for _ in range(3):
        assert decide(snapshot, ask(), seen(ask(), labels={"tier": "web"})).verdict == "allow"
        assert decide(snapshot, ask(), seen(ask(), labels={"tier": "api"})).verdict == "deny"
        assert decide(snapshot, ask(), seen(ask(), labels={"tier": "web", "more": "x"})).verdict == "allow"
        assert decide(snapshot, ask(), seen(ask(), labels=None)).verdict == "deny"
    assert len(snapshot.table._memo) == 3


def test_an_empty_policy_allows_nothing_even_to_empty_names() -> None:
    empty = Rules([], RoleClosure([]), [])
    assert not empty.matches(("",), "", "//", "", {}).allowed
    assert not empty.matches((), "", "//", "", {}).allowed


def test_rows_hold_no_code() -> None:
    """Casbin's eval() rows can call methods; here names of rows are data, and the model has no eval."""
    assert "eval" not in MODEL
    with pytest.raises(ValueError):
        ActionPolicy.model_validate(rule("__import__('os')"))
    document = policy(rule(), *PEOPLE).documents
    (web,) = [d for d in document if isinstance(d, ActionPolicy)]
    assert rows_of(web, {}, ["sandbox"])


def test_threads_share_one_snapshot_without_a_wrong_answer() -> None:
    """Casbin's enforcer shared between threads gave 22 wrong answers in 1,600."""
    rules = [
        rule(f"r{n}", target={"clusters": ["*"], "namespaces": ["shop"], "names": [f"w{n}"]})
        for n in range(20)
    ]
    snapshot = policy(
        *rules, deny(target={"clusters": ["*"], "namespaces": ["shop"], "names": ["w7"]}), *PEOPLE
    )
    wrong: list[str] = []
    barrier = threading.Barrier(8)

    def work(seed: int) -> None:
        rng = random.Random(seed)
        barrier.wait()
        for _ in range(150):
            number = rng.randrange(25)
            found = decide(snapshot, ask("agent:ops", target=target(f"w{number}")))
            expected = "allow" if number < 20 and number != 7 else "deny"
            if found.verdict != expected:
                wrong.append(f"{number}: {found}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_four_thousand_role_edges_load_at_once() -> None:
    edges = [(f"human:h{n}", f"role:r{n % 50}", "k") for n in range(4000)]
    roles = RoleClosure([*edges, *((f"role:r{n}", f"role:r{n + 1}", "k") for n in range(49))])
    assert roles.has_link("human:h0", "role:r49", "k")
    assert NOW
