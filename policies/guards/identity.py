"""Who asks: a known agent, and a human who is there; without one only an agent whose schedule policy knows."""

from policies.inputs import Refusal, ScreenInput
from policies.kinds import AgentSpec
from policies.types import LOCAL_GROUP, Principal


def identity(ask: ScreenInput) -> Refusal | None:
    """An agent must be one that policy names; and there must be a human behind every request."""
    principal = ask.request.principal
    if principal.agent is not None and principal.agent not in ask.snapshot.agents:
        return Refusal("agent", None, f"{principal.agent} is not an agent of this policy")
    if principal.on_behalf_of is None:
        return Refusal("human", None, "no human is behind this request: name the one it acts for")
    if not principal.scheduled:
        return None
    if principal.agent is None:
        return Refusal("schedule", None, "only an agent runs by a schedule")
    return _by_schedule(principal.agent, ask.snapshot.agents[principal.agent].spec, principal)


def _by_schedule(agent: str, spec: AgentSpec, principal: Principal) -> Refusal | None:
    """Nobody is there who could say for whom it acts: the policy in force says so, at each request again."""
    if spec.schedule is None:
        return Refusal("schedule", agent, f"{agent} has no schedule in this policy")
    local = LOCAL_GROUP in principal.groups
    if local if spec.owner == "local" else principal.on_behalf_of == spec.owner:
        return None
    return Refusal(
        "schedule", agent, f"{agent} runs for its owner, {spec.owner}, not for {principal.on_behalf_of}"
    )
