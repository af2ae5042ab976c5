"""`flyball config show`: each setting's value and where it came from; secrets masked."""

import typer

from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, say, table

app = typer.Typer(help="Show the settings. Example: flyball config show", no_args_is_help=True)


@app.callback()
def config() -> None:
    """Show the settings. Example: flyball config show"""


@app.command()
@command
def show(opts: Options) -> None:
    """Show each setting with where it came from. Example: flyball config show"""
    from flyball.settings import TABLE

    rows = []
    for setting in TABLE:
        value = opts.settings.values[setting.name]
        shown = "(set)" if setting.secret and value.value else value.value
        rows.append((setting.name, shown, value.source, setting.help))
    if opts.json:
        document(
            {
                "kind": "Settings",
                "items": [dict(zip(("name", "value", "source", "help"), r, strict=True)) for r in rows],
            }
        )
        return
    for line in table(("NAME", "VALUE", "FROM", "MEANING"), rows):
        say(line)
