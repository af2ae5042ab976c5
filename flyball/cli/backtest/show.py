"""The output of a backtest: a table for a person, one document for a program (integers only)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecasting.backtest.compare import Case, Comparison, Row
    from forecasting.types import Score

_HEAD = (
    "POLICY", "REPLICA-H", "VIOL-MIN", "ACTIONS", "VIOL@70", "FEWER", "WORSE-ON", "HOURS@70", "CHEAPER", "FEWER@60",
)  # fmt: skip
_LESS = ("HOURS@70", "VIOL@70", "WORSE-ON", "FEWER@60")
"""What a narrow terminal goes without, in this order."""
BOUND = "the oracle knows the future: an upper bound, not usable live"


def show(cases: "Sequence[Case]", found: "Comparison") -> None:
    """The table, and what was done to the traces on stderr."""
    from flyball.cli.kit.output import fitted, note, say

    notes(cases)
    minutes = sum(len(case.trace.minutes) for case in cases)
    shape, several = cases[0].shape, "" if len(cases) == 1 else "s"
    say(
        f"{len(cases)} trace{several}, {minutes} minutes played, start-up {shape.startup_s} s, "
        f"utilisation at most {shape.target_util:.0%}"
    )
    worse = [f"{_worse(found, place)}/{len(cases)}" for place in range(len(found.total))]
    rows = [_cells(row, worse[place]) for place, row in enumerate(found.total)]
    for line in fitted(_HEAD, rows, _LESS):
        say(line)
    note("VIOL@70, FEWER: at the cost of HPA 70%; HOURS@70, CHEAPER: at its violations")
    if any(row.chosen.name == "oracle" for row in found.total):
        note(f"* {BOUND}")


def notes(cases: "Sequence[Case]") -> None:
    """What was done to the traces, on stderr."""
    from flyball.cli.kit.output import note

    for case in cases:
        for one in case.trace.notes:
            note(f"{case.trace.stem}: {one}")


def _cells(row: "Row", worse: str) -> tuple[object, ...]:
    return (
        row.chosen.label.replace(" ", "-") + ("*" if row.chosen.name == "oracle" else ""),
        round(row.score.cost),
        round(row.score.violations),
        row.score.actions,
        _rounded(row.violations_at[70]),
        _percent(less_ppm(row.violations_at[70], row.hpas[70].violations)),
        worse,
        _rounded(row.cost_at[70]),
        _percent(less_ppm(row.cost_at[70], row.hpas[70].cost)),
        _percent(less_ppm(row.violations_at[60], row.hpas[60].violations)),
    )


def _worse(found: "Comparison", place: int) -> int:
    """On how many traces the policy breaks more than HPA 70 at its cost, or cannot be as cheap."""
    count = 0
    for rows in found.traces.values():
        reached, hpa = rows[place].violations_at[70], rows[place].hpas[70]
        count += reached is None or reached > hpa.violations
    return count


def less_ppm(value: float | None, reference: float) -> int | None:
    """By how many millionths `value` is below the reference; None where it is not reached or there is none."""
    return None if value is None or not reference else round(1_000_000 * (1 - value / reference))


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)


def _percent(ppm: int | None) -> str | None:
    return None if ppm is None else f"{ppm / 10_000:.1f}%"


def document(cases: "Sequence[Case]", found: "Comparison") -> dict[str, Any]:
    """The comparison: replica-seconds, violation seconds and changes."""
    return {
        "kind": "Backtest",
        "startup_s": cases[0].shape.startup_s,
        "target_util_ppm": round(1_000_000 * cases[0].shape.target_util),
        "total": [_item(row) for row in found.total],
        "traces": [_trace(case, found.traces[case.trace.stem]) for case in cases],
    }


def _trace(case: "Case", rows: "Sequence[Row]") -> dict[str, Any]:
    return {
        "trace": case.trace.stem,
        "minutes": len(case.trace.minutes),
        "coverage_ppm": case.trace.coverage_ppm,
        "per_replica_microcores": round(1_000_000 * case.shape.per_replica),
        "notes": list(case.trace.notes),
        "policies": [_item(row) for row in rows],
    }


def _item(row: "Row") -> dict[str, Any]:
    return {
        "policy": row.chosen.name,
        "causal": row.chosen.name != "oracle",
        "setting_ppm": round(row.chosen.value * (1_000_000 if row.chosen.name == "quantile" else 10_000)),
        **_score(row.score),
        "at": {
            f"hpa-{percent}": {
                "violation_seconds_at_its_cost": _seconds(row.violations_at[percent], 60),
                "replica_seconds_at_its_violations": _seconds(row.cost_at[percent], 3600),
            }
            for percent in row.violations_at
        },
        "curve": [{"setting": setting.label, **_score(score)} for setting, score in row.points.items()],
    }


def _score(score: "Score") -> dict[str, int]:
    return {
        "replica_seconds": round(score.cost * 3600),
        "violation_seconds": round(score.violations * 60),
        "actions": score.actions,
    }


def _seconds(value: float | None, unit: int) -> int | None:
    return None if value is None else round(value * unit)
