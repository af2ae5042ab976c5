"""`flyball tune backtest-cpu`: the table, the document, the files, and what is refused."""

import gzip
import math
from pathlib import Path

import pytest

from tests.kit.command_line import Flyball

MONDAY = 1_699_833_600


def _trace(path: Path, columns: int = 1, steps: int = 2 * 288) -> Path:
    head = "ts," + ",".join("value" if columns == 1 else f"vm{c}" for c in range(columns))
    lines = [
        f"{MONDAY + 300 * i}," + ",".join(f"{1 + c + 0.5 * math.sin(i / 45):.4f}" for c in range(columns))
        for i in range(steps)
    ]
    text = "\n".join([head, *lines]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_table_against_the_peers(flyball: Flyball, home: Path) -> None:
    found = flyball(["tune", "backtest-cpu", "--trace", str(_trace(home / "web.csv"))])
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    assert lines[0] == "1 trace, 1.0 days played"
    assert [line.split()[0] for line in lines[2:7]] == ["in-place", "restart", "vpa", "vpa-updater", "krr"]
    assert lines[7].startswith("in-place against vpa: slack -")


def test_who_has_nothing_to_say_has_no_figures(flyball: Flyball, home: Path) -> None:
    """KRR wants 100 points of history; 0 % slack would read as the best of all."""
    found = flyball(["tune", "backtest-cpu", "--trace", str(_trace(home / "new.csv", steps=60))])
    assert found.code == 0, found.err
    assert next(line for line in found.out.splitlines() if line.startswith("krr")).split()[1:] == ["-"] * 4


def test_document_and_files(flyball: Flyball, home: Path) -> None:
    wide, out = _trace(home / "vms.csv.gz", columns=2), home / "plan"
    words = [
        "tune",
        "backtest-cpu",
        "--trace",
        str(wide),
        "--column",
        "*",
        "--unit",
        "1000",
        "--out",
        str(out),
    ]
    found = flyball([*words, "-o", "json"])
    assert found.code == 0, found.err
    document = found.document
    assert document["kind"] == "BacktestCpu"
    assert [item["trace"] for item in document["items"]] == ["vms-vm0", "vms-vm1"]
    figures = document["fleet"]["in-place"]
    assert all(isinstance(figure, int) for figure in figures.values())
    assert set(figures) >= {"slack_ppm", "throttled_ppm", "changes_per_week_milli"}
    assert [Path(path).name for path in document["files"]] == ["vms-vm0.csv", "vms-vm1.csv"]
    written = (out / "vms-vm0.csv").read_text().splitlines()
    assert written[0] == "ts,cores"
    assert written[1].split(",") == [str(MONDAY + 288 * 300), "0.025"]


@pytest.mark.parametrize(
    ("text", "options", "what"),
    [
        ("ts,value\n1,0.5\n", [], "one sample is not enough"),
        ("ts,value\n", [], "there is no sample"),
        ("a,b\n1,2\n", [], "one column `ts` is needed"),
        ("ts,cpu\n1,2\n", [], "one column `value` is needed"),
        ("ts,value\n9999999999,1\n", [], "lies in the future"),
        ("ts,value\n1,1\n2,-1\n", [], "negative value"),
        ("ts,value\n1,1\n", ["--unit", "0"], "0 is not a unit"),
        ("ts,value\n1,1\n", ["--unit", "1e-300"], "1e-300 is not a unit"),
        ("\x1f\x8b", [], "this is not text"),
    ],
)  # fmt: skip
def test_what_is_no_trace_is_refused(
    flyball: Flyball, home: Path, text: str, options: list[str], what: str
) -> None:
    path = home / "bad.csv"
    path.write_bytes(text.encode("latin-1"))
    found = flyball(["tune", "backtest-cpu", "--trace", str(path), *options])
    assert found.code == 2
    assert what in found.err
    assert not found.out


def test_traces_that_are_not_there_or_share_a_name(flyball: Flyball, home: Path) -> None:
    assert "No such file" in flyball(["tune", "backtest-cpu", "--trace", "nowhere.csv"]).err
    one = str(_trace(home / "a.csv"))
    found = flyball(["tune", "backtest-cpu", "--trace", one, "--trace", one])
    assert found.code == 2
    assert "two traces are named `a`" in found.err


def test_a_column_is_no_way_out_of_the_folder(flyball: Flyball, home: Path) -> None:
    """A trace is often somebody else's file, and `*` takes its head's names."""
    text = _trace(home / "wide.csv", columns=2).read_text().replace("ts,vm0,vm1", "ts,a,../../../out")
    (home / "wide.csv").write_text(text)
    found = flyball(
        ["tune", "backtest-cpu", "--trace", str(home / "wide.csv"), "--column", "*", "--out", "plan"]
    )
    assert found.code == 2
    assert "names no file" in found.err
    assert not Path("plan").exists()
