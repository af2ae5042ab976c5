"""How far an agent acts by itself in a namespace of a cluster: observe, recommend, approve, autonomous.

Policy says it, and the log may say less: of an agent that was demoted, or is not promoted yet; one that is retired
acts no more.

A rollback within its deadline goes by policy alone: whoever made it worse puts it back, demoted or retired meanwhile.
The floor of an envelope that is over goes by the lease (policies.lapsed): no level is asked.
"""

from policies.agent_levels import level_of
from policies.claim_keys import LEVEL, RETIRED
from policies.fields import Autonomy
from policies.inputs import DecisionInput, Refusal, ScreenInput
from policies.lapsed import closes
from policies.types import ApprovalNeed, Claim

_EXPIRES_S = 900


def keys(agent: str | None) -> tuple[str, ...]:
    """The log's integers that concern an agent; none for a person by hand."""
    return () if agent is None else (LEVEL.of(agent), RETIRED.of(agent))


def autonomy(ask: ScreenInput) -> Refusal | None:
    """`observe` only reads, `recommend` may rehearse (dry-run) but not act; who is retired does not even read.

    What the log says is claimed as it was seen, so that a demotion between decision and commit wins.
    """
    agent = ask.request.principal.agent
    if agent is None or closes(ask):
        return None
    if not _rolls_back(ask):
        if ask.values[RETIRED.of(agent)]:
            return Refusal("autonomy", agent, f"{agent} is retired: nothing acts under that name")
        ask.claims += [Claim("equals", key, ask.values[key]) for key in keys(agent)]
    level = _level(ask, agent)
    if not ask.writes:
        return None
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
    if agent is None or closes(ask):
        return ()
    spec = ask.snapshot.agents[agent].spec
    present = spec.owner in ("local", ask.request.principal.on_behalf_of)
    if present and _level(ask, agent) != "approve":
        return ()
    return (ApprovalNeed(agent, spec.owner, 1, _EXPIRES_S, True),)


def _level(ask: ScreenInput, agent: str) -> Autonomy:
    spec, target = ask.snapshot.agents[agent].spec, ask.request.target
    if _rolls_back(ask):
        return spec.autonomy_in(target.cluster, target.namespace)
    return level_of(spec, target.cluster, target.namespace, ask.values[LEVEL.of(agent)])


def _rolls_back(ask: ScreenInput) -> bool:
    """Before the read the request's own word is taken; after it, what the path has found true."""
    return ask.situation.rollback if isinstance(ask, DecisionInput) else ask.request.undoes is not None
