"""`flyball tune run`: one tuning pass, each proposal through the governed path as `agent:tuner`."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.change.act import DryRun, mode
from flyball.cli.kit.options import Options, command
from flyball.exits import Stop

if TYPE_CHECKING:
    from agents.tuner.strategy import Strategy
    from flyball.wiring import App

Percent = Annotated[
    int, typer.Option("--cpu-percent", min=1, max=1000, help="The CPU target, percent of requests.")
]
Name = Annotated[
    str, typer.Option("--strategy", help="The strategy that proposes replicas: `hpa`, the HPA's formula.")
]


@command
def run(opts: Options, dry_run: DryRun = None, cpu_percent: Percent = 80, strategy: Name = "hpa") -> None:
    """Scale workloads whose CPU is off its target, by a strategy. Example: flyball tune run -n shop"""
    how, chosen = mode(dry_run), _strategy(strategy, cpu_percent)

    async def work(app: "App") -> None:
        from flyball.cli.tune.show import code_of, document, text
        from flyball.tuning_pass import tune

        tuned = await tune(app, chosen, how)
        document(app, tuned) if opts.json else text(app, tuned)
        raise Stop(code_of(tuned.done))

    opts.run(work)


def _strategy(name: str, cpu_percent: int) -> "Strategy":
    """Looked up before anything is opened. Raises StrategyUnknown."""
    from agents.tuner.strategies import strategy
    from agents.tuner.strategy import Aim

    return strategy(name, Aim(cpu_percent))
