"""`flyball deny`: a person's no; the request is over."""

from typing import Annotated, Any

import typer

from flyball.cli.options import Options, command
from flyball.cli.output import document, say

app = typer.Typer()


@app.command()
@command
def deny(
    opts: Options,
    handle: Annotated[str, typer.Argument(help="From `flyball pending`.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the log.")],
) -> None:
    """Decline what waits. Example: flyball deny 9f3c41d2 --reason "not today" """

    async def work(app: Any) -> None:
        entry = await app.approvals.deny(handle, app.identity.by_hand(), reason)
        if opts.json:
            document({"kind": "Vote", "vote": "denied", "handle": handle, "record": entry.seq})
        else:
            say(f"{app.place}  declined {handle}\n  record {entry.seq}")

    opts.run(work)
