"""`flyball config show|trust`: each setting's value and where it came from, and which files may say what."""

from pathlib import Path
from typing import Annotated

import typer

from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, safe, say, table

app = typer.Typer(
    help="Show the settings, trust a file of them. Example: flyball config show", no_args_is_help=True
)

File = Annotated[Path, typer.Argument(help="The settings file.")]
Remove = Annotated[bool, typer.Option("--remove", help="Take the trust back.")]


@app.callback()
def config() -> None:
    """Show the settings, trust a file of them. Example: flyball config show"""


@app.command()
@command
def show(opts: Options) -> None:
    """Show each setting with where it came from. Example: flyball config show"""
    from flyball.policy import policy_paths
    from flyball.settings import TABLE

    rows = []
    for setting in TABLE:
        value = opts.settings.values[setting.name]
        shown = "(set)" if setting.secret and value.value else value.value
        rows.append((setting.name, shown, value.source, setting.help))
    policies = policy_paths(opts.settings).lines
    files = [(str(file.path), file.standing) for file in opts.settings.files]
    if opts.json:
        titles = ("name", "value", "source", "help")
        items = [dict(zip(titles, row, strict=True)) for row in rows]
        read = [{"file": path, "standing": standing} for path, standing in files]
        loaded = [{"path": path, "source": source} for path, source in policies]
        document({"kind": "Settings", "items": items, "files": read, "policies": loaded})
        return
    for line in table(("NAME", "VALUE", "FROM", "MEANING"), rows):
        say(line)
    for path, standing in files:
        say(f"read {safe(path)}   ({standing})")
    for path, source in policies:
        say(f"policy {safe(path)}   ({source})")


@app.command()
@command
def trust(opts: Options, file: File = Path("flyball.toml"), remove: Remove = False) -> None:
    """Trust a folder's settings file as it is now. Example: flyball config trust flyball.toml"""
    from flyball import trusted_files
    from flyball.settings import TABLE
    from flyball.settings_files import parsed, read

    known = {setting.name: setting for setting in TABLE}
    if remove:
        changed = trusted_files.distrust(file)
        names: list[str] = []
    else:
        raw = read(file)
        values, changed = parsed(file, raw, known), not trusted_files.trusts(file, raw)
        trusted_files.trust(file, raw)
        names = sorted(values)
    word = "not trusted" if remove else "trusted"
    if opts.json:
        document(
            {"kind": "Trust", "file": str(file.resolve()), "state": word, "changed": changed, "sets": names}
        )
        return
    say(f"{word}{'' if changed else ' already'}  {safe(str(file.resolve()))}")
    for name in names:
        say(f"  {name} = {'(set)' if known[name].secret else safe(values[name])}")
