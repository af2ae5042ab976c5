"""The nodes of the command tree: mistakes in what follows a command's name are reported in our own words.

Everything else that the library finds wrong with a command line becomes three parts in `usage_errors`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typer
from typer._click.exceptions import UsageError
from typer._click.shell_completion import CompletionItem
from typer.core import TyperCommand, TyperGroup

from flyball.cli.kit import usage_errors


class Command(TyperCommand):
    """A command. Words that are left over are reported as a usage error."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raises UsageError for words that the command does not take."""
        ctx.allow_extra_args = True  # the library's own text would come first
        with _placed(ctx):
            rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            raise usage_errors.left_over(ctx, rest)
        return rest


class Group(TyperGroup):
    """A command with subcommands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _placed(ctx):
            return super().parse_args(ctx, args)

    def summaries(self, ctx: Any) -> dict[str, str]:
        """Each subcommand and what it does, in a line."""
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        return {name: one.get_short_help_str() for name, one in found.items() if one is not None}

    def shell_complete(self, ctx: Any, incomplete: str) -> list[CompletionItem]:
        """Subcommands and options. No subcommand is imported where its summary is known without."""
        found = [CompletionItem(name, help=text) for name, text in self.summaries(ctx).items()]
        options = super(TyperGroup, self).shell_complete(ctx, incomplete)
        return [one for one in found if one.value.startswith(incomplete)] + options

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Raises UsageError where there is no such subcommand."""
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            raise usage_errors.no_such_command(ctx, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@contextmanager
def _placed(ctx: Any) -> Iterator[None]:
    """A mistake that does not say at which command it was made gets this one."""
    try:
        yield
    except UsageError as e:
        e.ctx = e.ctx or ctx
        raise


def adopt(app: typer.Typer) -> typer.Typer:
    """Make every command and group of `app` one of these; groups that are of a kind already stay."""
    for command in app.registered_commands:
        command.cls = Command
    if not (isinstance(app.info.cls, type) and issubclass(app.info.cls, Group)):
        app.info.cls = Group
    for group in app.registered_groups:
        if group.typer_instance is not None:
            adopt(group.typer_instance)
    return app


def loaded(module: str, name: str) -> Any:
    """The command in a module (`build()` or `app`), under `name`: plain help, and mistakes told in our words."""
    found = import_module(module)
    app: Any = found.build() if hasattr(found, "build") else found.app
    app.rich_markup_mode = None  # as kubectl prints it
    app._add_completion = False
    command = typer.main.get_command(adopt(app))
    command.name = name
    return command
