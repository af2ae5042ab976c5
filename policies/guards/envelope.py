"""A leased range: who may ask for it, and which one is in force on a workload.

The log's integer (claim_keys.ENVELOPE) names the request that leased the newest one or ended it. It is set in the
commit of the intent, so that of two leases one wins, and what moves by an older one loses its claim.
"""

from policies.claim_keys import ENVELOPE, first_bits
from policies.envelopes import END, SET
from policies.inputs import DecisionInput, Refusal
from policies.types import Claim, Request


def keys(request: Request) -> tuple[str, ...]:
    """The log's integers that concern this request."""
    leases = request.action in (SET, END) or request.under is not None
    return (ENVELOPE.of(request.target.key),) if leases else ()


def envelope(case: DecisionInput) -> Refusal | None:
    """An agent leases for itself only, and a person for an agent that policy names."""
    request = case.request
    if request.action not in (SET, END):
        return None
    asks, mover = request.principal.agent, request.args.get("agent")
    if asks not in (None, mover):
        return Refusal("envelope", None, f"{asks} leases for itself only, not for {mover}")
    if request.action == SET and mover not in case.snapshot.agents:
        return Refusal("envelope", None, f"{mover} is not an agent of this policy: nobody could move in it")
    (key,) = keys(request)
    case.claims += [Claim("equals", key, case.values[key]), Claim("set", key, first_bits(request.digest))]
    return None
