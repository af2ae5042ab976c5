"""`flyball resume`: lift the kill switch."""

import typer

from flyball.cli.options import Options, command
from flyball.cli.stop import Agent, Cluster, Why, turn

app = typer.Typer()


@app.command()
@command
def resume(opts: Options, agent: Agent = None, cluster: Cluster = False, reason: Why = "") -> None:
    """Lift the kill switch. Example: flyball resume"""
    turn(opts, agent, cluster, reason, throw=False)
