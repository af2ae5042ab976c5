"""The output of `flyball sentinel scan`: a table for a person, one document for a program."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from base.durations import written
from flyball.cli.kit.instants import instant
from flyball.cli.kit.output import safe, say, span, table, tone

if TYPE_CHECKING:
    from forecasting.sentinel.exhaustion import Finding
    from forecasting.sentinel.series import Series

_TITLES = ("FOUND", "FULL AT", "IN", "BETWEEN", "LEVEL", "SLOPE/H", "CONFIDENCE", "TAU", "WINDOW", "POINTS")


def show(path: Path, limit: float, series: "Series", findings: "tuple[Finding, ...]", end_s: int) -> None:
    """The series in a line, and a table of its findings."""
    lasted = span(series.end_s - series.start_s)
    open_ = sum(_open(f, end_s) for f in findings)
    word = "finding" if len(findings) == 1 else "findings"
    what = f"{safe(str(path))}  {lasted} at {series.step_s}s, limit {limit:.12g}"
    head = f"{what}: {len(findings)} {word}, {open_} open"
    say(tone(head, "bad" if open_ else "plain"))
    if findings:
        for line in table(_TITLES, [_row(f) for f in findings]):
            say(line)
    elif (series.end_s - series.start_s) < 7200:
        say("  less than two hours: nothing can be said")


def _row(f: "Finding") -> tuple[str, ...]:
    between = f"{written(f.soonest_s - f.found_s, 2)}..{written(f.latest_s - f.found_s, 2)}"
    return (
        instant(1000 * f.found_s), instant(1000 * f.full_s), written(f.full_s - f.found_s, 2), between,
        f"{f.level:.4g}", f"{f.slope * 3600:.4g}", f"{f.confidence:.2%}", f"{f.tau:.2f}", span(f.window_s),
        str(f.points),
    )  # fmt: skip


def _open(f: "Finding", end_s: int) -> bool:
    """Whether it is still so at the end: of the series, or at the given time."""
    return end_s - f.until_s <= 1800


def as_document(
    path: Path, column: str, limit: float, series: "Series", findings: "tuple[Finding, ...]", end_s: int
) -> dict[str, Any]:
    """`SentinelScan`."""
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
