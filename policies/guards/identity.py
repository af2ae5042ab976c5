"""Who asks: a known agent, and a human who is there."""

from policies.inputs import Refusal, ScreenInput


def identity(ask: ScreenInput) -> Refusal | None:
    """An agent must be one that policy names; and there must be a human behind every request."""
    principal = ask.request.principal
    if principal.agent is not None and principal.agent not in ask.snapshot.agents:
        return Refusal("agent", None, f"{principal.agent} is not an agent of this policy")
    if principal.on_behalf_of is None:
        return Refusal("human", None, "no human is behind this request: name the one it acts for")
    return None
