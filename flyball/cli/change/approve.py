"""`flyball approve`: a person's yes to exactly what was asked, one change or a whole plan; then it is carried out."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.change import plan_view
from flyball.cli.change.act import Reason, Yes
from flyball.cli.change.pending import behind
from flyball.cli.change.plan_view import Exclude
from flyball.cli.change.plan_view import Stop as StopOn
from flyball.cli.kit.confirm import somebody
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import note, safe
from flyball.exits import Stop, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flyball.wiring import App
    from tools.plans.plan import Plan, StopOn

app = typer.Typer()


@app.command()
@command
def approve(
    opts: Options,
    handle: Annotated[str, typer.Argument(help="From `flyball pending`.")],
    yes: Yes = False,
    reason: Reason = "",
    exclude: Exclude = None,
    stop_on: StopOn = "failure",
) -> None:
    """Approve a request or a plan, and carry it out. Example: flyball approve 9f3c41d2"""

    async def work(app: "App") -> None:
        from tools.plans.plan import Plan

        found = await app.approvals.named(handle)
        if isinstance(found, Plan):
            await _plan(opts, app, found, yes, reason, exclude or (), stop_on)
        elif exclude:
            raise UsageError(f"`{handle}` is one change: nothing can be left out", hint="leave --exclude out")
        else:
            await _one(opts, app, found, yes, reason)

    opts.run(work)


async def _one(opts: Options, app: "App", waiting: Any, yes: bool, reason: str) -> None:
    from flyball.cli.kit import output, render, result_json

    request = waiting.request
    head = f"{app.place}  {request.action} {request.target} {waiting.diff}   {waiting.handle}"
    shown = [head, *behind(await app.approvals.background(waiting))]
    if not yes:
        somebody("give --yes")
    plan_view.ask(opts, shown, "approve? ", yes)
    # By its whole digest: a plan that was made meanwhile may begin like the handle that was typed.
    result = await app.approvals.approve(request.digest, app.identity.by_hand(), reason, shown=waiting)
    if opts.json:
        output.document(result_json.document(result))
    else:
        render.show(result)
    raise Stop(result_json.code(result))


async def _plan(
    opts: Options,
    app: "App",
    plan: "Plan",
    yes: bool,
    reason: str,
    exclude: "Sequence[str]",
    stop_on: "StopOn",
) -> None:
    """Every step's diff, one question, the votes in one commit, then the plan."""
    from tools.plans.plan import excluded

    if not plan.having("needs_approval"):
        hint = plan_view.offer(plan).strip()
        raise UsageError("no step of that plan needs an approval", where=plan.handle, hint=hint)
    left_out = excluded(plan, exclude)
    await app.approvals.plans.keeps_out(plan, left_out)
    if not yes:
        somebody("give --yes")
    shown = [*plan_view.lines(app, plan, left_out), *behind(await app.approvals.background(plan))]
    plan_view.ask(opts, shown, "approve, and apply? ", yes)
    voted, carried = await app.approvals.plan_votes.approve(
        plan,
        app.identity.by_hand(),
        reason,
        exclude=exclude,
        stop_on=stop_on,
        told=plan_view.teller(opts),
    )
    for number, why in voted.not_for.items():
        note(f"  step {number}: {safe(why)}")
    not_for = [{"number": number, "why": why} for number, why in voted.not_for.items()]
    raise Stop(plan_view.report(opts, app, carried, approved=list(voted.steps), not_for=not_for))
