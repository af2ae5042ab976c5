"""Cost against violations on a terminal: a line per setting, two bars with figures; readable without colour."""

import math
import sys
from typing import TYPE_CHECKING

from flyball.cli.kit.output import width
from forecasting.backtest.curve import frontier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.table import Table

    from forecasting.backtest.compare import Comparison, Row
    from forecasting.backtest.recommenders import Setting
    from forecasting.types import Score

_LEAST, _MOST = 48, 100


def lines(found: "Comparison") -> list[str]:
    """Each policy's curve, cheapest setting first; `>` is the one asked for. Bars of violations are logarithmic."""
    from rich.console import Console
    from rich.text import Text

    room = max(_LEAST, min(_MOST, width() or 80))
    console = Console(file=sys.stdout, width=room, color_system=None, force_terminal=False)
    every = [score for row in found.total for _, score in _points(row)]
    dearest = max((score.cost for score in every), default=0) or 1.0
    worst = max((score.violations for score in every), default=0) or 1.0
    with console.capture() as shown:
        console.print(_table((), dearest, worst))
        for row in found.total:
            console.print(Text(row.chosen.name))
            console.print(_table(_points(row), dearest, worst, row.chosen))
    return [line.rstrip() for line in shown.get().splitlines()]


def _table(
    points: "Iterable[tuple[Setting, Score]]", dearest: float, worst: float, chosen: "Setting | None" = None
) -> "Table":
    """A policy's, or the head of all: columns have the same widths, so that they stand below one another."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, expand=True, show_header=chosen is None)
    table.add_column("SETTING", no_wrap=True, width=8)
    for title, scale in (("REPLICA-H", ""), ("VIOL-MIN", "(log)")):
        table.add_column(title, justify="right", no_wrap=True, width=9)
        table.add_column(scale, ratio=1)
    for setting, score in points:
        mark = ">" if setting == chosen else " "
        table.add_row(
            Text(f"{mark} {setting.label.removeprefix(setting.name).strip() or '-'}"),
            f"{score.cost:.0f}",
            ProgressBar(dearest, score.cost),
            f"{score.violations:.0f}",
            ProgressBar(math.log1p(worst), math.log1p(score.violations)),
        )
    return table


def _points(row: "Row") -> "Iterator[tuple[Setting, Score]]":
    """The settings on its curve, and the one asked for."""
    best = frontier(list(row.points.values()))
    kept = [(s, score) for s, score in row.points.items() if score in best or s == row.chosen]
    yield from sorted(kept, key=lambda pair: (pair[1].cost, pair[1].violations))
