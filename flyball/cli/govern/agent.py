"""`flyball agent list|show|suspend|resume|promote|retire`: the agents that policy names."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.govern import agent_level
from flyball.cli.govern.stop import Why, scope_of
from flyball.cli.kit.agent_names import known_agent
from flyball.cli.kit.away import as_json
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, say, table

if TYPE_CHECKING:
    from flyball.wiring import App

app = typer.Typer(
    help="List, show, suspend, resume, promote and retire agents. Example: flyball agent list",
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(help="The agent, e.g. tuner.")]
app.command()(agent_level.promote)
app.command()(agent_level.retire)


@app.command("list")
@command
def list_(opts: Options) -> None:
    """List the agents that policy names. Example: flyball agent list"""

    async def work(app: "App") -> None:
        off, said = await _suspended(app), await _said(app)
        found = [_facts(app, agent, off, said) for agent in (await _agents(app)).values()]
        if opts.json:
            document({"kind": "Agents", **as_json(app), "items": found})
            return
        titles = ("NAME", "OWNER", "AUTONOMY", "ROLES", "STATE")
        for line in table(
            titles, [(a["name"], a["owner"], a["autonomy"], ",".join(a["roles"]), a["state"]) for a in found]
        ):
            say(line)

    opts.run(work, for_log=True)


@app.command()
@command
def show(opts: Options, name: Name) -> None:
    """Show one agent and what it did last. Example: flyball agent show tuner"""

    async def work(app: "App") -> None:
        agents = await _agents(app)
        key = known_agent(name, agents)
        facts = _facts(app, agents[key], await _suspended(app), await _said(app))
        newest = await app.log.find(kinds=("action.intent", "policy.decision"), newest_first=True, limit=500)
        acts = [e for e in newest if e.record.actor.id == key][:5]
        last = [
            {"record": e.seq, "at": e.record.world_ts or e.record.ts, "kind": e.record.kind} for e in acts
        ]
        if opts.json:
            document({"kind": "Agent", **as_json(app), **facts, "last": last})
            return
        for field, value in facts.items():
            say(f"{field + ':':<10} {', '.join(value) if isinstance(value, list) else value}")
        for one in last:
            say(f"last:      record {one['record']}  {one['kind']}  {one['at']}")

    opts.run(work, for_log=True)


@app.command()
@command
def suspend(opts: Options, name: Name, reason: Why = "") -> None:
    """Suspend one agent (its kill switch). Example: flyball agent suspend tuner"""
    from flyball.cli.govern.switch import throw

    place, scope = scope_of(opts, name, cluster=False)
    throw(opts, place, scope, reason)


@app.command()
@command
def resume(opts: Options, name: Name, reason: Why = "") -> None:
    """Resume a suspended agent. Example: flyball agent resume tuner"""
    from flyball.cli.govern.switch import lift

    _, scope = scope_of(opts, name, cluster=False)
    lift(opts, scope, reason)


async def _agents(app: "App") -> dict[str, Any]:
    return dict((await app.context.gate()).snapshot.agents)


async def _suspended(app: "App") -> set[str]:
    from tools.path.kill_switch import stopped

    return {s.scope for s in await stopped(app.context)}


async def _said(app: "App") -> dict[str, int]:
    """What the log says of agents: their levels, and which are retired."""
    from policies.claim_keys import LEVEL, RETIRED

    return await app.log.prefixed(LEVEL.prefix) | await app.log.prefixed(RETIRED.prefix)


def _facts(app: "App", agent: Any, off: set[str], said: dict[str, int]) -> dict[str, Any]:
    from policies.agent_levels import level_of
    from policies.claim_keys import LEVEL, RETIRED

    spec, where = agent.spec, (app.place.context, app.place.namespace)
    state = "suspended" if agent.principal in off or "all" in off else "active"
    return {
        "name": agent.metadata.name,
        "owner": spec.owner,
        "autonomy": level_of(spec, *where, said.get(LEVEL.of(agent.principal), 0)),
        "allowed": spec.autonomy_in(*where),
        "roles": list(spec.roles),
        "model": spec.model or "-",
        "schedule": f"{spec.schedule.cron} {spec.schedule.zone}" if spec.schedule else "-",
        "state": "retired" if said.get(RETIRED.of(agent.principal)) else state,
    }
