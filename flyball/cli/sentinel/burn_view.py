"""The output of `flyball sentinel burn`: a table for a person, one document for a program."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyball.cli.kit.output import say, span, table

if TYPE_CHECKING:
    from forecasting.sentinel.burn import Burning

_TITLES = ("SEVERITY", "BURNS", "WINDOWS", "LONG", "SHORT", "KNOWN", "FIRES")


def show(rules: "tuple[Burning, ...]") -> None:
    """The table, a line a rule."""
    for line in table(_TITLES, [_row(b) for b in rules]):
        say(line)


def _row(b: "Burning") -> tuple[str, ...]:
    windows = f"{span(b.rule.long_s)}/{span(b.rule.short_s)}"
    rates = [f"{x:.3g}" if math.isfinite(x) else "" for x in (b.long_rate, b.short_rate)]
    known = f"{min(b.long_known, b.short_known):.0%}"
    return b.rule.severity, f"{b.rule.factor:g}x", windows, *rates, known, "yes" if b.fires else "no"


def as_document(path: Path, objective: float, end_s: int, rules: "tuple[Burning, ...]") -> dict[str, Any]:
    """`SentinelBurn`."""
    return {
        "kind": "SentinelBurn",
        "series": str(path),
        "objective": objective,
        "end": end_s,
        "rules": [_item(b) for b in rules],
    }


def _item(b: "Burning") -> dict[str, Any]:
    return {
        "severity": b.rule.severity,
        "factor": b.rule.factor,
        "long": {"window_s": b.rule.long_s, "rate": _finite(b.long_rate), "coverage": b.long_known},
        "short": {"window_s": b.rule.short_s, "rate": _finite(b.short_rate), "coverage": b.short_known},
        "fires": b.fires,
    }


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None
