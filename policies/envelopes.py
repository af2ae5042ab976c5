"""Envelopes as policy sees them: a range of replicas that an agent leases for a while, and moves in."""

from collections.abc import Iterator
from functools import partial

from policies.bounds import breach_of
from policies.claim_keys import SPENT
from policies.evaluate import principals
from policies.patterns import Labels
from policies.quantities import LEASE
from policies.snapshot import Snapshot, Terms
from policies.types import Delta, Leased, Request, Target
from policies.windows import Window

SET = "set_envelope"
"""The action that leases one; its arguments name the agent that may move in it."""
END = "end_envelope"
"""The action that ends the lease before its time."""
MOVED = ("replicas", "minReplicas")
"""The dimensions of a move: the workload's replicas, or where an HPA keeps those, its floor."""


def moves_of(target: Target) -> Window:
    """The log's integers of how often a workload moved inside envelopes within an hour. A rule's name has no space,
    so that no budget has the same."""
    return Window(SPENT, f"moves inside/{target.key}", 3600)


def terms_of(
    snapshot: Snapshot, request: Request, labels: Labels, leased: Leased, now_ms: int
) -> Terms | None:
    """What the rules that would lease it now say of its moves: the longest cooldown, the fewest moves, the smallest
    step. None where policy would not lease it any more, to the agent or to its human."""
    found = list[Terms]()
    matching = partial(_leasing, snapshot, request.target, labels, _numbers(leased, now_ms))
    for _, subjects in principals(request):
        mine = list(matching(subjects))
        if not mine:
            return None
        found += mine
    steps = [one.max_step for one in found if one.max_step is not None]
    return Terms(
        max(one.cooldown_ms for one in found),
        min(one.moves for one in found),
        min(steps, default=None),
    )


def _numbers(leased: Leased, now_ms: int) -> tuple[Delta, ...]:
    """The lease as it would be asked for now: both ends, and the rest of its time."""
    left = -(-(leased.until_ms - now_ms) // 1000)
    numbers = (("minReplicas", leased.low), ("maxReplicas", leased.high), (LEASE, left))
    return tuple(Delta(dimension, "", number, number) for dimension, number in numbers)


def _leasing(
    snapshot: Snapshot, target: Target, labels: Labels, numbers: tuple[Delta, ...], subjects: tuple[str, ...]
) -> Iterator[Terms]:
    """The terms of each rule that would lease it to these subjects."""
    matches = snapshot.table.matches(subjects, target.cluster, target.path, SET, labels)
    for name in matches.allows if matches.allowed else ():
        rule = snapshot.rules[name]
        if rule.envelope is not None and breach_of(rule.bounds, numbers, closed=True) is None:
            yield rule.envelope
