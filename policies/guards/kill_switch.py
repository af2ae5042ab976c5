"""The kill switch is on: odd counters mean stopped (per agent, per cluster, all)."""

from policies.claim_keys import STOP
from policies.inputs import Refusal, ScreenInput
from policies.types import Claim, Request


def keys(request: Request) -> tuple[str, ...]:
    """The log's counters that concern this request."""
    return keys_of(request.principal.agent, request.target.cluster)


def keys_of(agent: str | None, cluster: str) -> tuple[str, ...]:
    """The log's counters that concern an agent in a cluster; a person by hand where it is None."""
    common = (STOP.of("all"), STOP.of(f"cluster/{cluster}"))
    return common if agent is None else (*common, STOP.of(agent))


def kill_switch(ask: ScreenInput) -> Refusal | None:
    """Stops agents altogether, and everybody's writes; a person may go on reading.

    Each counter is claimed as it was seen, so that a stop between decision and commit wins.
    """
    for key in keys(ask.request):
        value = ask.values[key]
        if value & 1 and (ask.writes or ask.request.principal.agent is not None):
            return Refusal("kill_switch", None, f"{STOP.name_in(key)} is stopped")
        ask.claims.append(Claim("equals", key, value))
    return None
