"""Budgets: so many changes, and so much of a number, within any hour; for whom they count, and when there is room."""

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest

from policies.claim_keys import SPENT
from policies.explain import explain
from policies.questions import Question
from policies.types import Claim, Delta, Request
from policies.windows import Window
from tests.kit.book import HOUR, MINUTE, Book
from tests.kit.policies import (
    NOW,
    PEOPLE,
    Doc,
    agent,
    ask,
    binding,
    policy,
    principal,
    rule,
    seen,
    target,
)


def budgeted(*documents: Doc, **budget: object) -> Book:
    """A rule for every workload of the cluster, without bounds that matter."""
    spec = {"target": {"clusters": ["sandbox", "prod"], "namespaces": ["*"], "names": ["*"]}}
    limits = {"replicas": {"min": 1, "max": 1000}}
    return Book(policy(rule(budget=budget or None, limits=limits, **spec), *(documents or PEOPLE)))


def of(name: str = "web", who: str | None = None, to: int = 8, **where: str) -> Request:
    return ask(who, to, target=target(name, **where))


def test_the_seventh_change_of_an_hour_is_refused_and_told_when_there_is_room() -> None:
    book = budgeted(per="workload", changes="6/h")
    assert [book.act(at=n).verdict for n in range(6)] == ["allow"] * 6
    no = book.act(at=10)
    assert (no.verdict, no.stage, no.rule) == ("deny", "budget", "web")
    assert no.retry_ms is not None
    assert 55 * MINUTE <= no.retry_ms - NOW <= 66 * MINUTE
    assert (
        "it takes 1 change, and 0 changes of 6 an hour (web, by workload) left; there is room again at 20"
        in (no.detail)
    )
    minutes = (no.retry_ms - NOW) / MINUTE
    assert book.act(at=minutes - 0.001).stage == "budget"
    assert book.act(at=minutes).verdict == "allow"


def test_many_small_steps_add_up() -> None:
    """Threat 14: each step is within its bounds, and so is each pause."""
    book = budgeted(per="workload", delta="12/h")
    for n, (before, after) in enumerate([(4, 8), (8, 12), (12, 16)]):
        assert (
            book.act(of(to=after), n, seen(of(to=after), Delta("replicas", "", before, after))).verdict
            == "allow"
        )
    no = book.act(of(to=17), 5, seen(of(to=17), Delta("replicas", "", 16, 17)))
    assert no.stage == "budget"
    assert "it takes replicas 1, and replicas 0 of 12 an hour" in no.detail


def test_to_and_fro_adds_up_as_well() -> None:
    book = budgeted(per="workload", delta="12/h")
    for n, (before, after) in enumerate([(4, 10), (10, 4)]):
        assert (
            book.act(of(to=after), n, seen(of(to=after), Delta("replicas", "", before, after))).verdict
            == "allow"
        )
    assert book.act(of(to=5), 3, seen(of(to=5), Delta("replicas", "", 4, 5))).stage == "budget"


def test_containers_are_taken_together() -> None:
    limits = {name: {"min": "0", "max": "9"} for name in ("cpuRequest", "cpuLimit")}
    limits |= {name: {"min": 0, "max": "9Gi"} for name in ("memoryRequest", "memoryLimit")}
    web = rule(
        actions=["set_resources"], limits=limits, budget={"per": "workload", "delta": {"cpuRequest": "1/h"}}
    )
    book = Book(policy(web, *PEOPLE))
    request = ask(action="set_resources", tool="set_resources", args={})
    both = [Delta("cpuRequest", name, 100, 700) for name in ("app", "proxy")]
    assert book.act(request, 0, seen(request, *both)).stage == "budget"
    assert book.act(request, 0, seen(request, both[0])).verdict == "allow"
    assert book.act(request, 1, seen(request, both[1])).stage == "budget"


def test_what_is_more_than_all_of_it_is_never_told_to_come_again() -> None:
    no = budgeted(per="workload", delta="3/h").act()
    assert (no.stage, no.retry_ms) == ("budget", None)
    assert "more than all of 3 an hour" in no.detail


@pytest.mark.parametrize(
    ("per", "shared", "apart"),
    [
        ("workload", of("web"), of("api")),
        ("namespace", of("api"), of("web", namespace="billing")),
        ("cluster", of("web", namespace="billing"), of("web", cluster="prod")),
        ("agent", of("api", "agent:ops"), of("api", "agent:night")),
    ],
)
def test_for_whom_it_counts(per: str, shared: Request, apart: Request) -> None:
    people = (binding("people", ["human:anna"], "operator"), agent(), agent("night"))
    book = budgeted(*people, per=per, changes="2/h")
    first = of("web", "agent:ops") if per == "agent" else of("web")
    assert book.act(first).verdict == "allow"
    assert book.act(shared, 1).verdict == "allow"
    assert book.act(shared, 2).stage == "budget"
    assert book.act(apart, 3).verdict == "allow"


def test_a_person_by_hand_has_a_budget_of_their_own_beside_an_agents() -> None:
    book = budgeted(per="agent", changes="1/h")
    assert book.act(of(who="agent:ops")).verdict == "allow"
    assert book.act(of()).verdict == "allow"
    assert book.act(of()).stage == "budget"


def test_the_agents_own_budget_binds_whatever_rule_it_goes_by() -> None:
    people = (PEOPLE[0], agent(budgets={"changes": "2/h", "delta": {"replicas": "9/h"}}))
    book = budgeted(*people)
    assert book.act(of("a", "agent:ops", 8)).verdict == "allow"
    no = book.act(of("b", "agent:ops", 10), 1)
    assert (no.stage, no.rule) == ("budget", "agent:ops")
    assert "replicas 5 of 9 an hour (agent:ops, by agent) left" in no.detail
    assert book.act(of("b", "agent:ops", 5), 1).verdict == "allow"
    assert "0 changes of 2 an hour (agent:ops, by agent) left" in book.act(of("c", "agent:ops", 5), 1).detail
    assert book.act(of("b"), 2).verdict == "allow"


def test_all_fitting_rules_budgets_bind() -> None:
    tight = rule("tight", budget={"per": "workload", "changes": "1/h"})
    loose = rule("loose", budget={"per": "workload", "changes": "9/h"})
    book = Book(policy(tight, loose, *PEOPLE))
    assert book.act().verdict == "allow"
    assert book.act(at=1).rule == "tight"


def test_a_rollback_is_exempt_and_spends_nothing() -> None:
    book = budgeted(per="workload", changes="1/h")
    book.act()
    kept = {key: value for key, value in book.stored.items() if SPENT.has(key)}
    assert book.act(at=1, rollback=True).verdict == "allow"
    assert {key: value for key, value in book.stored.items() if SPENT.has(key)} == kept


def test_what_moves_nothing_spends_nothing() -> None:
    book = budgeted(per="workload", changes="1/h")
    same = seen(of(), Delta("replicas", "", 8, 8))
    assert all(book.act(of(), n, same).verdict == "allow" for n in range(3))
    assert book.act(of(), 3).verdict == "allow"


def test_two_who_decide_at_once_cannot_both_have_the_last_one() -> None:
    """Threat 13: both have read that one is left."""
    book = budgeted(per="cluster", changes="3/h")
    for name in ("a", "b"):
        book.act(of(name))
    one, other = (book.decide(of(name), 1) for name in ("c", "d"))
    assert (one.verdict, other.verdict) == ("allow", "allow")
    assert book.take(one.claims)
    assert not book.take(other.claims)


def test_callers_at_once_all_pass_while_there_is_room() -> None:
    book = budgeted(per="cluster", changes="3/h")
    decisions = [book.decide(of(name), 0) for name in "abcd"]
    assert [book.take(_only_spent(d.claims)) for d in decisions] == [True, True, True, False]


def test_one_who_slept_over_a_part_of_the_time_is_seen() -> None:
    """It decides in an older part, and commits after the others have read: the total tells them."""
    book = budgeted(per="cluster", changes="2/h")
    late = book.decide(of("late"), 4)
    one, other = (book.decide(of(name), 14) for name in ("a", "b"))
    assert book.take(_only_spent(late.claims))
    assert book.take(_only_spent(one.claims))
    assert not book.take(_only_spent(other.claims))


def test_a_clock_a_little_behind_sees_what_one_ahead_has_spent() -> None:
    """The world's clock may step back by some seconds between two processes: over the border of two parts."""
    book = budgeted(per="cluster", changes="1/h")
    border = -((NOW / MINUTE) % 5) + 5
    assert book.act(of("a"), border + 0.05).verdict == "allow"
    assert book.act(of("b"), border - 0.05).stage == "budget"


def test_what_is_given_back_is_there_again_and_helps_nobody_twice() -> None:
    book = budgeted(per="cluster", changes="2/h")
    book.act(of("a"))
    values = book.look(of("b"), 1)
    held = book.decide(of("b"), 1, values=values)
    last = next(c for c in reversed(held.claims) if SPENT.has(c.key))
    assert book.take(_only_spent(held.claims))
    assert book.take([Claim("add_within", last.key, -1, 2**53 - 1)])
    assert book.act(of("c"), 2).verdict == "allow"
    assert book.act(of("d"), 3).stage == "budget"
    assert not book.take(_only_spent(held.claims))


@pytest.mark.parametrize("seed", range(20))
def test_no_hour_ever_holds_more_whoever_comes_when(seed: int) -> None:
    """Several callers read, wait, commit, lose or give back in any order; then every hour that begins with a change
    is added up from what was really done."""
    dice = random.Random(seed)
    window, limit = Window(SPENT, "x", 3600), dice.randint(1, 9)
    stored: dict[str, int] = {}
    done: list[tuple[int, int]] = []
    waiting: list[tuple[int, int, tuple[Claim, Claim]]] = []
    now = NOW
    for _ in range(400):
        now += dice.randint(0, 5 * MINUTE // 2) * dice.randint(0, 2)
        amount, values = dice.randint(1, 3), dict.fromkeys(window.keys(now), 0) | stored
        if window.spent(values, now) + amount <= limit:
            waiting.append((now, amount, window.spend(values, now, amount, limit)))
        dice.shuffle(waiting)
        while waiting and dice.random() < 0.6:
            at, amount, claims = waiting.pop()
            if now - at < 2 * MINUTE and _taken(stored, claims):
                if dice.random() < 0.2:
                    stored[claims[1].key] -= amount
                else:
                    done.append((at, amount))
    assert len(done) > 5
    for start, _ in done:  # the hour that is fullest begins with one of them
        assert sum(amount for at, amount in done if start <= at < start + HOUR) <= limit


def _taken(stored: dict[str, int], claims: tuple[Claim, Claim]) -> bool:
    total, part = claims
    if stored.get(total.key, 0) + total.value > total.gap:
        return False
    for claim in (total, part):
        stored[claim.key] = stored.get(claim.key, 0) + claim.value
    return True


def _only_spent(claims: tuple[Claim, ...]) -> list[Claim]:
    return [claim for claim in claims if SPENT.has(claim.key)]


def test_without_a_budget_nothing_more_is_read_or_claimed() -> None:
    book = budgeted()
    assert not any(key.startswith("spent/") for key in book.look(of(), 0))
    assert not _only_spent(book.decide(of(), 0).claims)


def test_reading_asks_for_no_budget() -> None:
    book = budgeted(per="cluster", changes="1/h")
    read = ask(action="describe_workload", tool="describe_workload")
    assert not any(key.startswith("spent/") for key in book.look(read, 0))


def test_an_integer_that_was_not_read_denies() -> None:
    book = budgeted(per="cluster", changes="1/h")
    values: Mapping[str, int] = {k: v for k, v in book.look(of(), 0).items() if "total" not in k}
    assert book.decide(of(), 0, values=values).stage == "error"


def test_a_principal_of_the_same_name_in_another_role_shares_nothing() -> None:
    """Keys hold who it is by kind: `agent:anna` is not `human:anna`."""
    people = (binding("people", ["human:anna"], "operator"), agent("anna"))
    book = budgeted(*people, per="agent", changes="1/h")
    assert book.act(ask(principal=principal("agent:anna"))).verdict == "allow"
    assert book.act(of()).verdict == "allow"


def test_explain_says_what_is_left_and_when_there_is_room() -> None:
    book = budgeted(per="workload", changes="6/h", delta="12/h")
    question = Question(
        "human:anna", "scale", target(), {"replicas": 8}, {"replicas": 4}, spent={"changes": 5}
    )
    (stage,) = (one for one in explain(book.snapshot, question).stages if one.name == "budget")
    assert stage.ok
    assert "1 change of 6 an hour (web, by workload) left" in stage.text
    assert "replicas 12 of 12 an hour (web, by workload) left" in stage.text
    found = explain(book.snapshot, replace(question, spent={"changes": 6, "replicas": 11}))
    assert "there is room again at 2026-01-05T13:05:00Z" in found.decision.detail
    assert found.changes == ("replicas 3 to 5 alone (web)",)
