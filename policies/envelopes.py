"""Envelopes as policy sees them: a range of replicas that an agent leases for a while, and moves in."""

from collections.abc import Iterator

from policies.bounds import breach_of
from policies.evaluate import principals
from policies.inputs import DecisionInput
from policies.quantities import LEASE
from policies.snapshot import Terms
from policies.types import Delta, Leased

SET = "set_envelope"
"""The action that leases one; its arguments name the agent that may move in it."""
END = "end_envelope"
"""The action that ends the lease before its time."""
MOVED = ("replicas", "minReplicas")
"""The dimensions of a move: the workload's replicas, or where an HPA keeps those, its floor."""


def terms_of(case: DecisionInput, leased: Leased) -> Terms | None:
    """What the rules that would lease it now say of its moves: the longest cooldown, the fewest moves, the smallest
    step. None where policy would not lease it any more, to the agent or to its human."""
    found = list[Terms]()
    for _, subjects in principals(case.request):
        mine = list(_leasing(case, subjects, leased))
        if not mine:
            return None
        found += mine
    steps = [one.max_step for one in found if one.max_step is not None]
    return Terms(
        max(one.cooldown_ms for one in found),
        min(one.moves for one in found),
        min(steps, default=None),
    )


def _leasing(case: DecisionInput, subjects: tuple[str, ...], leased: Leased) -> Iterator[Terms]:
    """The terms of each rule within whose bounds the range lies for the rest of its time."""
    target, left = case.request.target, -(-(leased.until_ms - case.now_ms) // 1000)
    matches = case.snapshot.table.matches(subjects, target.cluster, target.path, SET, case.labels)
    numbers = (("minReplicas", leased.low), ("maxReplicas", leased.high), (LEASE, left))
    deltas = tuple(Delta(dimension, "", number, number) for dimension, number in numbers)
    for name in matches.allows if matches.allowed else ():
        rule = case.snapshot.rules[name]
        if rule.envelope is not None and breach_of(rule.bounds, deltas, closed=True) is None:
            yield rule.envelope
