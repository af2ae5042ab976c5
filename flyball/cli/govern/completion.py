"""`flyball completion SHELL`: the shell function that completes commands, options and names."""

from typing import Annotated, Literal

import typer

from flyball.cli.kit.output import say

app = typer.Typer()

Shell = Annotated[Literal["bash", "zsh", "fish"], typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]


@app.command()
def completion(shell: Shell) -> None:
    """Print the completion for a shell, to be sourced. Example: flyball completion bash"""
    from flyball.cli.kit.completion import script

    say(script(shell))
