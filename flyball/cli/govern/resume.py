"""`flyball resume`: release the kill switch."""

import typer

from flyball.cli.govern.stop import Agent, Cluster, Why, turn
from flyball.cli.kit.options import Options, command

app = typer.Typer()


@app.command()
@command
def resume(opts: Options, agent: Agent = None, cluster: Cluster = False, reason: Why = "") -> None:
    """Resume agents and writes (the kill switch). Example: flyball resume"""
    turn(opts, agent, cluster, reason, throw=False)
