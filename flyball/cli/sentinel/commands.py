"""`flyball sentinel`: when will a recorded series reach its limit, and how fast is an error budget spent?"""

import csv
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import age, document, note, safe, say, table, tone
from flyball.exits import UsageError

if TYPE_CHECKING:
    from forecasting.sentinel.burn import Burning
    from forecasting.sentinel.exhaustion import Finding
    from forecasting.sentinel.series import Series

app = typer.Typer(
    help="Foresee failure. Example: flyball sentinel scan --series memory.csv --limit 2Gi",
    no_args_is_help=True,
)

_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SIZE_MAX = 256 << 20
_VALUE_MAX = 1e18
TITLES = ("FOUND", "FULL AT", "IN", "BETWEEN", "LEVEL", "SLOPE/H", "CONFIDENCE", "TAU", "WINDOW", "POINTS")
BURN_TITLES = ("SEVERITY", "BURNS", "WINDOWS", "LONG", "SHORT", "KNOWN", "FIRES")

File = Annotated[Path, typer.Option("--series", help="A CSV with `ts` and a column of values.")]
Limit = Annotated[
    str | None, typer.Option("--limit", help="What it must not reach: 2Gi, 0.9; else the column `limit`.")
]
Column = Annotated[str, typer.Option("--column", help="The column of values.")]
Objective = Annotated[float, typer.Option("--objective", help="The share that shall be good, such as 0.999.")]
Now = Annotated[str | None, typer.Option("--now", help="Leave out what is later: Unix seconds or RFC 3339.")]


@app.callback()
def _group() -> None:
    """Foresee failure from recorded series."""


@app.command()
@command
def scan(opts: Options, series: File, limit: Limit = None, column: Column = "value", now: Now = None) -> None:
    """Play a series back and tell when it would be full. Example: flyball sentinel scan --series m.csv --limit 2Gi"""
    from forecasting.errors import ForecastError
    from forecasting.sentinel.exhaustion import scan as scanned
    from forecasting.sentinel.series import gridded

    until = None if now is None else int(_seconds(now, "--now"))
    times, (values, limits) = _read(series, (column,), "limit")
    bound = _limit(limit, limits, series)
    try:
        found = gridded(times, values, now_s=until)
        findings = scanned(found, bound)
    except ForecastError as e:
        raise UsageError(e.what, where=str(series), hint=e.hint) from e
    end = found.end_s if until is None else until
    for line in found.notes:
        note(line)
    if opts.json:
        document(_document(series, column, bound, found, findings, end))
        return
    _show(series, bound, found, findings, end)


@app.command()
@command
def burn(opts: Options, series: File, objective: Objective = 0.999) -> None:
    """How fast an error budget is spent. Example: flyball sentinel burn --series slo.csv --objective 0.999"""
    from forecasting.errors import ForecastError
    from forecasting.sentinel.burn import burning
    from forecasting.sentinel.series import gridded

    times, (bad, total, _) = _read(series, ("bad", "total"))
    try:
        grids = [gridded(times, events) for events in (bad, total)]
        rules = burning(grids[0].values, grids[1].values, grids[0].step_s, objective)
    except ForecastError as e:
        raise UsageError(e.what, where=str(series), hint=e.hint) from e
    for line in dict.fromkeys(line for grid in grids for line in grid.notes):
        note(line)
    if opts.json:
        document(_burn_document(series, objective, grids[0].end_s, rules))
        return
    for line in table(BURN_TITLES, [_burn_row(b) for b in rules]):
        say(line)


def _burn_row(b: "Burning") -> tuple[str, ...]:
    windows = f"{age(b.rule.long_s)}/{age(b.rule.short_s)}"
    rates = [f"{x:.3g}" if math.isfinite(x) else "" for x in (b.long_rate, b.short_rate)]
    known = f"{min(b.long_known, b.short_known):.0%}"
    return b.rule.severity, f"{b.rule.factor:g}x", windows, *rates, known, "yes" if b.fires else "no"


def _burn_document(path: Path, objective: float, end_s: int, rules: "tuple[Burning, ...]") -> dict[str, Any]:
    items = [
        {
            "severity": b.rule.severity,
            "factor": b.rule.factor,
            "long": {"window_s": b.rule.long_s, "rate": _finite(b.long_rate), "coverage": b.long_known},
            "short": {"window_s": b.rule.short_s, "rate": _finite(b.short_rate), "coverage": b.short_known},
            "fires": b.fires,
        }
        for b in rules
    ]
    return {
        "kind": "SentinelBurn",
        "series": str(path),
        "objective": objective,
        "end": end_s,
        "rules": items,
    }


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None


def _read(
    path: Path, columns: tuple[str, ...], extra: str | None = None
) -> tuple[list[float], list[list[float]]]:
    """Times, then the columns and, as the last, `extra` (empty where there is no such column); an empty cell or
    `NaN` is missing."""
    times: list[float] = []
    values: list[list[float]] = [[] for _ in range(len(columns) + 1)]
    try:
        if path.stat().st_size > _SIZE_MAX:
            raise UsageError("the series is larger than 256 MiB", where=str(path), hint="cut it")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            names = next(rows, [])
            if missing := [n for n in ("ts", *columns) if n not in names]:
                had = f"it has: {', '.join(names) or 'nothing'}; name one with --column"
                raise UsageError(f"no column `{missing[0]}`", where=str(path), hint=had)
            at = [names.index(n) for n in (*columns, *([extra] if extra in names else []))]
            for row in filter(None, rows):
                where = f"{path}:{rows.line_num}"
                times.append(_seconds(_cell(row, names.index("ts")), where))
                for held, i in zip(values, at, strict=False):
                    held.append(_number(_cell(row, i), where))
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        hint = f"give a text file in UTF-8 whose first line is ts,{','.join(columns)}"
        raise UsageError(f"the series cannot be read: {e}", where=str(path), hint=hint) from e
    for name, held in zip(columns, values, strict=False):
        if times and not any(map(math.isfinite, held)):
            hint = "leave out what was not measured, or name another with --column"
            raise UsageError(f"no value of `{name}` was measured", where=str(path), hint=hint)
    return times, values


def _cell(row: list[str], i: int) -> str:
    return row[i] if i < len(row) else ""


def _number(text: str, where: str) -> float:
    if text.strip().lower() in ("", "nan", "null"):
        return math.nan
    try:
        number = float(text)
    except ValueError as e:
        raise UsageError(
            f"`{text[:40]}` is no number", where=where, hint="leave what is missing empty"
        ) from e
    if math.isfinite(number) and abs(number) > _VALUE_MAX:
        raise UsageError(f"`{text[:40]}` is no measurement", where=where, hint="leave what is missing empty")
    return number if math.isfinite(number) else math.nan


def _seconds(text: str, where: str) -> float:
    try:
        at = float(text)
    except ValueError:
        at = _instant(text, where)
    if not math.isfinite(at) or abs(at) > 1e11:
        hint = "give Unix seconds or RFC 3339, such as 2026-03-02T14:00:00Z"
        raise UsageError(f"`{text[:40]}` is no time in seconds", where=where, hint=hint)
    return at


def _instant(text: str, where: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as e:
        hint = "give Unix seconds or RFC 3339, such as 2026-03-02T14:00:00Z"
        raise UsageError(f"`{text[:40]}` is no time", where=where, hint=hint) from e
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _limit(given: str | None, column: list[float], path: Path) -> float:
    """What was given, else the newest known of the column `limit`."""
    if given is None:
        known = [x for x in column if math.isfinite(x)]
        if not known or known[-1] <= 0:
            what = f"a limit of {known[-1]:g}" if known else "no limit"
            raise UsageError(what, where=str(path), hint="give --limit, such as 2Gi or 0.9")
        return known[-1]
    unit = next((u for u in sorted(_UNITS, key=len, reverse=True) if given.endswith(u)), "")
    try:
        bound = float(given.removesuffix(unit)) * _UNITS.get(unit, 1)
    except ValueError:
        bound = math.nan
    if not 0 < bound <= _VALUE_MAX:
        hint = "give a positive number, or bytes such as 512Mi or 2Gi"
        raise UsageError(f"`{given[:40]}` is no limit", where="--limit", hint=hint)
    return bound


def _show(path: Path, limit: float, series: "Series", findings: "tuple[Finding, ...]", end_s: int) -> None:
    span = age(series.end_s - series.start_s)
    open_ = sum(_open(f, end_s) for f in findings)
    word = "finding" if len(findings) == 1 else "findings"
    head = f"{safe(str(path))}  {span} at {series.step_s}s, limit {limit:g}: {len(findings)} {word}, {open_} open"
    say(tone(head, "bad" if open_ else "plain"))
    if findings:
        for line in table(TITLES, [_row(f) for f in findings]):
            say(line)
    elif (series.end_s - series.start_s) < 7200:
        say("  less than two hours: nothing can be told")


def _row(f: "Finding") -> tuple[str, ...]:
    between = f"{_span(f.soonest_s - f.found_s)}..{_span(f.latest_s - f.found_s)}"
    return (
        _shown(f.found_s), _shown(f.full_s), _span(f.full_s - f.found_s), between, f"{f.level:.4g}",
        f"{f.slope * 3600:.4g}", f"{f.confidence:.2%}", f"{f.tau:.2f}", age(f.window_s), str(f.points),
    )  # fmt: skip


def _span(seconds: int) -> str:
    """`7h34m`; beyond two days as `3d`."""
    return age(seconds) if seconds >= 2 * 86_400 else f"{seconds // 3600}h{seconds % 3600 // 60:02}m"


def _open(f: "Finding", end_s: int) -> bool:
    """Whether it is still so at the end: of the series, or the moment that was given."""
    return end_s - f.until_s <= 1800


def _shown(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _document(
    path: Path, column: str, limit: float, series: "Series", findings: "tuple[Finding, ...]", end_s: int
) -> dict[str, Any]:
    known = [x for x in series.values.tolist() if math.isfinite(x)]
    return {
        "kind": "SentinelScan",
        "series": str(path),
        "column": column,
        "limit": limit,
        "step_s": series.step_s,
        "start": series.start_s,
        "end": series.end_s,
        "coverage": round(len(known) / len(series.values), 6),
        "notes": list(series.notes),
        "findings": [_finding(f, end_s) for f in findings],
    }


def _finding(f: "Finding", end_s: int) -> dict[str, Any]:
    return {
        "what": "exhaustion",
        "found_at": f.found_s,
        "full_at": f.full_s,
        "full_at_soonest": f.soonest_s,
        "full_at_latest": f.latest_s,
        "eta_s": f.full_s - f.found_s,
        "slope_per_s": f.slope,
        "confidence": round(f.confidence, 6),
        "open": _open(f, end_s),
        "until": f.until_s,
        "evidence": {
            "method": "theil-sen, mann-kendall, 3 confirmations",
            "level": f.level,
            "limit": f.limit,
            "tau": round(f.tau, 4),
            "window_s": f.window_s,
            "points": f.points,
        },
    }
