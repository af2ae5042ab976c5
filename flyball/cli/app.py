"""The root of the command line. Each command is one line here and one module, imported when it is called."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "status": ("flyball.cli.status", "Show context, kill switch, what waits, what is in doubt, the log."),
    "get": ("flyball.cli.get", "List workloads with CPU, memory, latency and autoscaler."),
    "describe": ("flyball.cli.describe", "Show one workload: spec and actual, pods, figures, events."),
    "why": ("flyball.cli.why", "Say why a workload is as it is, the worst first."),
    "changes": ("flyball.cli.changes", "Show who changed a workload: us, and others."),
    "metrics": ("flyball.cli.metrics", "Read the typed metrics and check their source."),
    "act": ("flyball.cli.act", "Carry out one governed action by hand."),
    "undo": ("flyball.cli.undo", "Put back what a recorded change changed."),
    "pending": ("flyball.cli.pending", "List what waits for an approval."),
    "approve": ("flyball.cli.approve", "Approve what waits, then it is carried out."),
    "deny": ("flyball.cli.deny", "Decline what waits."),
    "chat": ("flyball.cli.chat", "Talk to the ops agent."),
    "tune": ("flyball.cli.tune", "Run a tuning pass over a namespace."),
    "sentinel": ("flyball.cli.sentinel", "Foresee exhaustion in a recorded series."),
    "audit": ("flyball.cli.audit", "Read, prove and verify the log."),
    "policy": ("flyball.cli.policy", "Explain, test and lint the policy."),
    "agent": ("flyball.cli.agent", "List, show, suspend and resume agents."),
    "stop": ("flyball.cli.stop", "Throw the kill switch."),
    "resume": ("flyball.cli.resume", "Lift the kill switch."),
    "sandbox": ("flyball.cli.sandbox", "Reset, advance, load or show the simulated cluster."),
    "config": ("flyball.cli.config", "Show the settings and where each came from."),
    "demo": ("flyball.cli.demo", "See it all in a sandbox of its own, in a minute."),
}


class LazyGroup(TyperGroup):
    """Imports a command's module when the command is looked up, so that `--help` and completion stay fast."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        return _load(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _load(name: str) -> Any:
    module = import_module(COMMANDS[name][0])
    app: Any = module.build() if hasattr(module, "build") else module.app
    app.rich_markup_mode = None  # plain help, as kubectl prints it
    app._add_completion = False
    loaded = typer.main.get_command(app)
    loaded.name = name
    return loaded


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
