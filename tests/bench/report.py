"""What every bench gives and how it is shown: a row is a figure, against a peer and against its bar."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

_HEAD = ("MEASURED", "VALUE", "RATIO", "BAR", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `name` tells its unit. `ratio` is to the peer, `bar` is `<= x` or `>= x` for the value."""

    name: str
    value: float
    ratio: float | None = None
    bar: str = ""

    @property
    def held(self) -> bool | None:
        """Whether the bar is held; None where there is none, or nothing was measured."""
        if not self.bar or math.isnan(self.value):
            return None
        sign, limit = self.bar.split()
        return self.value <= float(limit) if sign == "<=" else self.value >= float(limit)


def table(rows: Sequence[Row]) -> str:
    cells = [_HEAD, *map(_cells, rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(_HEAD))]
    return "\n".join(
        "   ".join(
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    )


def document(name: str, rows: Sequence[Row]) -> str:
    """One JSON document; what was not measured is null."""
    items = [
        {
            "name": row.name,
            "value": None if math.isnan(row.value) else row.value,
            "ratio": row.ratio,
            "bar": row.bar or None,
            "held": row.held,
        }
        for row in rows
    ]
    return json.dumps({"apiVersion": "flyball/v1", "kind": "Bench", "name": name, "rows": items}, indent=2)


def _cells(row: Row) -> tuple[str, ...]:
    verdict = {True: "held", False: "MISSED", None: ""}[row.held]
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
    return row.name, _number(row.value), ratio, row.bar, verdict


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
