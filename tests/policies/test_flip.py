"""Direction: what was raised is not lowered soon after, by whomever it was raised."""

import pytest

from policies.types import Delta
from tests.kit.book import MINUTE, Book
from tests.kit.policies import NOW, PEOPLE, agent, ask, binding, policy, rule, seen, target

PLAIN = Book(policy(rule(), *PEOPLE))


def flipping() -> Book:
    return Book(policy(rule(flip="30m"), *PEOPLE))


def moved(book: Book, before: int, after: int, at: float, **more: object):  # type: ignore[no-untyped-def]
    request = ask(to=after)
    return book.act(request, at, seen(request, Delta("replicas", "", before, after)), **more)


def test_the_other_way_waits_and_the_same_way_does_not() -> None:
    book = flipping()
    assert moved(book, 4, 8, 0).verdict == "allow"
    assert moved(book, 8, 10, 1).verdict == "allow"
    no = moved(book, 10, 8, 30)
    assert (no.stage, no.rule, no.retry_ms) == ("flip", "web", NOW + 31 * MINUTE)
    assert "replicas was raised 1740s ago" in no.detail
    assert moved(book, 10, 8, 31).verdict == "allow"
    assert "was lowered" in moved(book, 8, 9, 32).detail


def test_what_anybody_moved_counts_for_an_agents_rule() -> None:
    """A person raises by a rule without a flip; the agent's own has one."""
    people = rule("people", roles=["sre"])
    book = Book(
        policy(people, rule(flip="30m"), agent(), *[binding("b", ["human:anna"], r) for r in ("sre",)])
    )
    by_hand = ask(to=8)
    assert book.act(by_hand, 0, seen(by_hand, Delta("replicas", "", 4, 8))).verdict == "allow"
    both = Book(policy(rule(flip="30m"), *PEOPLE), book.stored)
    request = ask("agent:ops", 6)
    assert both.act(request, 5, seen(request, Delta("replicas", "", 8, 6))).stage == "flip"


def test_a_rollback_is_exempt_and_counts() -> None:
    book = flipping()
    moved(book, 4, 8, 0)
    assert moved(book, 8, 4, 5, rollback=True).verdict == "allow"
    assert moved(book, 4, 8, 6).stage == "flip"


def test_another_workload_and_another_number_are_free() -> None:
    limits = {name: {"min": 0, "max": "9"} for name in ("cpuRequest", "cpuLimit")}
    limits |= {name: {"min": 0, "max": "9Gi"} for name in ("memoryRequest", "memoryLimit")}
    book = Book(
        policy(
            rule(flip="30m", target={"clusters": ["sandbox"], "namespaces": ["shop"], "names": ["*"]}),
            rule("res", actions=["set_resources"], limits=limits, flip="30m"),
            *PEOPLE,
        )
    )
    moved(book, 4, 8, 0)
    other = ask(to=4, target=target("api"))
    assert book.act(other, 1, seen(other, Delta("replicas", "", 8, 4))).verdict == "allow"
    resources = ask(action="set_resources", tool="set_resources", args={})
    both = seen(resources, Delta("cpuRequest", "app", 200, 100), Delta("memoryRequest", "app", 1, 2))
    assert book.act(resources, 1, both).verdict == "allow"
    assert book.act(resources, 2, both).verdict == "allow"
    back = seen(resources, Delta("cpuRequest", "proxy", 100, 200))
    assert "cpuRequest was lowered" in book.act(resources, 3, back).detail


def test_what_moves_nothing_is_no_direction() -> None:
    book = flipping()
    moved(book, 4, 8, 0)
    assert moved(book, 8, 8, 1).verdict == "allow"
    assert not any(key.startswith("moved/down/") for key in book.stored)


def test_the_longest_of_the_fitting_rules_holds() -> None:
    book = Book(policy(rule("a", flip="5m"), rule("b", flip="30m"), *PEOPLE))
    moved(book, 4, 8, 0)
    assert moved(book, 8, 4, 10).rule == "b"


def test_a_clock_that_went_back_a_little_does_not_free_it() -> None:
    book = flipping()
    moved(book, 4, 8, 0)
    assert moved(book, 8, 4, -0.1).stage == "flip"


@pytest.mark.parametrize("book", [PLAIN])
def test_without_one_nothing_is_noted(book: Book) -> None:
    moved(book, 4, 8, 0)
    assert not any(key.startswith("moved/") for key in book.stored)
