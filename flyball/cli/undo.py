"""`flyball undo`: back to the recorded pre-image, down the same path as any action."""

import uuid
from typing import Annotated, Any

import typer

from flyball.cli.act import DryRun, Reason, RequestId, Wait, Yes, carry_out, mode
from flyball.cli.exits import UsageError
from flyball.cli.numbers import whole
from flyball.cli.options import Options, command
from flyball.cli.waiting import span

app = typer.Typer()


@app.command()
@command
def undo(
    opts: Options,
    record: Annotated[int | None, typer.Argument(help="The change's record number.", parser=whole)] = None,
    last: Annotated[bool, typer.Option("--last", help="Your newest change here.")] = False,
    dry_run: DryRun = None,
    yes: Yes = False,
    reason: Reason = "",
    request_id: RequestId = None,
    wait: Wait = None,
) -> None:
    """Put back what a recorded change changed. Example: flyball undo 18204"""
    if record is not None and last:
        raise UsageError(f"record {record} and --last are two changes", mend="give one of them")
    if record is None and not last:
        raise UsageError("what shall be undone?", mend="give a record number, or --last")

    async def work(app: Any) -> None:
        from tools.undo import newest, proposal

        who = app.identity.by_hand()
        seq = await newest(app.context, who) if record is None else record
        how: Any = mode(dry_run)
        request = await proposal(
            app.context, seq, id=request_id or str(uuid.uuid4()), principal=who, mode=how, reason=reason
        )
        await carry_out(opts, app, request, yes, span(wait) if wait else 0)

    opts.run(work)
