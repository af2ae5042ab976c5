"""May an agent's model be asked now? Pure. A model that is not asked costs nothing and proposes nothing."""

from collections.abc import Mapping

from policies.claim_keys import RETIRED, STOP
from policies.guards.kill_switch import keys_of
from policies.snapshot import Snapshot
from policies.types import Principal


def asking_keys(who: Principal, cluster: str) -> tuple[str, ...]:
    """The log's integers that `asking_refused` wants in `values`."""
    return (*keys_of(who.agent, cluster), *(() if who.agent is None else (RETIRED.of(who.agent),)))


def asking_refused(
    snapshot: Snapshot, who: Principal, cluster: str, model: str, values: Mapping[str, int]
) -> str | None:
    """Why `model` may not be asked for this agent: it is none of this policy, it is retired or stopped, or policy
    names another model (`Agent.spec.model`). None where it may."""
    known = snapshot.agents.get(who.agent or "")
    if known is None or who.agent is None:
        return f"{who.agent or 'nobody'} is not an agent of this policy"
    if values[RETIRED.of(who.agent)]:
        return f"{who.agent} is retired: nothing acts under that name"
    for key in keys_of(who.agent, cluster):
        if values[key] & 1:
            return f"{STOP.name_in(key)} is stopped; `flyball resume` lifts it"
    if known.spec.model not in (None, model):
        return f"policy lets {who.agent} ask `{known.spec.model}` only, not `{model}`"
    return None
