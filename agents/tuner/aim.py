"""Aiming inside the policy: what the gate would refuse, moved by as little as possible to what it allows.

What is allowed is what the gate said when it was asked; nothing of its limits is known here.
"""

from dataclasses import replace

from agents.tuner.strategy import Proposal
from tools.toolbox.port import Room

DIMENSION = "replicas"


def aimed(found: Proposal, room: Room) -> Proposal:
    """The proposal as it is to be sent, with both figures where they differ.

    It is never moved past where the workload stands, nor past what the strategy wanted. Where no number would help
    (a freeze, no rule at all) it stays: the path says why not.
    """
    asked = found.proposed
    if asked is None:
        return found
    wanted = asked if found.wanted is None else found.wanted
    if found.target.kind == "statefulset" and not room.names_kind:
        return replace(found, proposed=None, wanted=wanted, why="statefulset-not-named")
    ranges = [r for r in room.ranges if r.dimension == DIMENSION]
    if not room.refused or not ranges:
        return found
    nearest = {min(max(asked, r.low), r.high) for r in ranges}
    inside = [n for n in nearest if found.now < n <= asked or asked <= n < found.now]
    if not inside:
        return replace(found, proposed=None, wanted=wanted, why="policy-keeps-it")
    best = min(inside, key=lambda n: abs(n - asked))
    reason = f"{found.reason}; wanted {asked}, policy allows {best} ({room.refused})"
    return replace(found, proposed=best, wanted=wanted, reason=reason)
