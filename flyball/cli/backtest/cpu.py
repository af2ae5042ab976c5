"""`flyball tune backtest-cpu`: CPU requests on traces of usage: slack, throttled time and changes."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flyball.cli.kit.options import Options, command
from flyball.exits import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forecasting.vertical.compare import Case, Compared
    from forecasting.vertical.score import CpuScore

Policy = Literal["in-place", "restart", "vpa", "vpa-updater", "krr"]
Traces = Annotated[
    list[Path], typer.Option("--trace", help="A CSV (or .csv.gz) of ts,value; may be repeated.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", help="The column of usage; may be repeated; '*': all but the times."),
]
LEAST_UNIT, MOST_UNIT = 1e-9, 1e15

Unit = Annotated[float, typer.Option("--unit", help="How much of the column is one core, e.g. 1000.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write DIR/<stem>.csv with ts,cores of --policy.")]
Which = Annotated[Policy, typer.Option("--policy", help="The policy whose requests --out writes.")]

HEAD = ("POLICY", "SLACK", "THROTTLED", "PERIODS", "CHANGES/WEEK")

app = typer.Typer(help="Backtest CPU requests.")


@app.command("backtest-cpu")
@command
def backtest_cpu(
    opts: Options,
    trace: Traces,
    column: Columns = None,
    unit: Unit = 1.0,
    out: Out = None,
    policy: Which = "in-place",
) -> None:
    """Backtest CPU requests on recorded usage. Example: flyball tune backtest-cpu --trace web.csv"""
    from flyball.cli.kit.output import document, note, say, transient
    from forecasting.vertical.compare import compare

    if not LEAST_UNIT <= unit <= MOST_UNIT:
        raise UsageError(
            f"{unit:g} is not a unit",
            where="--unit",
            hint="give how much of the column is one core, 1e-9 to 1e15",
        )
    cases = _cases(trace, column or ["value"], unit)
    found = compare(cases, told=lambda stem: transient(f"playing {stem}"))
    transient("")
    files = [] if out is None else _write(out, cases, policy)
    for case in cases:
        for one in case.notes:
            note(f"{case.stem}: {one}")
    if opts.json:
        document(_document(cases, found, files))
        return
    for line in _lines(cases, found):
        say(line)
    for path in files:
        say(str(path))


def _cases(paths: "Sequence[Path]", columns: "Sequence[str]", unit: float) -> "list[Case]":
    from audit.clock import SystemClock
    from flyball.cli.backtest import files

    now_s = SystemClock().wall_ms() // 1000
    found = [(case, path) for path in paths for case in _of_file(path, columns, unit, now_s)]
    files.distinct((case.stem, path) for case, path in found)
    return [case for case, _ in found]


def _of_file(path: Path, columns: "Sequence[str]", unit: float, now_s: int) -> "list[Case]":
    from flyball.cli.kit import series_files
    from forecasting.backtest.rows import accepts, ordered
    from forecasting.recorded.text import stem
    from forecasting.vertical.compare import Case
    from forecasting.vertical.grid import gridded

    samples = series_files.read(path, columns, accepts(now_s))
    whole, several = stem(path.name), len(samples.columns) > 1
    cases = []
    for name in samples.columns:
        rows = ordered(samples, name)
        if several:
            rows = replace(rows, name=f"{path}, column `{name}`")
        cases.append(Case(f"{whole}-{name}" if several else whole, gridded(rows, unit), rows.notes))
    return cases


def _write(out: Path, cases: "Sequence[Case]", policy: "Policy") -> list[Path]:
    from flyball.cli.backtest import files
    from forecasting.vertical.compare import requests

    return files.write(out, {case.stem: requests(case, policy) for case in cases})


def _lines(cases: "Sequence[Case]", found: "Compared") -> list[str]:
    from flyball.cli.kit.output import table
    from forecasting.vertical.compare import PEER

    kind = "trace" if len(cases) == 1 else "traces"
    days = sum((len(c.demand.values) - c.demand.played) * c.demand.step_s for c in cases) / 86_400
    lines = [f"{len(cases)} {kind}, {days:.1f} days played"]
    lines += table(HEAD, [(name, *_cells(score)) for name, score in found.fleet.items()])
    peer = found.fleet[PEER]
    for name in ("in-place", "restart"):
        own = found.fleet[name]
        lines.append(
            f"{name} against {PEER}: slack {_against(own.slack, peer.slack)}, "
            f"throttled {_against(own.throttled, peer.throttled)}"
        )
    return lines


def _cells(score: "CpuScore") -> tuple[str, ...]:
    if not score.seconds:  # it had no recommendation to judge
        return ("-", "-", "-", "-")
    return (
        f"{score.slack:.1%}",
        f"{score.throttled:.2%}",
        f"{score.periods:.1%}",
        f"{score.changes_a_week:.1f}",
    )


def _against(own: float, peer: float) -> str:
    return f"{own / peer - 1:+.0%}" if peer else "-"


def _document(cases: "Sequence[Case]", found: "Compared", files: "Sequence[Path]") -> dict[str, Any]:
    return {
        "kind": "BacktestCpu",
        "fleet": {name: _figures(score) for name, score in found.fleet.items()},
        "items": [
            {
                "trace": case.stem,
                "notes": list(case.notes),
                "policies": {name: _figures(scores[case.stem]) for name, scores in found.each.items()},
            }
            for case in cases
        ],
        "files": [str(path) for path in files],
    }


def _figures(score: "CpuScore") -> dict[str, int]:
    """Whole numbers: shares in ppm, changes in thousandths."""
    return {
        "slack_ppm": round(score.slack * 1e6),
        "throttled_ppm": round(score.throttled * 1e6),
        "throttled_periods_ppm": round(score.periods * 1e6),
        "changes_per_week_milli": round(score.changes_a_week * 1e3),
        "changes": score.changes,
    }
