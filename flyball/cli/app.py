"""The root of the command line. Each command is one line here and one module, imported when it is called."""

from typing import Any

import typer

from flyball.cli.kit.argv import normalize_argv
from flyball.cli.kit.tree import Group, loaded

COMMANDS: dict[str, tuple[str, str]] = {
    "status": (
        "flyball.cli.look.status",
        "Show context, kill switch, what waits, what is in doubt, the log.",
    ),
    "get": ("flyball.cli.look.get", "List workloads with CPU, memory, latency and autoscaler."),
    "describe": ("flyball.cli.look.describe", "Show one workload: spec and actual, pods, metrics, events."),
    "why": ("flyball.cli.look.why", "Explain the state of a workload, the worst finding first."),
    "changes": ("flyball.cli.look.changes", "Show who changed a workload: Flyball and others."),
    "metrics": ("flyball.cli.look.metrics", "Check the source of metrics."),
    "act": ("flyball.cli.change.act", "Carry out one governed action by hand."),
    "undo": ("flyball.cli.change.undo", "Undo a recorded change, or all changes of a run."),
    "pending": ("flyball.cli.change.pending", "List what waits for an approval."),
    "approve": ("flyball.cli.change.approve", "Approve a request or a plan, and carry it out."),
    "edit": ("flyball.cli.change.edit", "Ask for another figure in place of one that waits."),
    "deny": ("flyball.cli.change.deny", "Decline a request or a plan that waits."),
    "chat": ("flyball.cli.chat.command", "Talk to the ops agent."),
    "model": ("flyball.cli.model.commands", "Check what the connected model can do."),
    "tune": ("flyball.cli.tune.commands", "Run a tuning pass, apply a plan, backtest policies."),
    "sentinel": ("flyball.cli.sentinel.commands", "Show what is foreseen, here or in a recorded series."),
    "event": ("flyball.cli.event.commands", "Declare load that you know of beforehand."),
    "notify": ("flyball.cli.notify.commands", "Show who is told of what, and try whether it arrives."),
    "serve": ("flyball.cli.serve.command", "Run what comes back by itself, until it is stopped."),
    "audit": ("flyball.cli.audit.commands", "Read, prove and verify the log."),
    "policy": ("flyball.cli.govern.policy", "Explain, test, lint and begin the policy."),
    "agent": ("flyball.cli.govern.agent", "List, show, suspend and resume agents."),
    "stop": ("flyball.cli.govern.stop", "Stop all agents and writes (the kill switch)."),
    "resume": ("flyball.cli.govern.resume", "Resume agents and writes (the kill switch)."),
    "sandbox": ("flyball.cli.sandbox.commands", "Reset, advance, load or show the simulated cluster."),
    "config": ("flyball.cli.govern.config", "Show the settings and where each came from; trust a file."),
    "completion": ("flyball.cli.govern.completion", "Print the completion for bash, zsh or fish."),
    "demo": ("flyball.cli.sandbox.demo", "Show everything in a sandbox of its own, in a minute."),
}


class LazyGroup(Group):
    """Imports a command's module when the command is looked up, so that `--help` and completion stay fast."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        return loaded(COMMANDS[cmd_name][0], cmd_name)

    def summaries(self, ctx: Any) -> dict[str, str]:  # noqa: ARG002
        return {name: text for name, (_, text) in COMMANDS.items()}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Completion sees the words as they are typed: common options may stand before the command."""
        return super().parse_args(ctx, normalize_argv(args) if ctx.resilient_parsing else args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup,
    name="flyball",
    help="An operations agent with a governor: agents propose, policy decides, the log proves.",
    no_args_is_help=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", help="Show the version."),
) -> None:
    if version:
        from flyball import __version__

        typer.echo(f"flyball {__version__}")
    elif ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
