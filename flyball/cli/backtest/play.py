"""Playing policies on traces for `flyball tune backtest`: into files, or as a table and a chart."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flyball.cli.kit.options import Options
from forecasting.backtest.names import Name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forecasting.backtest.compare import Case, Comparison

TERMINAL = Path("-")
"""As the file of a plot: the terminal."""


def write(opts: Options, out: Path, cases: "Sequence[Case]", name: Name, risk: float, percent: int) -> None:
    """The replicas that one policy asks for, a file a trace."""
    from flyball.cli.backtest import files, show, spread
    from flyball.cli.kit.output import document, note, say
    from forecasting.backtest.recommend import recommended
    from forecasting.backtest.recommenders import default

    setting = default(name, cases[0].shape, risk, percent)
    texts = spread.spread(partial(recommended, setting), cases)
    stems = [case.trace.stem for case in cases]
    paths = files.write(out, dict(zip(stems, texts, strict=True)))
    show.notes(cases)
    if name == "oracle":
        note(show.BOUND)
    if opts.json:
        document({"kind": "BacktestFiles", "policy": setting.label, "items": [str(path) for path in paths]})
        return
    for path in paths:
        say(str(path))


def compare(
    opts: Options,
    cases: "Sequence[Case]",
    policy: Name | None,
    risk: float,
    percent: int,
    plot: Path | None,
) -> None:
    """Every policy, or one beside the HPA, as a table and a chart."""
    from flyball.cli.backtest import show, spread
    from flyball.cli.kit.output import document
    from forecasting.backtest.compare import compare as compared
    from forecasting.backtest.recommenders import PEERS

    names: tuple[Name, ...] = ("quantile", *PEERS)
    if policy is not None:
        names = (policy,) if policy == "hpa" else (policy, "hpa")
    found = compared(cases, names, risk, percent, spread.spread)
    if plot not in (None, TERMINAL):
        _draw(plot, found)
    if opts.json:
        document(show.document(cases, found))
        return
    show.show(cases, found)
    if plot == TERMINAL:
        _print(found)


def _draw(path: Path, found: "Comparison") -> None:
    from flyball.cli.backtest import files
    from flyball.cli.backtest.plot import drawn

    files.write_one(path, drawn(found, path.suffix))


def _print(found: "Comparison") -> None:
    from flyball.cli.backtest.bars import lines
    from flyball.cli.kit.output import note, say

    for line in ("", *lines(found)):
        say(line)
    note(">: the setting asked for")
