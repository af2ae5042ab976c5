"""`flyball approve`: a person's yes to exactly what was asked; then it is carried out."""

from typing import Annotated, Any

import typer

from flyball.cli.act import Reason, Yes
from flyball.cli.confirm import confirm, somebody
from flyball.cli.exits import Stop
from flyball.cli.options import Options, command
from flyball.cli.output import note, say

app = typer.Typer()


@app.command()
@command
def approve(
    opts: Options,
    handle: Annotated[str, typer.Argument(help="From `flyball pending`.")],
    yes: Yes = False,
    reason: Reason = "",
) -> None:
    """Approve what waits, then it is carried out. Example: flyball approve 9f3c41d2"""

    async def work(app: Any) -> None:
        from flyball.cli import output, render

        waiting = await app.approvals.one(handle)
        request = waiting.request
        shown = f"{app.place}  {request.action} {request.target} {waiting.diff}   {waiting.handle}"
        if yes:
            (note if opts.json else say)(shown)
        else:
            somebody("give --yes")
            confirm(opts, shown, "approve? ")
        result = await app.approvals.approve(handle, app.identity.by_hand(), reason, shown=waiting)
        if opts.json:
            output.document(render.document(result))
        else:
            render.show(result)
        raise Stop(render.code(result))

    opts.run(work)
