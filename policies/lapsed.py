"""Which leases are over, and what then gives the right to put their floor back: the lease itself.

Who leased a range named its floor with it, and policy let that pass. So the floor is put back also where the agent
was taken out of policy since, is retired or lowered, or its person has no rights any more: policy has become silent
there. Whatever says no still does: a deny, limits, a ceiling, a freeze, a budget, the kill switch, another owner.
"""

from collections.abc import Mapping

from policies.agent_levels import level_of
from policies.claim_keys import LEVEL, RETIRED
from policies.envelopes import terms_of
from policies.inputs import DecisionInput, ScreenInput
from policies.kinds import AgentSpec
from policies.patterns import Labels
from policies.snapshot import Snapshot
from policies.types import LOCAL_GROUP, Leased, Principal, Request

_HANDS_OFF = ("observe", "recommend")
"""The levels at which an agent changes nothing."""


def unscheduled(agent: str, spec: AgentSpec, principal: Principal) -> str:
    """Why the agent does not run for this person by itself; empty where it does. Nobody is there who could say for
    whom it acts: the policy in force says so, at each request again."""
    if spec.schedule is None:
        return f"{agent} has no schedule in this policy"
    local = LOCAL_GROUP in principal.groups
    if local if spec.owner == "local" else principal.on_behalf_of == spec.owner:
        return ""
    return f"{agent} runs for its owner, {spec.owner}, not for {principal.on_behalf_of}"


def lapsed(
    snapshot: Snapshot,
    request: Request,
    labels: Labels,
    leased: Leased,
    now_ms: int,
    values: Mapping[str, int],
) -> str:
    """Why nothing may move in the envelope any more; empty where something may."""
    if leased.over(now_ms):
        return leased.ended or "its time is over"
    principal, name = request.principal, request.principal.agent or ""
    agent = snapshot.agents.get(name)
    if agent is None:
        return f"{name} is not an agent of this policy any more"
    if values[RETIRED.of(name)]:
        return f"{name} is retired"
    level = level_of(agent.spec, request.target.cluster, request.target.namespace, values[LEVEL.of(name)])
    if level in _HANDS_OFF:
        return f"{name} may only {level} there"
    if principal.scheduled and (why := unscheduled(name, agent.spec, principal)):
        return why
    if terms_of(snapshot, request, labels, leased, now_ms) is None:
        return "policy would not lease this envelope any more"
    return ""


def over(case: DecisionInput) -> str:
    """Why the envelope that the request names is over; empty where it is not, or there is none."""
    leased = case.situation.leased
    if leased is None:
        return ""
    return lapsed(case.snapshot, case.request, case.labels, leased, case.now_ms, case.values)


def closes(ask: ScreenInput) -> bool:
    """Whether the request closes an envelope that is over: its guard lets nothing through but the floor, once. Before
    the read the request's own word is taken; after it, what the path has found true."""
    return bool(over(ask)) if isinstance(ask, DecisionInput) else ask.request.under is not None


def needs_no_rule(ask: ScreenInput) -> bool:
    """Whether the lease is right enough, where no rule speaks: for a floor within the range that policy let pass."""
    if not isinstance(ask, DecisionInput):
        return closes(ask)
    leased = ask.situation.leased
    return leased is not None and leased.floor <= leased.most and closes(ask)
