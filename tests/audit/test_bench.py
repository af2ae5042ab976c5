"""The bench runs, small, and its figures are shown as a table and as JSON."""

import json
import math

import pytest

from tests.bench import audit
from tests.bench.__main__ import main
from tests.bench.report import Row, document, table

ROWS = [
    Row("appends/s", 12_345.6, 0.5, ">= 5"),
    Row("CPU µs", 50, bar="<= 45"),
    Row("away", math.nan, bar="<= 2"),
]


def test_rows_are_shown_with_their_bars() -> None:
    lines = table(ROWS).splitlines()
    assert "12,346" in lines[1]
    assert lines[1].endswith("held")
    assert lines[2].endswith("MISSED")
    shown = json.loads(document("audit", ROWS))
    assert [row["held"] for row in shown["rows"]] == [True, False, None]
    assert shown["rows"][2]["value"] is None


def test_the_bench_of_the_log_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "-o", "json", "--records", "640", "--appends", "128", "--rounds", "1"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    names = [row["name"] for row in rows]
    assert "log, 64 callers, % of raw" in names
    assert "fdatasync a commit" in " ".join(names)
    assert audit.CALLERS == (1, 8, 64)
