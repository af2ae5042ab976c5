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
    if found.target.kind == "statefulset" and not room.names_kind:
        return _kept(found, "statefulset-not-named", "no rule that allows it says `kinds: [statefulset]`")
    ranges = [r for r in room.ranges if r.dimension == DIMENSION]
    if not room.refused or not ranges:
        return found
    nearest = {min(max(asked, r.low), r.high) for r in ranges}
    inside = [n for n in nearest if found.now < n <= asked or asked <= n < found.now]
    if not inside:
        return _kept(found, "policy-keeps-it", f"policy allows no such figure ({room.refused})")
    best = min(inside, key=lambda n: abs(n - asked))
    return found.said(f"policy allows {best}, not {asked} ({room.refused})").to(best)


def _kept(found: Proposal, why: str, note: str) -> Proposal:
    return replace(found.said(note).to(None), why=why)
