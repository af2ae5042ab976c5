"""`flyball tune run`: one tuning pass as `agent:tuner`, or as an agent's file says; its plan is shown, asked about,
and applied as shown."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.change import plan_view
from flyball.cli.change.act import DryRun, mode
from flyball.cli.kit.confirm import somebody
from flyball.cli.kit.options import Options, command
from flyball.exits import Stop, UsageError

if TYPE_CHECKING:
    from agents.tuner.strategy import Strategy
    from flyball.tuning_pass import Tuned
    from flyball.wiring import App
    from tools.plans.plan import Plan

Yes = Annotated[bool, typer.Option("--yes", help="Apply the plan without asking; what a schedule gives.")]
Percent = Annotated[
    int, typer.Option("--cpu-percent", min=1, max=1000, help="The CPU target, percent of requests.")
]
Agent = Annotated[
    str | None, typer.Option("--agent", help="Run this agent as its policy file says, for you, e.g. night.")
]
Name = Annotated[
    str, typer.Option("--strategy", help="The strategy that proposes: `hpa-formula`, the HPA's own, …")
]


@command
def run(
    opts: Options,
    dry_run: DryRun = None,
    yes: Yes = False,
    cpu_percent: Percent = 80,
    strategy: Name = "hpa-formula",
    agent: Agent = None,
) -> None:
    """Plan changes, ask once, and carry them out. Example: flyball tune run -n shop"""
    dry, chosen = mode(dry_run) == "dry_run", _strategy(strategy, cpu_percent)
    if agent and (strategy, cpu_percent) != ("hpa-formula", 80):
        raise UsageError(
            "an agent's file says its strategies and its risk", hint="leave out --strategy and --cpu-percent"
        )
    if not (dry or yes):
        somebody("give --yes, or --dry-run to see what it would do")

    async def work(app: "App") -> None:
        from flyball.cli.tune import show
        from flyball.tuning_pass import new_run, plan_as, tune

        named = f"agent:{agent.removeprefix('agent:')}" if agent else None
        tuned = await (plan_as(app, named, new_run()) if named else tune(app, chosen))
        plan = tuned.plan
        if dry or plan is None or plan.hopeless:
            show.looked(opts, app, tuned, dry)
            raise Stop(show.code_of(tuned))
        await _applied(opts, app, tuned, plan, yes)

    opts.run(work)


async def _applied(opts: Options, app: "App", tuned: "Tuned", plan: "Plan", yes: bool) -> None:
    """The whole plan, one question, then exactly that plan."""
    from flyball.cli.tune import show
    from flyball.tuning_pass import apply_plan

    shown = [*show.lines(app, tuned), *plan_view.lines(app, plan)]
    plan_view.ask(opts, shown, "apply? ", yes)
    carried = await apply_plan(app, plan, plan_view.teller(opts))
    show.ended(opts, app, tuned, carried)
    raise Stop(show.code_of(tuned, carried))


def _strategy(name: str, cpu_percent: int) -> "Strategy":
    """Looked up before anything is opened. Raises StrategyUnknown."""
    from agents.tuner.strategies import strategy
    from agents.tuner.strategy import Aim

    return strategy(name, Aim(cpu_percent))
