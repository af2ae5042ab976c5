"""`flyball deny`: a person's no; the request is over."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.kit.away import as_json
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, say

if TYPE_CHECKING:
    from flyball.wiring import App

app = typer.Typer()


@app.command()
@command
def deny(
    opts: Options,
    handle: Annotated[str, typer.Argument(help="From `flyball pending`.")],
    reason: Annotated[str, typer.Option("--reason", help="The reason, recorded in the log.")],
) -> None:
    """Decline a request or a plan that waits. Example: flyball deny 9f3c41d2 --reason "not today" """

    async def work(app: "App") -> None:
        from tools.plans.plan import Plan

        found, by = await app.approvals.named(handle), app.identity.by_hand()
        if isinstance(found, Plan):
            entry = await app.approvals.plan_votes.deny(found, by, reason)
        else:
            entry = await app.approvals.deny(found.request.digest, by, reason)
        if opts.json:
            document(
                {"kind": "Vote", **as_json(app), "vote": "denied", "handle": handle, "record": entry.seq}
            )
        else:
            what = "plan " if isinstance(found, Plan) else ""
            say(f"{app.place}  declined {what}{handle}\n  record {entry.seq}")

    opts.run(work, for_log=True)
