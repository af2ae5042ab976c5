"""`flyball sentinel scan`: what it prints, its document, and files that are no series."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from flyball.cli.main import main

Scan = Callable[..., int]
MIB = 2**20


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    """Scans a file of this text."""

    def run(text: str, *words: str) -> int:
        path = tmp_path / "series.csv"
        path.write_text(text)
        return main(["sentinel", "scan", "--series", str(path), *words, "--state", str(tmp_path / "state")])

    return run


def leak(name: str = "value") -> str:
    """600 MiB for a day, then 40 MiB more an hour: 1 GiB is reached 10.6 h later; six hours of it."""
    lines = [f"ts,{name}"]
    for minute in range(30 * 60):
        used = 600 + 40 / 60 * max(0, minute - 24 * 60) + minute % 7 / 7
        lines.append(f"{1_772_460_000 + minute * 60},{used * MIB:.0f}")
    return "\n".join(lines) + "\n"


def test_a_leak_is_told_with_its_moment(scan: Scan, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan(leak(), "--limit", "1Gi", "-o", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["apiVersion"], document["kind"]) == ("flyball/v1", "SentinelScan")
    (finding,) = document["findings"]
    full = 1_772_460_000 + (24 + 424 / 40) * 3600
    assert finding["full_at"] == pytest.approx(full, abs=900)
    assert finding["full_at_soonest"] <= finding["full_at"] <= finding["full_at_latest"]
    assert finding["slope_per_s"] == pytest.approx(40 * MIB / 3600, rel=0.03)
    assert finding["open"] is True
    assert finding["confidence"] > 0.99
    assert {"method", "level", "limit", "tau", "window_s", "points"} == set(finding["evidence"])


def test_a_person_sees_a_table(scan: Scan, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan(leak("memory"), "--limit", "1Gi", "--column", "memory") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("1 finding, 1 open")
    assert lines[1].split("   ")[0] == "FOUND"
    assert lines[2].startswith("2026-03-0")


def test_the_limit_may_be_a_column(scan: Scan, capsys: pytest.CaptureFixture[str]) -> None:
    head, *rows = leak().splitlines()
    text = "\n".join([f"{head},limit", *(f"{row},{1024 * MIB}" for row in rows)])
    assert scan(text, "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["limit"] == 1024 * MIB


def test_what_was_corrected_is_said(scan: Scan, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["2026-03-02T14:00:00Z,1", "2026-03-02T14:02:00Z,NaN", "2026-03-02T14:01:00Z,1"]
    later = ["2026-03-02T14:01:00Z,2", "2027-03-02T14:01:00Z,2"]
    text = "\n".join(["ts,value", *rows, *later])
    assert scan(text, "--limit", "9", "--now", "2026-03-02T15:00:00Z") == 0
    shown = capsys.readouterr()
    assert "less than two hours" in shown.out
    for word in ("from the future", "out of order", "without a value", "the timestamp of another"):
        assert word in shown.err


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("", [], "one column `ts` is needed"),
        ("ts,cpu\n1,2\n", [], "the head has `ts`, `cpu`\n  name another with --column"),
        ("ts,value\n", [], "there is no sample"),
        ("ts,value\n1,2\n", [], "fewer than two moments"),
        ("ts,value\n1,2\n2,x\n", [], "series.csv:3"),
        ("ts,value\nsoon,2\n", [], "RFC 3339"),
        ("ts,value\n1772460000000,2\n", [], "is not a time in seconds"),
        ("ts,value\n1,\n61,NaN\n", [], "no value of `value` was measured"),
        ("ts,value\n1,2\n61,1e308\n", [], "is not a measurement"),
        ("ts,value\n1,2\n90001,2\n", [], "too few for a finding"),
        ("ts,value\n1,2\n2,2\x00\n", [], "is not a number"),
        ('ts,value\n"1,2\n2,2\n', [], "this is not CSV"),
        ("ts,value\n1," + "9" * 200_000 + "\n", [], "this is not CSV"),
        ("ts,value\n1,2\n61,2\n", ["--limit", "lots"], "is not a limit"),
        ("ts,value\n1,2\n61,2\n", ["--limit", "-1"], "is not a limit"),
        ("ts,value\n1,2\n61,2\n", ["--limit", "1_0"], "is not a limit"),
        ("ts,value\n1,2\n61,2\n", ["--limit", "１Gi"], "is not a limit"),
        ("ts,value\n1,2\n61,2\n", ["--limit", "NaN"], "is not a limit"),
        ("ts,value\n1,2\n61,2\n", ["--limit", "1e19"], "is not a limit"),
        ("ts,value\n1,4e8\n61,4e8\n", ["--limit", "512m"], "did you mean 512Mi?"),
        ("ts,value\n1,2\n61,2\n", ["--limit", "9", "--now", "soon"], "error: --now: `soon` is not a time"),
    ],
)
def test_what_is_no_series_is_a_usage_error(
    scan: Scan, capsys: pytest.CaptureFixture[str], text: str, words: list[str], said: str
) -> None:
    assert scan(text, *(words or ["--limit", "9"])) == 2
    assert said in capsys.readouterr().err


def test_without_a_limit_it_says_how(scan: Scan, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan("ts,value\n1,2\n61,2\n") == 2
    assert "--limit" in capsys.readouterr().err
    assert main(["sentinel", "scan", "--series", "/nowhere.csv", "--limit", "9"]) == 2


def test_a_column_of_limits_is_no_limit_where_it_is_not_positive(
    scan: Scan, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scan("ts,value,limit\n1,2,9\n61,2,-5\n") == 2
    assert "a limit of -5" in capsys.readouterr().err


def test_a_file_that_is_no_text_says_what_to_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.csv").write_bytes(bytes(range(128, 256)))
    assert main(["sentinel", "scan", "--series", str(tmp_path / "x.csv"), "--limit", "9"]) == 2
    assert "UTF-8" in capsys.readouterr().err


def test_what_is_stale_is_said_and_nothing_of_it_is_open(
    scan: Scan, capsys: pytest.CaptureFixture[str]
) -> None:
    later = str(1_772_460_000 + 40 * 3600)
    assert scan(leak(), "--limit", "1Gi", "--now", later, "-o", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [finding["open"] for finding in document["findings"]] == [False]
    assert any(line.startswith("stale: ") for line in document["notes"])


def slo(bad: str = "20") -> str:
    """Four hours of 1,000 requests a minute, of the last of which so many failed each minute."""
    rows = [f"{1_772_460_000 + 60 * m},{bad if m >= 180 else 0},1000" for m in range(240)]
    return "\n".join(["ts,bad,total", *rows]) + "\n"


def burn(tmp_path: Path, text: str, *words: str) -> int:
    (tmp_path / "slo.csv").write_text(text)
    given = ["--series", str(tmp_path / "slo.csv"), *words, "--state", str(tmp_path / "state")]
    return main(["sentinel", "burn", *given])


def test_a_budget_that_burns_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert burn(tmp_path, slo(), "-o", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "SentinelBurn"
    assert [rule["fires"] for rule in document["rules"]] == [True, False, True]
    assert document["rules"][0]["long"] == {"window_s": 3600, "rate": pytest.approx(20), "coverage": 1}
    assert burn(tmp_path, slo()) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == [
        "FIRES",
        "yes",
        "no",
        "yes",
    ]


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (slo(), ["--objective", "1"], "no budget"),
        ("ts,bad\n1,2\n", [], "one column `total` is needed"),
        (slo("NaN").replace(",0,", ",,"), [], "no value of `bad`"),
        ("ts,bad,total\n1,0,1\n", [], "fewer than two moments"),
    ],
)
def test_what_is_no_budget_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: list[str], said: str
) -> None:
    assert burn(tmp_path, text, *words) == 2
    assert said in capsys.readouterr().err


def test_the_pages_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "sentinel.md").read_text()
    (tmp_path / "memory.csv").write_text(leak())
    (tmp_path / "slo.csv").write_text(slo())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLYBALL_STATE", str(tmp_path / "state"))
    commands = re.findall(r"^\$ flyball (.*)$", page, re.MULTILINE)
    assert len(commands) >= 2
    assert [main(command.split()) for command in commands] == [0] * len(commands)
    assert "1 finding" in capsys.readouterr().out
