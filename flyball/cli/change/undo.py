"""`flyball undo`: back to the recorded pre-image, through the same path as any action."""

import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.change.act import DryRun, Reason, RequestId, Wait, Yes, carry_out, mode
from flyball.cli.change.plan_view import Stop
from flyball.cli.kit.numbers import whole
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.waiting import span
from flyball.exits import UsageError

if TYPE_CHECKING:
    from flyball.wiring import App

app = typer.Typer()


@app.command()
@command
def undo(
    opts: Options,
    record: Annotated[int | None, typer.Argument(help="The change's record number.", parser=whole)] = None,
    last: Annotated[bool, typer.Option("--last", help="Undo your newest change here.")] = False,
    run: Annotated[
        str | None, typer.Option("--run", help="Undo all changes of this run, newest first.")
    ] = None,
    dry_run: DryRun = None,
    yes: Yes = False,
    reason: Reason = "",
    request_id: RequestId = None,
    wait: Wait = None,
    stop_on: Stop = "failure",
) -> None:
    """Undo a recorded change, or all changes of a run. Example: flyball undo 18204"""
    ways = {"a record": record is not None, "--last": last, "--run": run is not None}
    given = [name for name, is_given in ways.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are two things to undo", hint="give one of them")
    if not given:
        raise UsageError("nothing to undo is named", hint="give a record number, --last, or --run R")
    if run is not None:
        if request_id or wait:
            raise UsageError("--request-id and --wait are for one change", hint="leave them out with --run")
        from flyball.cli.change.undo_run import undo_run

        undo_run(opts, run, dry=mode(dry_run) == "dry_run", yes=yes, reason=reason, stop_on=stop_on)
        return

    async def work(app: "App") -> None:
        from tools.path.undo import newest, proposal

        who = app.identity.by_hand()
        seq = await newest(app.context, who) if record is None else record
        how: Any = mode(dry_run)
        request = await proposal(
            app.context, seq, id=request_id or str(uuid.uuid4()), principal=who, mode=how, reason=reason
        )
        await carry_out(opts, app, request, yes, span(wait, "--wait") if wait else 0)

    opts.run(work)
