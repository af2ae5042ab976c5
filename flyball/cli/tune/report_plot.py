"""A workload's demand, requests and changes as an inline SVG.

With flyball.cli.backtest.plot the only place that knows matplotlib (the extra `plot`).
"""

import io
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from flyball.report.costs import Course
    from flyball.report.deeds import Deeds

_POINTS = 1_500
"""Points of a line; of more, each is the highest of its stretch."""
_DEMAND, _REQUESTS, _CHANGE, _BACK = "#0072B2", "#777777", "#009E73", "#D55E00"


def there() -> bool:
    """Whether plots can be drawn."""
    return find_spec("matplotlib") is not None


def drawn(course: "Course", deeds: "Deeds") -> str:
    """The demand as a line, the requests as steps, each change as a mark, and a rollback as one of another form."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["font.family"] = "DejaVu Sans"
        matplotlib.rcParams["svg.hashsalt"] = "flyball"
        figure = Figure(figsize=(10, 3.2), layout="constrained")
        _fill(figure.add_subplot(), course, deeds)
        content = io.BytesIO()
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    text = content.getvalue().decode()
    return text[text.index("<svg") :]


def _fill(axes: "Axes", course: "Course", deeds: "Deeds") -> None:
    width = -(-len(course.used) // _POINTS)
    times = [_at(course.start_ms + i * 60_000) for i in range(0, len(course.used), width)]
    axes.plot(times, _cores(course.used, width), color=_DEMAND, linewidth=1, label="CPU used")
    axes.step(times, _cores(course.requested, width), color=_REQUESTS, where="post", label="CPU requested")
    for deed in deeds.changes:
        if deed.target == str(course.target) and deed.namespace == course.target.namespace:
            back = deed.verdict.startswith("roll")
            colour, style = (_BACK, ":") if back else (_CHANGE, "--")
            axes.axvline(_at(deed.at_ms), color=colour, linestyle=style, linewidth=0.8)
    axes.xaxis_date()
    axes.set_ylabel("cores")
    axes.set_ylim(0, 1.25 * max(*(v or 0 for v in course.used), *(v or 0 for v in course.requested)) / 1000)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.plot([], [], color=_CHANGE, linestyle="--", label="change")
    axes.plot([], [], color=_BACK, linestyle=":", label="rolled back")
    axes.legend(loc="upper right", frameon=False, ncols=4)


def _cores(values: Sequence[int | None], width: int) -> list[float]:
    parts = [[v for v in values[i : i + width] if v is not None] for i in range(0, len(values), width)]
    return [max(part) / 1000 if part else float("nan") for part in parts]


def _at(ms: int) -> float:
    """As the axis counts, in days since 1970."""
    return ms / 86_400_000
