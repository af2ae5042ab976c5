"""A clock that has jumped back would end a freeze or a cooldown early, or make an expired approval valid again."""

from policies.claim_keys import CLOCK
from policies.inputs import DecisionInput, Refusal
from policies.types import Claim

TOLERANCE_MS = 10_000
"""How far time may step back between two changes of a cluster (NTP; a commit that waited its turn)."""


def clock(case: DecisionInput) -> Refusal | None:
    """Refuses while the time is behind what the log has seen; the claim holds other processes to the same."""
    name, now = CLOCK.of(case.request.target.cluster), case.now_ms
    last = case.values[name]
    if last - TOLERANCE_MS > now:
        return Refusal(
            "clock", None, f"the clock is {(last - now) // 1000}s behind the last change: set it right"
        )
    # the later of the two, or small steps back could walk the mark back without bound
    case.claims.append(Claim("min_gap", name, max(now, last), -TOLERANCE_MS))
    return None
