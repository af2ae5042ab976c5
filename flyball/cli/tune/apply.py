"""`flyball tune apply`: carry out a plan exactly as it was shown."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.change import plan_view
from flyball.cli.change.act import Yes
from flyball.cli.change.plan_view import Exclude, Stop
from flyball.cli.kit.confirm import somebody
from flyball.cli.kit.options import Options, command
from flyball.exits import Stop as End

if TYPE_CHECKING:
    from flyball.wiring import App


@command
def apply_plan(
    opts: Options,
    handle: Annotated[str, typer.Argument(help="The plan's handle, as printed.")],
    exclude: Exclude = None,
    stop_on: Stop = "failure",
    yes: Yes = False,
) -> None:
    """Carry out a plan exactly as it was shown. Example: flyball tune apply 77ab41c9 --exclude deploy/web"""

    async def work(app: "App") -> None:
        from tools.plans.plan import excluded

        plans = app.approvals.plans
        plan = await plans.one(handle)
        plans.may_apply(plan, app.identity.by_hand())
        shown = plan_view.lines(app, plan, excluded(plan, exclude or ()))
        if not yes:
            somebody("give --yes")
        plan_view.ask(opts, shown, "apply? ", yes)
        by, told = app.identity.by_hand(), plan_view.teller(opts)
        carried = await plans.carry_out(plan.digest, by, exclude=exclude or (), stop_on=stop_on, told=told)
        raise End(plan_view.report(opts, app, carried))

    opts.run(work)
