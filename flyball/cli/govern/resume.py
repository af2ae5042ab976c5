"""`flyball resume`: release the kill switch."""

import typer

from flyball.cli.govern.stop import Agent, Cluster, Why, scope_of
from flyball.cli.kit.options import Options, command

app = typer.Typer()


@app.command()
@command
def resume(opts: Options, agent: Agent = None, cluster: Cluster = False, reason: Why = "") -> None:
    """Resume agents and writes (the kill switch). Example: flyball resume"""
    from flyball.cli.govern.switch import lift

    _, scope = scope_of(opts, agent, cluster)
    lift(opts, scope, reason)
