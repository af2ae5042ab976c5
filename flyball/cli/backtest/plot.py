"""Cost against violations as a chart in a file, PNG or SVG: one curve a policy, over all traces.

The only place that knows matplotlib (the extra `plot`). Figures are drawn without pyplot and without a person's own
matplotlibrc, with the font that matplotlib ships: the same numbers give the same bytes.
"""

import io
import math
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from flyball.exits import UsageError
from forecasting.backtest.curve import frontier

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from forecasting.backtest.compare import Comparison, Row

SUFFIXES = (".png", ".svg")
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#777777", "#000000")
"""Okabe and Ito's, which people with colour vision deficiency can tell apart."""
_MARKERS, _DASHES = "osD^vP*X", ("-", "--", "-.", ":")
"""Each curve has a mark of its own, so that it can be recognised without colour."""


def check(path: Path) -> None:
    """Before anything is played: a plot can be drawn into this file. Raises UsageError."""
    if path.suffix.lower() not in SUFFIXES:
        hint = "name a .png or .svg file, or `-` for the terminal"
        raise UsageError("there is no plot of this kind", where=f"--plot {path}", hint=hint)
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as e:
        hint = "uv tool install 'flyball[plot]'; or draw on the terminal with `--plot -`"
        raise UsageError(f"a plot in a file needs matplotlib: {e}", where="--plot", hint=hint) from e


def drawn(found: "Comparison", suffix: str) -> bytes:
    """Replica-hours to the right (up to twice the dearest HPA reference), violation minutes upwards (log)."""
    import matplotlib
    from matplotlib.figure import Figure

    kind = suffix.lower().removeprefix(".")
    without = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["font.family"] = "DejaVu Sans"
        matplotlib.rcParams["svg.hashsalt"] = "flyball"
        figure = Figure(figsize=(10, 5.6), layout="constrained")
        _fill(figure, found)
        content = io.BytesIO()
        figure.savefig(content, format=kind, dpi=144, metadata=without)
    return content.getvalue()


def _fill(figure: "Figure", found: "Comparison") -> None:
    axes = figure.add_subplot()
    rows = found.total
    most = max((hpa.cost for row in rows for hpa in row.hpas.values()), default=0) * 2 or 1.0
    highest = max((score.violations for row in rows for score in row.points.values()), default=0)
    for row, colour, marker, dash in zip(
        rows, cycle(_COLOURS), cycle(_MARKERS), cycle(_DASHES), strict=False
    ):
        _curve(axes, row, most, colour, marker, dash)
    several = "1 trace" if len(found.traces) == 1 else f"{len(found.traces)} traces"
    axes.set_title(f"What each policy costs and breaks, {several}", loc="left")
    axes.set_xlabel("cost: replica-hours asked for")
    axes.set_ylabel("violations: minutes above the target utilisation (log scale)")
    axes.set_xlim(0, most)
    axes.xaxis.set_major_formatter("{x:,.0f}" if most >= 10 else "{x:g}")
    _upwards(axes, max(10.0, highest))
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    if rows:
        title = "policy (filled: the setting asked for)"
        figure.legend(loc="outside right upper", frameon=False, title=title, alignment="left")
    else:
        axes.text(0.5, 0.5, "no policy was played", transform=axes.transAxes, ha="center")


def _upwards(axes: "Axes", highest: float) -> None:
    """Straight in log(1 + minutes), as curves are read between their points."""
    steps = (1, 2, 5) if highest <= 1000 else (1,)
    known = (float(step * 10**power) for power in range(12) for step in steps)
    ticks = [0.0, *(minutes for minutes in known if minutes <= highest)]
    axes.set_yticks([math.log1p(minutes) for minutes in ticks], [f"{minutes:,.0f}" for minutes in ticks])
    top = math.log1p(highest)
    axes.set_ylim(-0.03 * top, 1.05 * top)


def _curve(axes: "Axes", row: "Row", most: float, colour: str, marker: str, dash: str) -> None:
    points = frontier(list(row.points.values()))
    label = row.chosen.label
    if row.chosen.name == "oracle":
        label += "\n(a bound: knows the future)"
    if points and points[0].cost > most:
        label += f"\n(beyond: {points[0].cost:,.0f} and more)"
    axes.plot(
        [point.cost for point in points],
        [math.log1p(point.violations) for point in points],
        color=colour, linestyle=dash, linewidth=1.6, marker=marker, markersize=6, markerfacecolor="white",
        label=label,
    )  # fmt: skip
    if row.score.cost <= most:
        axes.plot(row.score.cost, math.log1p(row.score.violations), color=colour, marker=marker, markersize=9)
