"""`flyball tune backtest`: what a policy would have asked for on a trace, or a table of all of them."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.kit.options import Options, command
from flyball.exits import UsageError
from forecasting.backtest.names import Name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forecasting.backtest.compare import Case
    from forecasting.backtest.trace import Trace

Workload = Annotated[
    str | None,
    typer.Argument(metavar="KIND/NAME", help="Use this workload's own demand, from the metrics history."),
]
Traces = Annotated[
    list[Path] | None, typer.Option("--trace", help="A CSV file of ts,value; may be repeated.")
]
Since = Annotated[str, typer.Option("--since", help="How far back, e.g. 14d; with KIND/NAME.")]
PerReplica = Annotated[
    str, typer.Option("--per-replica", help="CPU cores that one replica serves; auto: history's peak / 40.")
]
Startup = Annotated[int, typer.Option("--startup", min=0, max=3600, help="Seconds until a replica is ready.")]
Util = Annotated[float, typer.Option("--target-util", help="The utilisation not to exceed, 0.05 to 1.")]
Risk = Annotated[
    float, typer.Option("--risk", help="Probability of exceeding it in a decision, 0.0001 to 0.5.")
]
Percent = Annotated[
    int, typer.Option("--percent", min=5, max=100, help="The CPU target of the HPA and the other policies.")
]
Which = Annotated[Name | None, typer.Option("--policy", help="One policy; unset: a table of all.")]
Column = Annotated[str, typer.Option("--column", help="The column of the demand in CPU cores.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write DIR/<stem>.csv with ts,replicas.")]
Plot = Annotated[
    Path | None,
    typer.Option("--plot", help="Draw cost against violations: FILE.png, FILE.svg, or - for the terminal."),
]
Noise = Annotated[
    int, typer.Option("--metric-noise", min=0, max=100, help="Percent by which measurements are off (table).")
]

app = typer.Typer(help="Backtest replica policies.")


@app.command("backtest")
@command
def backtest(
    opts: Options,
    workload: Workload = None,
    trace: Traces = None,
    since: Since = "14d",
    per_replica: PerReplica = "auto",
    startup: Startup = 60,
    target_util: Util = 0.85,
    risk: Risk = 0.02,
    percent: Percent = 70,
    policy: Which = None,
    column: Column = "value",
    out: Out = None,
    plot: Plot = None,
    metric_noise: Noise = 0,
) -> None:
    """Backtest replica policies on recorded demand. Example: flyball tune backtest --trace web.csv --out plan"""
    from flyball.cli.backtest import files, play
    from flyball.cli.backtest.spread import one_thread_each

    one_thread_each()
    _between("--risk", risk, 0.0001, 0.5)
    _between("--target-util", target_util, 0.05, 1.0)
    if (workload is None) == (not trace):
        raise UsageError(
            "give --trace FILE.csv, or a workload", hint="flyball tune backtest deploy/web --since 14d"
        )
    if out is not None and (plot is not None or metric_noise):
        raise UsageError("--plot and --metric-noise belong to the table", hint="do not give --out")
    size = _size(per_replica)
    for wanted in _results(out, plot, trace or []):
        files.check(wanted, trace or [])
    _plottable(opts, plot)
    traces = _traces(opts, workload, trace or [], since, column)
    cases = [_case(one, size, startup, target_util, metric_noise) for one in traces]
    if out is not None:
        play.write(opts, out, cases, policy or "quantile", risk, percent)
    else:
        play.compare(opts, cases, policy, risk, percent, plot)


def _results(out: Path | None, plot: Path | None, traces: "Sequence[Path]") -> "list[Path]":
    """The files that are going to be written."""
    from flyball.cli.backtest import play
    from forecasting.recorded.text import stem

    if out is not None:
        return [out / f"{stem(path.name)}.csv" for path in traces] or [out / "a workload's own.csv"]
    return [] if plot in (None, play.TERMINAL) else [plot]


def _plottable(opts: Options, wanted: Path | None) -> None:
    """Before anything is read or played: this can be drawn. Raises UsageError."""
    from flyball.cli.backtest import play

    if wanted == play.TERMINAL and opts.json:
        raise UsageError(
            "`--plot -` is for a person", where="--plot", hint="do not give -o json, or name a file"
        )
    if wanted not in (None, play.TERMINAL):
        from flyball.cli.backtest import plot

        plot.check(wanted)


def _between(option: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UsageError(f"{value:g} is not between {low:g} and {high:g}", where=option, hint="see --help")


def _size(text: str) -> float | None:
    """Cores of a replica; None for `auto`."""
    from forecasting.backtest.trace import SIZES

    if text == "auto":
        return None
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    least, most = SIZES
    if not least <= size <= most:
        hint = f"give CPU cores from {least:g} to {most:g}, or auto"
        raise UsageError(f"`{text}` is not a size of a replica", where="--per-replica", hint=hint)
    return size


def _traces(
    opts: Options, workload: str | None, paths: "Sequence[Path]", since: str, column: str
) -> "list[Trace]":
    from audit.clock import SystemClock
    from flyball.cli.backtest import files, own

    if workload is not None:
        return [own.read(opts, workload, since)]
    return files.read(paths, column, SystemClock().wall_ms() // 1000)


def _case(trace: "Trace", size: float | None, startup_s: int, target_util: float, noise: int) -> "Case":
    from forecasting.backtest.compare import Case

    return Case.of(trace, trace.shape(size, startup_s, target_util), noise / 100)
