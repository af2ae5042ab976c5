"""`flyball sentinel`: what is foreseen in the cluster, when a recorded series reaches its limit, how fast an error
budget is spent."""

from pathlib import Path
from typing import Annotated

import typer

from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, note
from flyball.cli.sentinel import burn_view, reading, scan_view
from flyball.exits import UsageError

app = typer.Typer(
    help="Show what is foreseen, here or in a recorded series. Example: flyball sentinel status",
    no_args_is_help=True,
)

File = Annotated[Path, typer.Option("--series", help="A CSV (or .csv.gz) with `ts` and a column of values.")]
Limit = Annotated[str | None, typer.Option("--limit", help="The limit: 2Gi, 0.9; unset: the column `limit`.")]
Column = Annotated[str, typer.Option("--column", help="The column of values.")]
Objective = Annotated[float, typer.Option("--objective", help="The objective, e.g. 0.999.")]
Now = Annotated[str | None, typer.Option("--now", help="Ignore what is later: Unix seconds or RFC 3339.")]


@app.callback()
def _group() -> None:
    """Foresee failure, here or in recorded series."""


@app.command()
@command
def status(opts: Options) -> None:
    """Show what is foreseen now, by the log. Example: flyball sentinel status"""
    from flyball.cli.sentinel import live

    opts.run(lambda app: live.status(app, json=opts.json), for_log=True)


@app.command()
@command
def check(opts: Options) -> None:
    """Look at all workloads now, and record what is foreseen. Example: flyball sentinel check"""
    from flyball.cli.sentinel import live

    opts.run(lambda app: live.check(app, json=opts.json))


@app.command()
@command
def scan(opts: Options, series: File, limit: Limit = None, column: Column = "value", now: Now = None) -> None:
    """Predict when a recorded series reaches its limit. Example: flyball sentinel scan --series m.csv --limit 2Gi"""
    from forecasting.errors import ForecastError
    from forecasting.sentinel.exhaustion import scan as scanned
    from forecasting.sentinel.series import gridded

    until = reading.moment(now)
    given = reading.samples(series, (column,), "limit", choose=True)
    bound = reading.limit(limit, given.columns.get("limit", ()), series, given.columns[column])
    try:
        found = gridded(given.at, given.columns[column], now_s=until)
        findings = scanned(found, bound)
    except ForecastError as e:
        raise UsageError(e.what, where=str(series), hint=e.hint) from e
    end = found.end_s if until is None else until
    for line in (*given.notes, *found.notes):
        note(line)
    if opts.json:
        document(scan_view.as_document(series, column, bound, found, findings, end))
    else:
        scan_view.show(series, bound, found, findings, end)


@app.command()
@command
def burn(opts: Options, series: File, objective: Objective = 0.999) -> None:
    """Show how fast an error budget is spent. Example: flyball sentinel burn --series slo.csv --objective 0.999"""
    from forecasting.errors import ForecastError
    from forecasting.sentinel.burn import burning
    from forecasting.sentinel.series import gridded

    given = reading.samples(series, ("bad", "total"))
    try:
        grids = [gridded(given.at, given.columns[name]) for name in ("bad", "total")]
        rules = burning(grids[0].values, grids[1].values, grids[0].step_s, objective)
    except ForecastError as e:
        raise UsageError(e.what, where=str(series), hint=e.hint) from e
    for line in dict.fromkeys((*given.notes, *(line for grid in grids for line in grid.notes))):
        note(line)
    if opts.json:
        document(burn_view.as_document(series, objective, grids[0].end_s, rules))
    else:
        burn_view.show(rules)
