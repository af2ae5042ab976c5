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
GUARDED = "set_guarded_envelope"
"""The same, and another CPU target of its HPA meanwhile: an action of its own, so that a rule must name it."""
LEASES = (SET, GUARDED)
END = "end_envelope"
"""The action that ends the lease before its time."""
MOVED = ("replicas", "minReplicas")
"""The dimensions of a move: the workload's replicas, or where an HPA keeps those, its floor."""
TARGET = "targetPercent"
"""The dimension of the HPA's CPU target, which may be moved along with its floor."""


def moves_of(target: Target) -> Window:
    """The log's integers of how often a workload moved inside envelopes within an hour. A rule's name has no space,
    so that no budget has the same."""
    return Window(SPENT, f"moves inside/{target.key}", 3600)


def terms_of(
    snapshot: Snapshot, request: Request, labels: Labels, leased: Leased, now_ms: int
) -> Terms | None:
    """What the rules that would lease it now say of its moves: the longest cooldown, the fewest moves, the smallest
    step. None where policy would not lease it (any more), to the agent or to its human, with what it puts back."""
    found = list[Terms]()
    action = SET if leased.target is None else GUARDED
    matching = partial(_leasing, snapshot, request.target, labels, action, _numbers(leased, now_ms))
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
    """The lease as it would be asked for now: both ends, the rest of its time, its HPA's target; and what it puts
    back when it is over."""
    left = -(-(leased.until_ms - now_ms) // 1000)
    numbers = [("minReplicas", leased.low), ("maxReplicas", leased.high), (LEASE, left)]
    numbers.append(("minReplicas", leased.floor))
    if leased.guard is not None:
        numbers += [(TARGET, leased.guard), (TARGET, leased.target or 0)]
    return tuple(Delta(dimension, "", number, number) for dimension, number in numbers)


def _leasing(
    snapshot: Snapshot,
    target: Target,
    labels: Labels,
    action: str,
    numbers: tuple[Delta, ...],
    subjects: tuple[str, ...],
) -> Iterator[Terms]:
    """The terms of each rule that would lease it to these subjects."""
    matches = snapshot.table.matches(subjects, target.cluster, target.path, action, labels)
    for name in matches.allows if matches.allowed else ():
        rule = snapshot.rules[name]
        if rule.envelope is not None and breach_of(rule.bounds, numbers, closed=True) is None:
            yield rule.envelope
