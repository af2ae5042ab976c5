"""Budgets: how many changes, and how much of a number in all, within any hour or day."""

from collections.abc import Iterator

from base.instants import utc_text
from policies.budgets import CHANGES, Budget
from policies.evaluate import by_names, principals
from policies.inputs import DecisionInput, Refusal
from policies.patterns import UNSEEN
from policies.quantities import shown
from policies.snapshot import Snapshot
from policies.types import Request

_SPANS = {3600: "an hour", 86_400: "a day"}


def budget(case: DecisionInput) -> Refusal | None:
    """Every budget of every fitting rule binds, and those of the agent's own document.

    What moves nothing spends nothing; a rollback is exempt. What is spent is claimed, so that two processes at once
    never spend more; a write that is known never to have happened gives it back.
    """
    if "budget" not in case.snapshot.uses or case.situation.rollback or not case.seen.moves:
        return None
    return next((no for one in binding(case) if (no := _spend(case, one)) is not None), None)


def keys(snapshot: Snapshot, request: Request, now_ms: int) -> Iterator[str]:
    """The log's integers of every budget that may bind."""
    for one in candidates(snapshot, request):
        yield from one.window(request).keys(now_ms)


def candidates(snapshot: Snapshot, request: Request) -> Iterator[Budget]:
    """Every budget that may bind as far as names tell, each once."""
    if "budget" in snapshot.uses:
        yield from dict.fromkeys((*_of_agent(snapshot, request), *_of_rules(snapshot, request)))


def binding(case: DecisionInput) -> Iterator[Budget]:
    """Those that bind this change, each once."""
    fitting = (one for found in case.evaluations for rule in found.fitting for one in rule.budgets)
    yield from dict.fromkeys((*_of_agent(case.snapshot, case.request), *fitting))


def left_of(case: DecisionInput, one: Budget) -> int:
    """How much of it is left now."""
    return max(0, one.limit - one.window(case.request).spent(case.values, case.now_ms))


def said(case: DecisionInput, one: Budget) -> str:
    """`4 of 6 changes an hour left (web, by workload)`."""
    return f"{_amount(left_of(case, one), one)} of {_named(one)} left"


def _of_rules(snapshot: Snapshot, request: Request) -> Iterator[Budget]:
    for _, subjects in principals(request):
        for name in by_names(snapshot, request, subjects, UNSEEN).allows:
            yield from snapshot.rules[name].budgets


def _of_agent(snapshot: Snapshot, request: Request) -> tuple[Budget, ...]:
    return snapshot.agent_budgets.get(request.principal.agent or "", ())


def _spend(case: DecisionInput, one: Budget) -> Refusal | None:
    cost = one.cost(case.seen.deltas)
    if not cost:
        return None
    window = one.window(case.request)
    if cost > one.limit:
        return Refusal("budget", one.rule, f"it takes {_amount(cost, one)}, more than all of {_named(one)}")
    if window.spent(case.values, case.now_ms) + cost > one.limit:
        at = window.room_ms(case.values, case.now_ms, one.limit - cost)
        why = f"it takes {_amount(cost, one)}, and {said(case, one)}; there is room again at {utc_text(at)}"
        return Refusal("budget", one.rule, why, retry_ms=at)
    case.claims += window.spend(case.values, case.now_ms, cost, one.limit)
    return None


def _amount(amount: int, one: Budget) -> str:
    if one.counted != CHANGES:
        return f"{one.counted} {shown(amount, one.counted)}"
    return f"{amount} change" if amount == 1 else f"{amount} changes"


def _named(one: Budget) -> str:
    return f"{shown(one.limit, one.counted)} {_SPANS[one.length_s]} ({one.rule}, by {one.per})"
