"""The choice of an agent's run: the cheapest within the risk | hysteresis | least risk where none is within it |
cooled strategies, short history, an uncalibrated twin | scores break ties"""

from dataclasses import replace
from typing import Any

import pytest

from agents.tuner.change import Change, Move, checked, scaled
from agents.tuner.least_cost import LeastCost
from agents.tuner.proposal import Proposal
from agents.tuner.strategy import Candidate, Floor, Learned, Observed
from tests.agents.fakes import chosen_by
from tests.agents.metrics import NOW
from tests.agents.test_tuner_run import pod, workload
from tests.agents.test_tuner_sizing import seen, series
from tests.forecasting.test_twin_live import course
from tools.metrics.types import Series
from tools.resource_arguments import SetResourcesArgs

STEADY: list[int | None] = [3_000 if minute % 7 else 2_900 for minute in range(8 * 1440)]
"""Needs 4 pods of one core at 85 %."""
READY = pod(0, created_ms=NOW - 90_000, ready_ms=NOW - 60_000)


def observed(values: list[int | None] = STEADY, replicas: int = 8, **more: Any) -> Observed:
    ready: Series = series([replicas] * len(values))
    return replace(seen(values, replicas, ready=ready, pods=[READY]), **more)


def to(one: Observed, pods: int, strategy: str = "told", **more: Any) -> Candidate:
    return Candidate(strategy, scaled(one.workload, pods), "told", "because", **more)


def chosen(one: Observed, *candidates: Candidate, risk_ppm: int = 20_000) -> Proposal:
    keep = Candidate("keep", None, "kept-as-is", "as it is")
    (found,) = chosen_by(LeastCost(risk_ppm), [one], [[keep, *candidates]])
    return found


def whys(found: Proposal) -> list[str]:
    return [w.why_not for w in found.alternatives]


def test_the_cheapest_within_the_risk() -> None:
    one = observed()
    found = chosen(one, to(one, 6), to(one, 4), to(one, 5))
    assert (found.proposed, found.hold) == (4, "")
    assert whys(found) == ["dearer", "dearer", "", "dearer"]
    assert found.expects == {
        "cost_before_mch": 192_000, "cost_after_mch": 96_000,
        "violations_before_ppm": 0, "violations_after_ppm": 0,
    }  # fmt: skip


def test_one_that_risks_too_much_is_not_taken() -> None:
    """Half of them at once would carry 2.55 cores of 3: it is said, and what remains is the other one."""
    one = observed(replicas=6)
    found = chosen(one, to(one, 3), to(one, 5))
    assert (found.proposed, whys(found)) == (5, ["dearer", "risk", ""])


def test_what_saves_little_is_not_worth_a_change() -> None:
    one = observed(replicas=50)
    assert chosen(one, to(one, 49)).why == "not-worth-it"
    assert chosen(one, to(one, 48)).proposed == 48


def test_more_than_is_needed_is_never_bought() -> None:
    one = observed(replicas=4)
    assert (chosen(one, to(one, 6)).proposed, chosen(one, to(one, 6)).why) == (None, "not-worth-it")


def test_where_it_stands_at_risk_it_is_raised_to_the_cheapest_that_is_not() -> None:
    one = observed(replicas=3)
    found = chosen(one, to(one, 7), to(one, 4), to(one, 5))
    assert found.proposed == 4
    assert found.alternatives[0].why_not == "risk"


def test_where_nothing_is_safe_the_least_risk_is_taken() -> None:
    surge = [*[6_000] * 400, *course(8)[400:-200], *[12_000] * 200]
    one = observed(surge, replicas=2)
    found = chosen(one, to(one, 4), to(one, 6))
    assert found.proposed == 6


def test_a_cooled_strategy_is_not_chosen_until_its_time() -> None:
    one = observed()
    cooled = replace(one, learned=Learned(cooled={"told": NOW + 1}))
    assert (chosen(cooled, to(one, 4)).proposed, chosen(cooled, to(one, 4)).why) == (None, "cooled")
    assert chosen(cooled, to(one, 4), to(one, 5, "other")).proposed == 5
    over = replace(one, learned=Learned(cooled={"told": NOW}))
    assert chosen(over, to(one, 4)).proposed == 4


def test_scores_break_ties() -> None:
    one = replace(observed(), learned=Learned(scores={"a": -1, "b": 2}))
    found = chosen(one, to(one, 4, "a"), to(one, 4, "b"))
    assert (found.strategy, found.proposed) == ("b", 4)
    assert whys(chosen(observed(), to(one, 4, "a"), to(one, 4, "b"))) == ["dearer", "", "as-good"]
    assert [w.score for w in found.alternatives] == [0, -1, 2]


@pytest.mark.parametrize("kept", [1440 * 9 // 10, 720])
def test_with_a_gap_in_the_day_nothing_is_taken_away(kept: int) -> None:
    one = observed([*[None] * (1440 - kept), *STEADY[-kept:]])
    found = chosen(one, to(one, 4))
    assert (found.proposed, found.why) == (None, "short-history")


def test_a_surge_of_ten_minutes_is_enough_to_raise() -> None:
    one = observed([*STEADY[:-10], *[12_000] * 10], replicas=4)
    assert chosen(one, to(one, 8)).proposed == 8
    assert chosen(observed(replicas=4), to(one, 8)).proposed is None


def test_an_event_raises_and_forbids_to_lower() -> None:
    one = observed(replicas=8, events=(Floor("sale", 300),))
    assert chosen(one, to(one, 4)).proposed is None
    assert chosen(one, to(one, 12)).proposed == 12


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ready": None}, "no history of ready pods"),
        ({"pods": [pod(0)]}, "start-up is assumed, not seen"),
        (
            {"offered": series([5_000 if minute < 7 * 1440 else 1_000 for minute in range(8 * 1440)])},
            "utilisation error",
        ),
    ],
)
def test_an_uncalibrated_twin_only_recommends_and_says_why(change: dict[str, Any], said: str) -> None:
    one = observed(**change)
    found = chosen(one, to(one, 4))
    assert found.proposed == 4
    assert found.hold.startswith("the twin is uncalibrated: ")
    assert said in found.hold


def test_what_its_strategy_would_not_do_alone_waits() -> None:
    one = observed()
    assert "wants a person" in chosen(one, to(one, 4, needs_approval_hint=True)).hold


def test_several_at_once_are_each_its_own() -> None:
    ones = [observed(), observed(replicas=3)]
    keep = Candidate("keep", None, "kept-as-is")
    found = chosen_by(LeastCost(20_000), ones, [[keep, to(ones[0], 4)], [keep, to(ones[1], 5)]])
    assert [p.proposed for p in found] == [4, 5]


def test_nothing_is_rehearsed_where_a_pod_requests_nothing() -> None:
    bare = workload("web", 8, containers=())
    one = observed(workload=bare)
    found = chosen(one, to(one, 4))
    assert (found.proposed, found.why) == (None, "not-rehearsed")


def memory(one: Observed, limit: int, **more: Any) -> Candidate:
    """As the strategy of memory has it: nothing that the twin plays."""
    args = {"workload": str(one.workload.target), "memory_limit": str(limit)}
    move = Move("memoryLimit", "memory_limit", 100, limit)
    change = Change("set_resources", checked(SetResourcesArgs, args), (move,))
    return Candidate("memory", change, "memory-too-small", "because", **more)


def test_memory_that_is_needed_is_given_before_anything_is_saved() -> None:
    one = observed()
    found = chosen(one, to(one, 4), memory(one, 200))
    assert (found.strategy, found.hold) == ("memory", "")
    assert chosen(one, memory(one, 200)).strategy == "memory"
    assert "wants a person" in chosen(one, memory(one, 50, needs_approval_hint=True)).hold


def test_too_few_pods_are_raised_before_memory() -> None:
    one = observed(replicas=3)
    assert chosen(one, to(one, 5), memory(one, 200)).proposed == 5


def test_what_is_nearly_as_cheap_is_a_tie() -> None:
    """At 50 pods one is 2 % of the cost; the ties are whole proposals, with what they expect."""
    one = observed(replicas=80)
    found = chosen(one, to(one, 50, "a"), to(one, 51, "b"), to(one, 52, "c"), to(one, 50, "d"))
    assert [(tie.strategy, tie.proposed) for tie in found.ties] == [("b", 51), ("d", 50)]
    assert found.strategy == "a"
    tie = found.ties[0]
    assert whys(tie) == ["dearer", "near-tie", "", "dearer", "not-worth-it"]
    assert tie.expects is not None
    assert tie.expects["cost_after_mch"] == 51 * 24_000
    assert (tie.ties, tie.hold) == ((), "")


def test_35_what_may_not_be_chosen_is_no_tie() -> None:
    """Cooled, of a lower score, wanting a person, above the risk, memory; nor what saves too little, or nothing."""
    one = replace(observed(replicas=52), learned=Learned(cooled={"cooled": NOW + 1}, scores={"worse": -1}))
    asks = to(one, 50, "asks", needs_approval_hint=True)
    found = chosen(one, to(one, 50), to(one, 50, "cooled"), to(one, 50, "worse"), asks, to(one, 51))
    assert (found.strategy, found.proposed, found.ties) == ("told", 50, ())
    assert chosen(one, asks, to(one, 50)).ties == (), "what is only recommended is no question"
    assert chosen(one, to(one, 50), memory(one, 50)).ties == ()
    low = observed(replicas=6)
    assert chosen(low, to(low, 5), to(low, 3, "risky")).ties == ()
    kept = observed(replicas=4)
    assert (chosen(kept, to(kept, 4)).change, chosen(kept, to(kept, 4)).ties) == (None, ())
    held = observed(replicas=80, ready=None)
    assert (chosen(held, to(held, 50), to(held, 51)).ties) == ()
    surge = [*[6_000] * 400, *course(8)[400:-200], *[12_000] * 200]
    short = observed(surge, replicas=2)
    assert chosen(short, to(short, 6), to(short, 6, "other")).ties == (), "nothing is within the risk"
