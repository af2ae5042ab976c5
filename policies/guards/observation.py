"""The observation must be of this object, fresh, and with valid numbers; else the request cannot be judged."""

from policies.checks import SCALE_TO_ZERO
from policies.inputs import DecisionInput, Refusal
from policies.types import Delta

MAX_AGE_MS = 60_000
MAX_AHEAD_MS = 5_000
_MAX = 2**53 - 1


def observation(case: DecisionInput) -> Refusal | None:
    """Refuses another object's view, a stale one, one from the future, and numbers that are none."""
    seen, request = case.seen, case.request
    if seen.target != request.target:
        return Refusal("observation", None, f"what was read is {seen.target}, not {request.target}")
    age = case.now_ms - seen.at_ms
    if not -MAX_AHEAD_MS <= age <= MAX_AGE_MS:
        return Refusal("observation", None, f"what was read is {age} ms old: read it again")
    info = case.snapshot.catalogue.get(request.action)
    if info is None or info.access != "write":
        return Refusal("observation", None, f"{request.action} is not a writing action of this policy")
    if info.dimensions and not seen.deltas:
        return Refusal("observation", None, f"the numbers that {request.action} moves are unknown")
    for delta in seen.deltas:
        if delta.dimension not in info.dimensions or not _sound(delta):
            return Refusal(
                "observation", None, f"{delta.dimension} is not a number that {request.action} moves"
            )
        if delta.dimension == "replicas" and delta.after == 0 and request.action != SCALE_TO_ZERO:
            return Refusal("observation", None, f"0 replicas is an action of its own: {SCALE_TO_ZERO}")
    return None


def _sound(delta: Delta) -> bool:
    """Whether both numbers are integers (never a bool, a float or NaN) or not set."""
    return _whole(delta.before) and _whole(delta.after)


def _whole(number: object) -> bool:
    return number is None or (type(number) is int and 0 <= number <= _MAX)
