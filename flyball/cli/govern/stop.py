"""`flyball stop`: the kill switch, for everything, this cluster, or one agent."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, say, tone
from flyball.cli.kit.render import lifting
from flyball.exits import UsageError

if TYPE_CHECKING:
    from flyball.wiring import Switch

app = typer.Typer()

Agent = Annotated[str | None, typer.Option("--agent", help="Only this agent, e.g. tuner.")]
Cluster = Annotated[bool, typer.Option("--cluster", help="Only the cluster of the context.")]
Why = Annotated[str, typer.Option("--reason", help="The reason, recorded in the log.")]


@app.command()
@command
def stop(opts: Options, agent: Agent = None, cluster: Cluster = False, reason: Why = "") -> None:
    """Stop all agents and writes (the kill switch). Example: flyball stop --reason "paging storm" """
    turn(opts, agent, cluster, reason, throw=True)


def turn(opts: Options, agent: str | None, cluster: bool, reason: str, *, throw: bool) -> None:
    """Throw or lift the switch of a scope and say what it is now."""
    if agent and cluster:
        raise UsageError("--agent and --cluster are two scopes", hint="give one of them")

    async def work(switch: "Switch") -> None:
        from tools.path import kill_switch

        scope = f"agent:{agent.removeprefix('agent:')}" if agent else "all"
        if cluster and not switch.place.context:
            raise UsageError("which cluster? the kubeconfig cannot be read", hint="name it: --context NAME")
        scope = f"cluster/{switch.place.context}" if cluster else scope
        known(switch, scope)
        reach = "the sandbox" if switch.place.simulated else "real clusters"
        change = kill_switch.throw if throw else kill_switch.lift
        entry = await change(switch, scope, switch.identity.by_hand(), reason)
        in_flight = await switch.in_flight()
        others = [s.scope for s in await kill_switch.stopped(switch) if s.scope != scope]
        word = "stopped" if throw else "running"
        if opts.json:
            state = {"scope": scope, "state": word, "changed": entry is not None, "in_flight": in_flight}
            document({"kind": "KillSwitch", **state, "record": entry.seq if entry else None})
            return
        shown = tone(word, "bad" if throw else "good") + ("" if entry else " already")
        where = f"{scope} of {reach}" if scope == "all" else scope
        say(f"{shown}  {where}, by {switch.identity.human}; {in_flight} in flight or in doubt")
        for other in others:
            say(f"  stopped too: {other}   {lifting(other)}")
        if entry:
            say(f"  record {entry.seq}")

    opts.switch(work)


def known(switch: "Switch", scope: str) -> None:
    """An agent that policy does not name is a typing mistake; where no policy loads, any name may be stopped."""
    agents = switch.agents() if scope.startswith("agent:") else None
    if agents is not None and scope not in agents:
        raise UsageError(f"policy names no `{scope}`", hint="agents: " + ", ".join(sorted(agents)))
