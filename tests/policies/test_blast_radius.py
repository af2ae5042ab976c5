"""Blast radius: a share of a namespace's workloads within an hour; each counts once, whoever changes it."""

import random

import pytest

from policies.decision import Decision
from policies.types import Request
from tests.kit.book import HOUR, MINUTE, Book
from tests.kit.policies import NOW, PEOPLE, Doc, ask, doc, policy, rule, seen, target

RULE = rule(
    target={"clusters": ["sandbox"], "namespaces": ["*"], "names": ["*"]},
    limits={"replicas": {"min": 1, "max": 1000}},
)


def ceiling(share: str = "30%", within: str = "1h", **more: object) -> Doc:
    everything = {"clusters": ["*"], "namespaces": ["*"], "names": ["*"]}
    radius = {"share": share, "within": within}
    return doc("Ceiling", "few", {"target": everything, "blastRadius": radius, **more})


def of(name: str, namespace: str = "shop") -> Request:
    return ask(target=target(name, namespace=namespace))


def act(book: Book, name: str, at: float, peers: int | None = 10, **more: object) -> Decision:
    return book.act(of(name), at, seen(of(name), peers=peers), **more)


def few(share: str = "30%") -> Book:
    return Book(policy(RULE, ceiling(share), *PEOPLE))


def test_the_fourth_of_ten_workloads_is_refused_and_told_when_there_is_room() -> None:
    book = few()
    assert [act(book, name, n).verdict for n, name in enumerate("abc")] == ["allow"] * 3
    no = act(book, "d", 3)
    assert (no.stage, no.rule) == ("blast_radius", "few")
    assert "3 of 10 workloads were changed within 3600s, and 3 may be" in no.detail
    assert no.retry_ms is not None
    minutes = (no.retry_ms - NOW) / MINUTE
    assert 60 <= minutes <= 66
    assert act(book, "d", minutes - 0.001).stage == "blast_radius"
    assert act(book, "d", minutes).verdict == "allow"


def test_the_same_workload_again_takes_no_more() -> None:
    book = few()
    for n, name in enumerate("abcabcabc"):
        assert act(book, name, 7 * n).verdict == "allow"
    assert act(book, "d", 63).stage == "blast_radius"


def test_a_workload_that_was_changed_again_stays_counted_from_then_on() -> None:
    """`a` is changed at 0 and at 50: at 70 it is still one of those of the last hour."""
    book = few()
    for at, name in ((0, "a"), (50, "a"), (55, "b"), (56, "c")):
        assert act(book, name, at).verdict == "allow"
    assert act(book, "d", 70).stage == "blast_radius"


@pytest.mark.parametrize(
    ("share", "peers", "most"), [("30%", 1, 1), ("30%", 3, 1), ("30%", 6, 1), ("30%", 7, 2)]
)
def test_the_share_is_rounded_down_but_never_to_none(share: str, peers: int, most: int) -> None:
    book = few(share)
    verdicts = [act(book, f"w{n}", n, peers).verdict for n in range(most + 1)]
    assert verdicts == ["allow"] * most + ["deny"]


def test_other_namespaces_have_their_own() -> None:
    book = few()
    for n, name in enumerate("abc"):
        act(book, name, n)
    other = of("d", "billing")
    assert book.act(other, 3, seen(other, peers=10)).verdict == "allow"


def test_where_they_could_not_be_counted_it_is_refused() -> None:
    assert "could not be counted" in act(few(), "a", 0, None).detail


def test_a_rollback_is_exempt_and_not_counted() -> None:
    book = few("10%")
    act(book, "a", 0)
    assert act(book, "b", 1, rollback=True).verdict == "allow"
    assert act(book, "b", 2).stage == "blast_radius"


def test_two_who_decide_at_once_cannot_both_be_the_last() -> None:
    book = few("20%")
    act(book, "a", 0)
    one, other = (book.decide(of(name), 1, seen(of(name), peers=10)) for name in "bc")
    assert (one.verdict, other.verdict) == ("allow", "allow")
    assert book.take(one.claims)
    assert not book.take(other.claims)


def test_a_ceiling_over_other_labels_does_not_bind() -> None:
    web = {"clusters": ["*"], "namespaces": ["*"], "names": ["*"], "labels": {"tier": "web"}}
    book = Book(policy(RULE, ceiling("10%", target=web), *PEOPLE))
    for n, name in enumerate("abc"):
        assert book.act(of(name), n, seen(of(name), labels={"tier": "job"})).verdict == "allow"
    book.act(of("d"), 4, seen(of("d"), labels={"tier": "web"}, peers=10))
    assert book.act(of("e"), 5, seen(of("e"), labels={"tier": "web"}, peers=10)).stage == "blast_radius"
    assert book.act(of("f"), 6, seen(of("f"), labels=None, peers=10)).stage == "blast_radius"


@pytest.mark.parametrize("seed", range(10))
def test_no_hour_ever_holds_more_different_workloads(seed: int) -> None:
    dice = random.Random(seed)
    book, peers = few("25%"), dice.randint(1, 24)
    done: list[tuple[float, str]] = []
    at = 0.0
    for _ in range(300):
        at += dice.random() * 8
        name = f"w{dice.randrange(peers)}"
        if act(book, name, at, peers).verdict == "allow":
            done.append((at * MINUTE, name))
    assert len(done) > 10
    for start, _ in done:
        assert len({name for when, name in done if start <= when < start + HOUR}) <= max(1, peers // 4)
