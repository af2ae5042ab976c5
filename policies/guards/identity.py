"""Who asks: a known agent, and a human who is there; without one only an agent whose schedule policy knows."""

from policies.inputs import Refusal, ScreenInput
from policies.lapsed import closes, unscheduled


def identity(ask: ScreenInput) -> Refusal | None:
    """An agent must be one that policy names, but to put a floor back; a human must be behind every request."""
    principal, agents = ask.request.principal, ask.snapshot.agents
    back = closes(ask)
    if principal.agent is not None and principal.agent not in agents and not back:
        return Refusal("agent", None, f"{principal.agent} is not an agent of this policy")
    if principal.on_behalf_of is None:
        return Refusal("human", None, "no human is behind this request: name the one it acts for")
    if not principal.scheduled:
        return None
    if principal.agent is None:
        return Refusal("schedule", None, "only an agent runs by a schedule")
    if back:
        return None
    why = unscheduled(principal.agent, agents[principal.agent].spec, principal)
    return Refusal("schedule", principal.agent, why) if why else None
