"""`flyball tune report`: what it counts, what it costs, and what bad input gets."""

import json
import re
from pathlib import Path

import pytest

from flyball.exits import Exit
from flyball.report import prices
from tests.kit.command_line import Flyball

TABLE = 'name = "contract"\ncurrency = "EUR"\ncore_hour = "0.10"\ngib_hour = 0.01\n'


@pytest.fixture
def tuned(flyball: Flyball) -> Flyball:
    """A sandbox in which a pass has changed two workloads, and time to judge them has gone by."""
    assert flyball("tune run --yes --context sandbox").code == Exit.DONE
    assert flyball("sandbox advance 2h").code == Exit.DONE
    assert flyball("audit in-doubt --context sandbox").code == Exit.DONE
    return flyball


def test_it_counts_changes_by_verdict_and_costs_by_a_named_table(
    tuned: Flyball, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prices.toml").write_text(TABLE)
    monkeypatch.setenv("FLYBALL_PRICES", str(tmp_path / "prices.toml"))
    told = tuned("tune report --since 1d --context sandbox -o json").document
    changed = {change["workload"]: change["verdict"] for change in told["changes"]}
    assert changed.keys() == {"deployment/search", "deployment/web"}
    assert sum(told["verdicts"].values()) == 2
    assert told["prices"] == {"name": "contract", "currency": "EUR"}
    actual = told["total"][0]
    assert actual["name"] == "actual"
    assert float(actual["gib_hours"]) > 0
    priced = float(actual["core_hours"]) * 0.10 + float(actual["gib_hours"]) * 0.01
    assert float(actual["cost"]) == pytest.approx(priced, abs=0.01)
    assert {bill["name"] for bill in told["total"]} >= {"hpa-70", "hpa-70-tuned", "vpa-updater"}


def test_a_log_of_many_pages_is_counted_whole(tuned: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    args = "tune report --since 1d --context sandbox -o json"
    told = tuned(args).document
    monkeypatch.setattr("tools.path.log_span.PAGE", 1)
    again = tuned(args).document
    assert [again[name] for name in ("runs", "changes", "refused", "asked", "left_alone")] == [
        told[name] for name in ("runs", "changes", "refused", "asked", "left_alone")
    ]


def test_on_the_terminal_the_answer_comes_first_and_money_is_an_estimate(tuned: Flyball) -> None:
    said = tuned("tune report --since 1d --context sandbox").out
    assert re.search(r"2 changes by 1 agent: ", said.splitlines()[1])
    assert "estimated by the prices `example`; freed requests become money only where nodes leave" in said


@pytest.mark.slow
def test_the_page_needs_nothing_else_and_escapes_what_a_cluster_says(tuned: Flyball, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert tuned(f"tune report --since 1d --context sandbox --html {page}").code == Exit.DONE
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert "<script" not in text
    assert not re.search(r"(src|href)=\"(https?:)?//", text)
    assert "deployment/web" in text


@pytest.mark.parametrize(
    ("args", "what"),
    [
        ("--since 5m", "is not from 1h to 28d"),
        ("--since 400d", "is not from 1h to 28d"),
        ("--since yesterday", "yesterday"),
        ("--html {here}/file/report.html", "cannot write there"),
        ("--html {here}", "not a file"),
    ],
)
def test_bad_input_is_a_usage_error(flyball: Flyball, args: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = flyball(f"tune report {args.format(here=tmp_path)} --context sandbox")
    assert done.code == Exit.USAGE
    assert what in done.err


BROKEN = {
    "missing": TABLE.replace("gib_hour = 0.01\n", ""),
    "unknown": TABLE + 'discount = "1"\n',
    "negative": TABLE.replace("0.10", "-1"),
    "infinite": TABLE.replace('"0.10"', "inf"),
    "no number": TABLE.replace("0.10", "cheap"),
    "a truth": TABLE.replace('"0.10"', "true"),
    "no TOML": "name =",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_price_table_that_is_none_is_refused(
    tmp_path: Path, flyball: Flyball, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prices.toml").write_text(text)
    monkeypatch.setenv("FLYBALL_PRICES", str(tmp_path / "prices.toml"))
    done = flyball("tune report --context sandbox")
    assert done.code == Exit.USAGE
    assert "prices.toml" in done.err


def test_a_price_table_that_is_not_there_is_told_without_an_errno(
    tmp_path: Path, flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_PRICES", str(tmp_path / "none.toml"))
    done = flyball("tune report --context sandbox")
    assert (done.code, "Errno" in done.err) == (Exit.USAGE, False)
    assert "none.toml: no price table: it cannot be read: No such file or directory" in done.err


def test_the_shipped_table_says_that_it_is_an_example() -> None:
    assert prices.load(None).name == "example"


def test_a_log_without_tuning_says_so(flyball: Flyball) -> None:
    told = json.loads(flyball("tune report --context sandbox -o json").out)
    assert (told["changes"], told["runs"], told["total"]) == ([], 0, [])


def test_it_says_why_in_words_and_tells_requests_from_money(flyball: Flyball, tmp_path: Path) -> None:
    """What was refused: by what, of which workload, in which words. What was left alone: why. What was freed, and
    apart from it what that is worth, against every peer."""
    assert flyball("tune run --yes --context sandbox").code == Exit.DONE
    flyball("tune run --cpu-percent 20 --yes --context sandbox")
    told = flyball("tune report --since 1d --context sandbox -o json").document
    for by, one in told["refused"].items():
        assert one["times"] >= 1 <= len(one["workloads"]), by
        assert one["why"], by
    assert told["left_alone"]["owned-by-argocd"] == ["shop/deployment/payments"]
    peers = [one["peer"] for one in told["against"]]
    assert peers == [bill["name"] for bill in told["total"][1:]]
    actual, peer = told["total"][0], told["total"][1]
    freed = float(peer["core_hours"]) - float(actual["core_hours"])
    assert float(told["against"][0]["freed_core_hours"]) == pytest.approx(freed, abs=0.02)
    page = tmp_path / "report.html"
    said = flyball(f"tune report --since 1d --context sandbox --html {page}").out
    for name in peers:
        assert re.search(
            rf"against {name}: \d+\.\d core-hours of requests (freed|more), \d+\.\d GiB-hours (freed|more), "
            r"(\d+|as many) SLO minutes( fewer| more)?; "
            r"\d+\.\d+ USD (saved only where nodes leave|dearer where nodes come)",
            said,
        ), said
        assert f"<li>against {name}: " in page.read_text()
    assert "in words" in page.read_text() or not told["refused"]
