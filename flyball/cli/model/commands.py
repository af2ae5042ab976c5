"""`flyball model check`: what the model that the settings name can do of what the chat needs."""

from typing import TYPE_CHECKING

import typer

from flyball.cli.kit.model import endpoint_of
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import Tone, document, note, safe, say, table, tone
from flyball.exits import Exit, Stop

if TYPE_CHECKING:
    from agents.models.check import Finding
    from agents.models.endpoint import Endpoint

app = typer.Typer(
    help="Check what the connected model can do. Example: flyball model check", no_args_is_help=True
)
_TONES: dict[str, Tone] = {"yes": "good", "no": "bad", "unknown": "wait"}


@app.callback()
def _group() -> None:
    """The model that the chat asks."""


@app.command()
@command
def check(opts: Options) -> None:
    """Check tools, streaming, context and usage. Example: flyball model check"""
    import asyncio

    from agents.ops.budget import MOST_OUTPUT

    endpoint, most = endpoint_of(opts), opts.settings.whole("model_output_tokens", 100, MOST_OUTPUT)
    found = asyncio.run(_found(endpoint, most))
    lacks = [one for one in found if one.needed and one.end != "yes"]
    if opts.json:
        items = [
            {"name": f.name, "end": f.end, "needed": f.needed, "seen": f.seen, "hint": f.hint} for f in found
        ]
        head = {"kind": "ModelCheck", "model": endpoint.model, "where": endpoint.where}
        document({**head, "usable": not lacks, "items": items})
    else:
        _show(endpoint, found)
    if lacks:
        raise Stop(Exit.FAILED)


async def _found(endpoint: "Endpoint", most: int) -> "list[Finding]":
    import secrets

    from agents.models.check import checked
    from agents.models.openai_chat import connect

    model = connect(endpoint)
    try:
        return await checked(model, secrets.randbelow(9_000) + 1_000, max_tokens=most)
    finally:
        await model.close()


def _show(endpoint: "Endpoint", found: "list[Finding]") -> None:
    say(f"{safe(endpoint.model)} at {safe(endpoint.where)}")
    rows = [(f.name, tone(f.end, _TONES[f.end]), safe(f.seen)) for f in found]
    for line in table(("CAN", "", "SEEN"), rows):
        say(f"  {line}")
    for one in found:
        if one.hint:
            needed = "needed for the chat; " if one.needed else ""
            note(f"{one.name}: {needed}{safe(one.hint)}")
