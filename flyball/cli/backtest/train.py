"""`flyball tune train`: the forecast's weights, trained on generated demand; the same seed gives the same file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.kit.options import Options, command

if TYPE_CHECKING:
    from forecasting.demand.weights import Weights

app = typer.Typer(help="Train the forecast's weights.")


@app.command("train")
@command
def train(
    opts: Options,
    out: Annotated[Path, typer.Option("--out", help="Where to write the weights (JSON).")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="The seed of the generated demand.")] = 1,
    traces: Annotated[
        int, typer.Option("--traces", min=8, max=2000, help="The number of generated traces.")
    ] = 480,
) -> None:
    """Train on generated demand and write the weights. Example: flyball tune train --out weights.json --seed 1"""
    from flyball.cli.backtest import files
    from flyball.cli.kit.output import document, say, transient
    from forecasting.demand.training import train as trained
    from forecasting.demand.weights import dumped

    files.check(out, ())
    weights = trained(seed, traces, told=transient)
    transient("")
    files.write_one(out, dumped(weights).encode())
    if opts.json:
        document({"kind": "ForecastWeights", "path": str(out), "provenance": dict(weights.provenance)})
    else:
        say(_line(out, weights))


def _line(out: Path, weights: "Weights") -> str:
    told = " ".join(f"{name}={value}" for name, value in weights.provenance.items())
    return f"{out}: horizons {', '.join(map(str, weights.fans))} min ({told})"
