"""Direction: a number that was raised is not lowered soon after, and the other way round (the sawtooth)."""

from collections.abc import Iterator

from base.instants import next_second, utc_text
from policies.claim_keys import MOVED
from policies.inputs import DecisionInput, Refusal
from policies.snapshot import Snapshot
from policies.types import Claim, Delta, Request

_OPPOSITE = {"up": "down", "down": "up"}


def flip(case: DecisionInput) -> Refusal | None:
    """Refuses within the longest `flip` of the fitting rules since anybody moved the same number the other way.

    A rollback is exempt. Where any rule of the policy has a `flip`, each move is noted, whoever makes it. What was
    noted of this workload can only move with the integer of its last change, which is claimed.
    """
    if "flip" not in case.snapshot.uses:
        return None
    gap, rule = (0, None) if case.situation.rollback else _longest(case)
    for dimension, way in dict.fromkeys(moves(case.seen.deltas)):
        last = case.values[_key(case.request, dimension, _OPPOSITE[way])]
        if last and case.now_ms - last < gap:
            other = "lowered" if way == "up" else "raised"
            why = f"{dimension} was {other} {(case.now_ms - last) // 1000}s ago"
            free = next_second(last + gap)
            return Refusal(
                "flip", rule, f"{why}: it goes the other way from {utc_text(free)} on", retry_ms=free
            )
        mine = _key(case.request, dimension, way)
        case.claims.append(Claim("set", mine, max(case.now_ms, case.values[mine])))
    return None


def keys(snapshot: Snapshot, request: Request, _: int) -> Iterator[str]:
    """When each number that the action can move was last moved, up and down."""
    info = snapshot.catalogue.get(request.action)
    if "flip" in snapshot.uses and info is not None:
        for dimension in info.dimensions:
            yield from (_key(request, dimension, way) for way in _OPPOSITE)


def moves(deltas: tuple[Delta, ...]) -> Iterator[tuple[str, str]]:
    """Each dimension with the way that it goes; several containers may go both. What was not set counts as none."""
    for delta in deltas:
        step = (delta.after or 0) - (delta.before or 0)
        if step:
            yield delta.dimension, "up" if step > 0 else "down"


def way_of(key: str) -> str:
    """Which way one of the keys above is about."""
    return MOVED.name_in(key).partition("/")[0]


def _key(request: Request, dimension: str, way: str) -> str:
    return MOVED.of(f"{way}/{dimension}/{request.target.key}")


def _longest(case: DecisionInput) -> tuple[int, str | None]:
    rules = [rule for found in case.evaluations for rule in found.fitting]
    longest = max(rules, key=lambda rule: rule.flip_ms)
    return longest.flip_ms, longest.name
