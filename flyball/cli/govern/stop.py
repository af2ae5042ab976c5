"""`flyball stop`: the kill switch, for everything, this cluster, or one agent."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.kit.agent_names import agent_key, known_agent
from flyball.cli.kit.options import Options, command
from flyball.exits import UsageError

if TYPE_CHECKING:
    from flyball.place import Place

app = typer.Typer()

Agent = Annotated[str | None, typer.Option("--agent", help="Only this agent, e.g. tuner.")]
Cluster = Annotated[bool, typer.Option("--cluster", help="Only the cluster of the context.")]
Why = Annotated[str, typer.Option("--reason", help="The reason, recorded in the log.")]


@app.command()
@command
def stop(opts: Options, agent: Agent = None, cluster: Cluster = False, reason: Why = "") -> None:
    """Stop all agents and writes (the kill switch). Example: flyball stop --reason "paging storm" """
    from flyball.cli.govern.switch import throw

    place, scope = scope_of(opts, agent, cluster)
    throw(opts, place, scope, reason)


def scope_of(opts: Options, agent: str | None, cluster: bool) -> tuple["Place", str]:
    """Whose switch it is, and the scope that was named. Raises UsageError."""
    from flyball.place import log_place

    if agent and cluster:
        raise UsageError("--agent and --cluster are two scopes", hint="give one of them")
    place = log_place(opts.urgent_settings)
    if agent:
        return place, _known(opts, place, agent)
    if cluster and not place.context:
        raise UsageError("which cluster? the kubeconfig cannot be read", hint="name it: --context NAME")
    return place, f"cluster/{place.context}" if cluster else "all"


def _known(opts: Options, place: "Place", name: str) -> str:
    """An agent that policy does not name is a typing mistake; where no policy loads, any name may be stopped."""
    from flyball.open_log import agents_named

    agents = agents_named(opts.urgent_settings, place)
    return agent_key(name) if agents is None else known_agent(name, agents)
