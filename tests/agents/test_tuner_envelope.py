"""`envelope`: a range for a day from what a day needs, leased to the agent that asks, with the floor from before."""

from dataclasses import replace
from typing import Any

import pytest

from agents.tuner.choice import Barred
from agents.tuner.envelope import GUARD_PERCENT, LEASE_S, RISKS_PERMILLE, EnvelopeRange
from agents.tuner.strategies import strategy
from agents.tuner.strategy import Aim, Candidate, Floor, Observed
from base.instants import utc_text
from tests.agents.test_tuner_run import NOW, workload
from tests.agents.test_tuner_sizing import HPA, owned, seen
from tests.forecasting.test_twin_live import course
from tools.arguments import SetEnvelopeArgs

STRATEGY = EnvelopeRange(Aim(80, 20_000, "agent:night"))
TEXT = "3..7 until 2030-01-01T00:00:00Z, then at least 3, for agent:night"


def each(one: Observed) -> list[Candidate]:
    assert STRATEGY.consider(one) is None
    (found,) = STRATEGY.propose([one])
    return found


def only(one: Observed) -> Candidate:
    """The first: its HPA's target is left alone."""
    return each(one)[0]


def asked(one: Observed) -> SetEnvelopeArgs:
    change = only(one).change
    assert change is not None
    assert change.action == "set_envelope"
    assert isinstance(change.args, SetEnvelopeArgs)
    return change.args


def test_the_range_holds_what_a_day_needs_and_is_leased_for_a_day() -> None:
    args = asked(seen(replicas=4))
    needs = [value for value in course(8) if value is not None]
    assert args.min_replicas is not None
    assert args.max_replicas is not None
    assert args.min_replicas <= -(-min(needs) * 100 // 85_000) + 1
    assert args.max_replicas * 850 >= max(needs)
    assert (args.until, args.agent, args.floor) == (utc_text(NOW + LEASE_S * 1000), "agent:night", 4)


def test_with_an_hpa_it_goes_no_higher_than_its_maximum_and_the_floor_is_its_own() -> None:
    tight = replace(owned(), autoscaler=replace(HPA, maximum=3))
    assert asked(tight).max_replicas == 3
    assert asked(owned()).floor == HPA.minimum


def test_leased_again_it_keeps_the_floor_from_before() -> None:
    moved = replace(workload("web", 7), annotations={"flyball.io/envelope": TEXT})
    assert asked(seen(workload=moved)).floor == 3


@pytest.mark.parametrize(("until", "minimum", "floor"), [
    (NOW + 1000, 6, 3), (NOW, 6, 6), (NOW, 2, 3),
])  # fmt: skip
def test_a_minimum_that_was_raised_since_the_lease_is_not_lowered(
    until: int, minimum: int, floor: int
) -> None:
    """While the lease lasts the minimum is the loop's."""
    text = TEXT.replace("2030-01-01T00:00:00Z", utc_text(until))
    found = owned()
    marked = replace(found.workload, annotations={"flyball.io/envelope": text})
    assert asked(replace(found, workload=marked, autoscaler=replace(HPA, minimum=minimum))).floor == floor


def test_live_events_make_room_above() -> None:
    plain, busy = asked(seen()), asked(seen(events=(Floor("black-friday", 300),)))
    assert (busy.max_replicas or 0) >= 3 * (plain.max_replicas or 0) - 3
    assert busy.min_replicas == plain.min_replicas


@pytest.mark.parametrize(("more", "why"), [
    ({"values": course(5)}, "short-history"),
    ({"workload": workload("web", owner="argocd")}, "owned-by-argocd"),
])  # fmt: skip
def test_a_guess_is_no_range(more: dict[str, Any], why: str) -> None:
    assert STRATEGY.consider(seen(**more)) == why


def test_the_reason_cites_its_figures() -> None:
    found = only(seen())
    assert all(str(figure.value) in found.reason for figure in found.figures)


def guards(one: Observed) -> list[tuple[int | None, int | None, int | None]]:
    args = [found.change.args for found in each(one) if found.change is not None]
    return [
        (a.risk_permille, a.guard_percent, a.target_percent) for a in args if isinstance(a, SetEnvelopeArgs)
    ]


def test_there_is_one_for_each_risk_and_where_an_hpa_can_be_the_guard_one_with_it() -> None:
    plain = [(risk, None, None) for risk in RISKS_PERMILLE]
    assert guards(seen()) == plain
    scaled = replace(owned(), autoscaler=replace(HPA, target_percent=70))
    with_guard = [(risk, GUARD_PERCENT, 70) for risk in RISKS_PERMILLE]
    assert sorted(guards(scaled), key=str) == sorted([*plain, *with_guard], key=str)
    for loose in (GUARD_PERCENT, 90, None):
        assert guards(replace(owned(), autoscaler=replace(HPA, target_percent=loose))) == plain


def test_leased_again_it_puts_back_the_target_from_before() -> None:
    text = TEXT.replace("then at least 3", f"HPA at {GUARD_PERCENT}%, then at least 3 at 65%")
    marked = replace(owned().workload, annotations={"flyball.io/envelope": text})
    now = replace(owned(), workload=marked, autoscaler=replace(HPA, target_percent=GUARD_PERCENT))
    assert (RISKS_PERMILLE[0], GUARD_PERCENT, 65) in guards(now)
    foreign = replace(now, autoscaler=replace(HPA, target_percent=75))
    assert (RISKS_PERMILLE[0], GUARD_PERCENT, 75) in guards(foreign)


def test_what_is_leased_no_other_strategy_sizes() -> None:
    """Two would move one floor; the lease is asked for again, or it runs out."""
    marked = replace(workload("web"), annotations={"flyball.io/envelope": TEXT})
    for name in ("forecast", "percentile-floor", "hpa-formula"):
        assert strategy(name, Aim()).consider(seen(workload=marked)) == "leased"
        assert strategy(name, Aim()).consider(seen(workload=workload("web"))) is None


def test_where_policy_leases_no_guard_the_one_without_may_be_taken() -> None:
    plain, guard = each(replace(owned(), autoscaler=replace(HPA, target_percent=70)))[:2]
    barred = Barred()
    assert guard.change is not None
    barred.add(guard.change, whole_sort=True)
    assert (barred.has(guard), barred.has(plain)) == (True, False)
