"""Demotion: an agent whose changes made things worse too often falls one level, in the commit of the rollback."""

from dataclasses import dataclass

from audit.record import Actor, Record
from policies.agent_levels import below, level_of, stored_as
from policies.claim_keys import LEVEL, ROLLBACKS, ROLLED_BACK
from policies.fields import Autonomy
from policies.kinds import AgentSpec
from policies.types import Claim
from tools.path.context import Context


@dataclass(frozen=True, slots=True)
class Counted:
    """What the commit of a rollback says of the agent: its count, and where that is its fall, the record of it."""

    claims: tuple[Claim, ...] = ()
    demoted: Record | None = None

    @property
    def records(self) -> tuple[Record, ...]:
        """The record of the fall, where there is one."""
        return () if self.demoted is None else (self.demoted,)


async def counted(context: Context, intent: Record, actor: Actor) -> Counted:
    """One more rollback of the agent that made the change; nothing where a person made it.

    It falls by the policy in force: where that many rollbacks lie within its `demotion.within`, counted since its
    level was last changed, its level sinks by one, in every cluster and namespace.
    """
    agent, now = intent.actor.id, context.now_ms()
    if intent.actor.type != "agent":
        return Counted()
    count, level = ROLLBACKS.of(agent), LEVEL.of(agent)
    values = await context.log.values((count, level))
    number = values[count] + 1
    told = (Claim("equals", count, number - 1), Claim("set", ROLLED_BACK.of(f"{agent}/{number}"), now))
    first_ms = await _first_of_too_many(context, agent, number, now)
    fallen = await _fallen(context, intent, values[level]) if first_ms is not None else None
    if fallen is None:
        return Counted((*told, Claim("set", count, number)))
    claims = (Claim("equals", level, values[level]), Claim("set", level, stored_as(fallen[1])))
    seen = {"rollbacks": number, "first_ms": first_ms, "at_ms": now}
    labels = {"agent": agent, "from": fallen[0], "to": fallen[1]}
    record = context.journal.afterwards("agent.demoted", intent, seen, labels, actor)
    return Counted((*told, Claim("set", count, 0), *claims), record)


async def _spec(context: Context, agent: str) -> AgentSpec | None:
    found = (await context.gate()).snapshot.agents.get(agent)
    return found.spec if found else None


async def _first_of_too_many(context: Context, agent: str, number: int, now_ms: int) -> int | None:
    """When the first of as many rollbacks as are too many was; None where they are not yet, or lie too far apart."""
    spec = await _spec(context, agent)
    if spec is None or spec.demotion is None or number < spec.demotion.rollbacks:
        return None
    at = ROLLED_BACK.of(f"{agent}/{number - spec.demotion.rollbacks + 1}")
    first_ms = now_ms if spec.demotion.rollbacks == 1 else (await context.log.values((at,)))[at]
    return first_ms if now_ms - first_ms <= spec.demotion.within * 1000 else None


async def _fallen(context: Context, intent: Record, at: int) -> tuple[Autonomy, Autonomy] | None:
    """From which level to which it falls where the change was made; None where there is none below."""
    spec, where = await _spec(context, intent.actor.id), intent.resource
    if spec is None or where is None:
        return None
    level = level_of(spec, where.cluster, where.namespace, at)
    lower = below(level)
    return None if lower == level else (level, lower)
