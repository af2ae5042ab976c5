"""Cost against violations drawn: into a file with matplotlib, on a terminal with words and bars."""

import re
import resource
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from flyball.cli.backtest import bars
from flyball.cli.backtest.plot import drawn
from forecasting.backtest.compare import Comparison, Row
from forecasting.backtest.recommenders import Setting
from forecasting.types import Score
from tests.kit.command_line import Flyball

PNG = b"\x89PNG\r\n\x1a\n"
BAR = re.compile("[━╸]+")


def row(name: str, points: list[tuple[float, float]], hpa: float = 100) -> Row:
    """A policy with these scores (cost, violations); the first is the one asked for."""
    scores = {Setting(name, 70 + i): Score(*point, 3) for i, point in enumerate(points)}  # type: ignore[arg-type]
    chosen, hpas = next(iter(scores)), {p: Score(hpa, 50, 3) for p in (70, 60)}
    nothing = dict.fromkeys(hpas)
    return Row(chosen, scores[chosen], nothing, nothing, hpas, scores)


def of(*rows: Row) -> Comparison:
    return Comparison(rows, {"web": rows})


ODD = {
    "one policy": of(row("hpa", [(100, 50), (120, 20)])),
    "one point": of(row("oracle", [(2.5, 0)], hpa=2)),
    "none": of(),
    "a long name and one beyond": of(row("a-name-" * 9, [(100, 50)]), row("static", [(1e6, 0)])),
    "more than there are colours": of(*(row(f"policy-{i}", [(80 + i, 3000 - i)]) for i in range(11))),
    "nothing costs": of(row("hpa", [(0, 0)], hpa=0)),
    "millions": of(row("hpa", [(1e9, 1e9)], hpa=1e9)),
}


def texts(svg: bytes) -> str:
    """The words of a drawing; matplotlib leaves each as a comment beside its outlines."""
    builder = ElementTree.TreeBuilder(insert_comments=True)
    root = ElementTree.fromstring(svg, ElementTree.XMLParser(target=builder))
    return "\n".join(e.text or "" for e in root.iter() if e.tag is ElementTree.Comment)


@pytest.mark.parametrize("name", ODD)
def test_odd_comparisons_are_drawn_the_same_each_time(name: str) -> None:
    png, svg = drawn(ODD[name], ".PNG"), drawn(ODD[name], ".svg")
    assert png.startswith(PNG)
    assert (png, svg) == (drawn(ODD[name], ".png"), drawn(ODD[name], ".svg"))
    assert b"date" not in svg.lower()
    assert "replica-hours" in texts(svg)


def test_axes_have_units_and_curves_their_names() -> None:
    found = of(
        row("quantile", [(90, 10), (120, 1)]), row("static", [(900, 0)]), row("oracle", [(50, 0)]),
    )  # fmt: skip
    words = texts(drawn(found, ".svg"))
    for wanted in (
        "cost: replica-hours asked for", "violations: minutes above the target utilisation (log scale)", "1 trace",
        "quantile 70", "static 70%", "(beyond: 900 and more)", "oracle", "(a bound: knows the future)",
    ):  # fmt: skip
        assert wanted in words


def test_a_persons_own_style_changes_nothing() -> None:
    import matplotlib

    before = drawn(ODD["one policy"], ".png")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        assert drawn(ODD["one policy"], ".png") == before
        assert matplotlib.rcParams["font.size"] == 30
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize("room", [48, 60, 100])
def test_bars_fit_the_terminal_and_stand_beside_their_figures(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(room))
    lines = bars.lines(of(row("quantile", [(120, 1), (90, 50), (130, 40)]), row("oracle", [(50, 0)])))
    assert all(len(line) <= room for line in lines)
    assert "\x1b" not in "".join(lines), "no colour is needed"
    assert lines[0].split() == ["SETTING", "REPLICA-H", "VIOL-MIN", "(log)"]
    assert [BAR.sub("", line).split() for line in lines[1:]] == [
        ["quantile"], ["71", "90", "50"], [">", "70", "120", "1"], ["oracle"], [">", "-", "50", "0"],
    ], "cheapest first; what costs more and breaks more is left away"  # fmt: skip
    cheap, dear = (list(map(len, BAR.findall(lines[i]))) for i in (2, 3))
    assert cheap[0] < dear[0]
    assert cheap[1] > dear[1]


@pytest.mark.parametrize("name", ODD)
def test_odd_comparisons_have_bars(name: str) -> None:
    lines = bars.lines(ODD[name])
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith(">") for line in lines) == len(ODD[name].total)


@pytest.fixture
def trace(home: Path) -> None:
    lines = [f"{60 * i},{5 + i % 7}" for i in range(600)]
    Path("web.csv").write_text("\n".join(["ts,value", *lines]) + "\n")


@pytest.mark.parametrize("name", ["a.png", "new/a.svg", "A.SVG"])
def test_a_file_of_each_kind(flyball: Flyball, trace: None, name: str) -> None:
    done = flyball(f"tune backtest --trace web.csv --policy hpa --plot {name}")
    assert done.code == 0, done.err
    content = Path(name).read_bytes()
    assert content.startswith(PNG if name.endswith("png") else b"<?xml")
    assert [p.name for p in Path(name).parent.iterdir() if p.name.startswith(".")] == [], "nothing half"


def test_on_the_terminal(flyball: Flyball, trace: None) -> None:
    done = flyball("tune backtest --trace web.csv --policy hpa --plot -")
    assert done.code == 0, done.err
    assert "POLICY" in done.out
    assert "SETTING" in done.out
    assert not Path("-").exists()


# what is asked for, what is said; nothing is read or played before
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--plot a.pdf", "error: --plot a.pdf: there is no plot of this kind"),
        ("--plot a", "name a .png or .svg file"),
        ("--plot - -o json", "error: --plot: `--plot -` is for a person"),
        ("--plot - --out plan", "--plot and --metric-noise belong to the table"),
    ],
)
def test_what_cannot_be_drawn_is_refused_first(flyball: Flyball, home: Path, words: str, said: str) -> None:
    done = flyball(f"tune backtest --trace nowhere.csv {words}")
    assert done.code == 2
    assert said in done.err


def test_without_matplotlib_it_is_said_how_to_get_it(
    flyball: Flyball, trace: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = flyball("tune backtest --trace nowhere.csv --plot a.png")
    assert done.code == 2
    assert "a plot in a file needs matplotlib" in done.err
    assert "uv tool install 'flyball[plot]'" in done.err
    assert not Path("a.png").exists()
    assert flyball("tune backtest --trace web.csv --policy hpa --plot -").code == 0, "needs none"


def test_a_full_disk_leaves_what_was_there(flyball: Flyball, trace: None) -> None:
    words = "tune backtest --trace web.csv --policy hpa --plot a.png"
    assert flyball(words).code == 0
    before, limits = Path("a.png").read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        done = flyball(words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert done.code == 2
    assert "error: a.png: cannot write: File too large" in done.err
    assert Path("a.png").read_bytes() == before
    assert sorted(p.name for p in Path().iterdir()) == ["a.png", "web.csv"]
