"""`flyball tune`: the group of its commands; each is a module of its own.

The offline commands (no cluster is asked) are a line in LATER and are imported when they are called.
"""

from typing import Any

import typer

from flyball.cli.kit.tree import Group, loaded
from flyball.cli.tune.apply import apply_plan
from flyball.cli.tune.envelopes import envelopes
from flyball.cli.tune.explain import explain
from flyball.cli.tune.history import history, status
from flyball.cli.tune.pause import pause, resume
from flyball.cli.tune.report import report
from flyball.cli.tune.run import run

LATER: dict[str, tuple[str, str]] = {
    "backtest": ("flyball.cli.backtest.replicas", "Backtest replica policies on recorded demand."),
    "backtest-cpu": ("flyball.cli.backtest.cpu", "Backtest CPU requests on recorded usage."),
    "train": ("flyball.cli.backtest.train", "Train the forecast's weights on generated demand."),
}
"""Subcommands with a module each, whose `app` has that one command."""


class LazyGroup(Group):
    """Imports a subcommand's module when it is looked up, so that the others stay fast."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *LATER]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in LATER:
            return super().get_command(ctx, cmd_name)
        return loaded(LATER[cmd_name][0], cmd_name)

    def summaries(self, ctx: Any) -> dict[str, str]:  # noqa: ARG002
        return {name: one.get_short_help_str(80) for name, one in self.commands.items()} | {
            name: text for name, (_, text) in LATER.items()
        }

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*self.summaries(ctx).items()])


app = typer.Typer(
    cls=LazyGroup,
    help="Run a tuning pass, or apply a plan. Example: flyball tune run -n shop --dry-run",
    no_args_is_help=True,
)
app.command()(run)
app.command("apply")(apply_plan)
app.command("report")(report)
app.command("envelopes")(envelopes)
app.command()(status)
app.command()(history)
app.command()(explain)
app.command()(pause)
app.command()(resume)
