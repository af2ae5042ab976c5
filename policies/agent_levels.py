"""How far an agent may act: by policy at most, and by what the log says of it, whichever is lower. Pure.

The log holds an integer for each agent (LEVEL of claim_keys). A demotion or a promotion sets it; until then an agent
whose document asks for a `promotion` is in its shadow: it recommends, and nothing more.
"""

from policies.agent_fields import LEVELS
from policies.fields import Autonomy
from policies.kinds import AgentSpec

SHADOW: Autonomy = "recommend"
"""What an agent does that policy wants watched before it acts."""


def level_of(spec: AgentSpec, cluster: str, namespace: str | None, stored: int) -> Autonomy:
    """The level that holds in a namespace of a cluster, where the log's integer is `stored`."""
    by_policy, at_most = spec.autonomy_in(cluster, namespace), cap_of(spec, stored)
    return by_policy if at_most == LEVELS[-1] else min(by_policy, at_most, key=LEVELS.index)


def cap_of(spec: AgentSpec, stored: int) -> Autonomy:
    """How far it may act at most, whatever policy allows. An integer that means no level is the lowest."""
    if stored == 0:
        return LEVELS[-1] if spec.promotion is None else SHADOW
    return LEVELS[stored - 1] if 0 < stored <= len(LEVELS) else LEVELS[0]


def stored_as(level: Autonomy) -> int:
    """The level as the log's integer."""
    return LEVELS.index(level) + 1


def below(level: Autonomy) -> Autonomy:
    """One level lower; the lowest stays."""
    return LEVELS[max(0, LEVELS.index(level) - 1)]


def above(level: Autonomy) -> Autonomy:
    """One level higher; the highest stays."""
    return LEVELS[min(len(LEVELS) - 1, LEVELS.index(level) + 1)]
