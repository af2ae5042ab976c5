"""Aiming inside the policy: what the gate would refuse, moved by as little as possible to what it allows.

What is allowed is what the gate said when it was asked; nothing of its limits is known here.
"""

from agents.tuner.change import Move
from agents.tuner.proposal import Proposal
from policies.types import Headroom
from tools.toolbox.port import Room


def aimed(found: Proposal, room: Room) -> Proposal:
    """The proposal as it is to be sent, with both figures where they differ.

    No number is ever moved past where it stands, nor past what was wanted. What policy refuses whatever the number
    (no rule at all) is kept as it is; what it refuses for now (a freeze, a cooldown) stays: the path says until when.
    """
    change = found.change
    if change is None:
        return found
    if found.target.kind == "statefulset" and not room.names_kind:
        return found.kept("statefulset-not-named", "no rule that allows it says `kinds: [statefulset]`")
    if room.outright:
        return found.kept("policy-keeps-it", room.refused)
    bounded = [move for move in change.moves if _ranges(move, room)]
    if not room.refused or not bounded:
        return found
    nearest = {move.dimension: _nearest(move, _ranges(move, room)) for move in bounded}
    allowed = {dimension: n for dimension, n in nearest.items() if n is not None}
    if len(allowed) < len(nearest):
        return found.kept("policy-keeps-it", f"policy allows no such figure ({room.refused})")
    moved = change.to(allowed)
    return found.said(f"policy allows {moved.text}, not {change.text} ({room.refused})").to(moved)


def _ranges(move: Move, room: Room) -> list[Headroom]:
    return [r for r in room.ranges if r.dimension == move.dimension]


def _nearest(move: Move, ranges: list[Headroom]) -> int | None:
    """The allowed number nearest to what is asked for that is not where it stands, nor on its other side; what is
    not set now has no side."""
    before, after = move.before, move.after
    found = {min(max(after, r.low), r.high) for r in ranges}
    if before is not None:
        found = {n for n in found if before < n <= after or after <= n < before}
    return min(found, key=lambda n: abs(n - after), default=None)
