"""`flyball deny`: a person's no; the request is over."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.kit.away import as_json
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, say

if TYPE_CHECKING:
    from flyball.wiring import App

app = typer.Typer()


async def declined(app: "App", found: Any, reason: str) -> int:
    """The person's no to a request or a plan that waits; the number of its record. Raises what declining raises."""
    from tools.plans.plan import Plan

    by = app.identity.by_hand()
    if isinstance(found, Plan):
        return int((await app.approvals.plan_votes.deny(found, by, reason)).seq)
    return int((await app.approvals.deny(found.request.digest, by, reason)).seq)


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

        found = await app.approvals.named(handle)
        record = await declined(app, found, reason)
        if opts.json:
            document({"kind": "Vote", **as_json(app), "vote": "denied", "handle": handle, "record": record})
        else:
            what = "plan " if isinstance(found, Plan) else ""
            say(f"{app.place}  declined {what}{handle}\n  record {record}")

    opts.run(work, for_log=True)
