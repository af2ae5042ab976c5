"""Declares an event as the person of this process, and tells: the end of `add`, in words or not."""

from typing import TYPE_CHECKING

from flyball.cli.kit.away import as_json
from flyball.cli.kit.options import Options
from flyball.cli.kit.output import advise, document, say

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.events.types import Event


async def declare(opts: Options, app: "App", event: "Event", reason: str) -> None:
    """Raises what Declarations.declare raises."""
    from flyball.cli.event import show as view
    from tools.events.declare import Declarations

    entry = await Declarations(app.context).declare(event, app.identity.by_hand(), reason)
    if opts.json:
        document({"kind": "Event", **as_json(app), **event.model_dump(mode="json"), "record": entry.seq})
        return
    say(f"{app.place}  declared")
    for line in (*view.lines(event), f"  record {entry.seq}"):
        say(line)
    advise(f"  end it before its time: flyball event end {event.name}")
