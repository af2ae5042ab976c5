"""How far an agent acts by itself in a namespace of a cluster: observe, recommend, approve, autonomous."""

from policies.fields import Autonomy
from policies.inputs import Refusal, ScreenInput
from policies.types import ApprovalNeed

_EXPIRES_S = 900


def autonomy(ask: ScreenInput) -> Refusal | None:
    """`observe` only reads, `recommend` may rehearse (dry-run) but not act."""
    agent = ask.request.principal.agent
    if agent is None or not ask.writes:
        return None
    level = _level(ask, agent)
    if level == "observe":
        at = ask.request.target
        return Refusal(
            "autonomy", agent, f"{agent} only observes in {at.cluster}/{at.namespace or ''}".rstrip("/")
        )
    if level == "recommend" and ask.request.mode == "live":
        return Refusal("autonomy", agent, f"{agent} only recommends: it may dry-run, a person acts")
    return None


def owner_approval(ask: ScreenInput) -> tuple[ApprovalNeed, ...]:
    """At level `approve`, each write needs the yes of the agent's owner; at any level where the owner is a person
    who is absent: who runs somebody else's agent does not let it act by itself."""
    agent = ask.request.principal.agent
    if agent is None:
        return ()
    spec = ask.snapshot.agents[agent].spec
    present = spec.owner in ("local", ask.request.principal.on_behalf_of)
    if present and _level(ask, agent) != "approve":
        return ()
    return (ApprovalNeed(agent, spec.owner, 1, _EXPIRES_S, True),)


def _level(ask: ScreenInput, agent: str) -> Autonomy:
    target = ask.request.target
    return ask.snapshot.agents[agent].spec.autonomy_in(target.cluster, target.namespace)
