"""Promotion and retirement: how far an agent may go, raised or ended by the person who owns it.

Nothing here is a tool: no agent and no model reaches it. What is raised is the log's integer, which only ever lowers
what policy allows; policy itself is not touched.
"""

from dataclasses import dataclass

from audit.errors import ClaimLost
from audit.log import Entry
from audit.record import MAX_TEXT, Json
from base.text import storable
from policies.agent_fields import LEVELS
from policies.agent_levels import SHADOW, above, cap_of, stored_as
from policies.claim_keys import LEVEL, RETIRED, ROLLBACKS
from policies.fields import Autonomy
from policies.kinds import Agent, AgentSpec
from policies.types import LOCAL_GROUP, Claim, Principal
from tools.errors import ToolError
from tools.path.context import Context
from tools.path.journal import actor_of
from tools.path.shadow import Shadow, shadow_of


class LevelRefused(ToolError):
    """The agent's level stays as it is."""

    effect = "refused"


@dataclass(frozen=True, slots=True)
class Raise:
    """A promotion that may be asked for: from which level to which, and what was seen of the agent in its shadow
    (None: it has had the level before, or policy asks for none)."""

    agent: Agent
    before: Autonomy
    after: Autonomy
    stored: int
    shadow: Shadow | None


async def proposed(context: Context, name: str, who: Principal, to: Autonomy | None) -> Raise:
    """What a promotion would do, to the next level where none is given. Raises LevelRefused, and LogTampered where
    the log contradicts itself."""
    agent, stored = await _owned(context, name, who)
    before = cap_of(agent.spec, stored)
    after = to or above(before)
    most = _most(agent.spec)
    if LEVELS.index(after) <= LEVELS.index(before):
        what = f"promotion only raises, and the log already lets {name} go as far as `{before}`"
        raise LevelRefused(what, hint=f"what holds it below that is policy: {_look(agent)}")
    if LEVELS.index(after) > LEVELS.index(most):
        raise LevelRefused(
            f"policy lets {name} go no further than `{most}` anywhere",
            hint="what policy allows, its file says",
        )
    return Raise(agent, before, after, stored, await _shadow(context, agent, after))


async def promote(context: Context, asked: Raise, who: Principal, reason: str) -> Entry:
    """Raise the level. Raises LevelRefused where days of its shadow are missing, or somebody has changed its level
    since it was proposed."""
    name, shadow = asked.agent.principal, asked.shadow
    if shadow is not None and shadow.missing_days:
        what = (
            f"{name} was watched on {shadow.days} of {shadow.needed} days: {shadow.missing_days} are missing"
        )
        raise LevelRefused(
            what, hint=f"let it run at `{SHADOW}`: flyball tune run --agent {asked.agent.metadata.name}"
        )
    seen = None if shadow is None else {"shadow": _told(shadow)}
    labels = {"agent": name, "from": str(asked.before), "to": str(asked.after)}
    level = LEVEL.of(name)
    claims = (
        Claim("equals", RETIRED.of(name), 0),
        Claim("equals", level, asked.stored),
        Claim("set", level, stored_as(asked.after)),
        Claim("set", ROLLBACKS.of(name), 0),
    )
    record = context.log.draft(
        "agent.promoted", actor=actor_of(who), reason=_reason(reason), labels=labels, observation=seen
    )
    try:
        (entry,) = await context.log.commit((record,), claims)
    except ClaimLost as e:
        raise LevelRefused(f"the level of {name} was changed meanwhile", hint=_look(asked.agent)) from e
    return entry


async def retire(context: Context, name: str, who: Principal, reason: str) -> Entry:
    """End the agent for good: nothing acts, reads or asks a model under that name again. Rollbacks of its changes go
    on. Raises LevelRefused where it is retired already."""
    await _owned(context, name, who)
    record = context.log.draft(
        "agent.retired", actor=actor_of(who), reason=_reason(reason), labels={"agent": name}
    )
    try:
        (entry,) = await context.log.commit((record,), (Claim("once", RETIRED.of(name)),))
    except ClaimLost as e:
        raise _retired(name) from e
    return entry


def _look(agent: Agent) -> str:
    return f"flyball agent show {agent.metadata.name}"


async def _owned(context: Context, name: str, who: Principal) -> tuple[Agent, int]:
    """The agent of the policy in force and its stored level, where this person, by hand, owns it."""
    await context.journal.checks.switches()
    if who.agent is not None or (why := context.identity.refuses(who)) is not None:
        raise LevelRefused("only a person changes an agent's level, by hand", where=who.agent or why or "")
    agent = (await context.gate()).snapshot.agents.get(name)
    if agent is None:
        raise LevelRefused(f"policy names no `{name}`", hint="flyball agent list")
    owner = agent.spec.owner
    if not (LOCAL_GROUP in who.groups if owner == "local" else who.on_behalf_of == owner):
        raise LevelRefused(
            f"{name} belongs to {owner}, not to {who.on_behalf_of}", hint="its owner changes its level"
        )
    keys = (LEVEL.of(name), RETIRED.of(name))
    level, retired = (await context.log.values(keys)).values()
    if retired:
        raise _retired(name)
    return agent, level


async def _shadow(context: Context, agent: Agent, to: Autonomy) -> Shadow | None:
    rule = agent.spec.promotion
    if rule is None or LEVELS.index(to) <= LEVELS.index(await _highest_had(context, agent.principal)):
        return None
    return await shadow_of(context, agent.principal, rule.shadow)


async def _highest_had(context: Context, name: str) -> Autonomy:
    """The highest level that it ever had, as the records of its promotions and falls say."""
    had: list[Autonomy] = [SHADOW]
    for entry in await context.log.find(kinds=("agent.promoted", "agent.demoted")):
        labels = entry.record.labels or {}
        if labels.get("agent") == name:
            level = labels["to" if entry.record.kind == "agent.promoted" else "from"]
            had += [one for one in LEVELS if one == level]
    return max(had, key=LEVELS.index)


def _most(spec: AgentSpec) -> Autonomy:
    levels = {spec.autonomy} if isinstance(spec.autonomy, str) else set(spec.autonomy.values())
    return max((one for one in LEVELS if one in levels), key=LEVELS.index, default=LEVELS[0])


def _told(shadow: Shadow) -> Json:
    numbers = {name: value for name, value in shadow.document.items() if isinstance(value, int)}
    return {"sha256": shadow.digest, **numbers}


def _retired(name: str) -> LevelRefused:
    return LevelRefused(f"{name} is retired, for good", hint="give a new agent another name in policy")


def _reason(text: str) -> str | None:
    return storable(text, MAX_TEXT) or None
