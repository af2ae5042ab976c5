"""`flyball tune backtest`: files, tables, refusals, the workload's own history, and its page's commands."""

import csv
import gzip
import json
import math
import os
import random
import re
import resource
import shlex
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from forecasting.backtest.names import Name
from tests.kit.command_line import Flyball

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/backtest.md").read_text()
DAY = 1440


def values(days: float, seed: int) -> list[float]:
    chance = random.Random(seed)
    return [
        20 + 12 * math.sin(t / DAY * 2 * math.pi) + chance.gauss(0, 1) ** 2 for t in range(int(days * DAY))
    ]


def write(name: str, demand: list[float], start: int = 1_700_000_000) -> None:
    lines = [f"{start + 60 * i},{v:.4f},{v / 2:.4f}" for i, v in enumerate(demand)]
    Path(name).write_text("\n".join(["ts,value,cpu", *lines]) + "\n")


def plan(name: str) -> list[tuple[int, int]]:
    with Path(name).open(newline="") as file:
        return [(int(row["ts"]), int(row["replicas"])) for row in csv.DictReader(file)]


@pytest.fixture
def traces(home: Path) -> None:
    write("web.csv", values(2, 1))
    write("shop.csv", values(2, 2))


def test_a_line_a_minute_of_the_second_half(flyball: Flyball, traces: None) -> None:
    done = flyball("tune backtest --trace web.csv --trace shop.csv --policy hpa --out plans/new")
    assert done.code == 0, done.err
    assert done.out.split() == ["plans/new/web.csv", "plans/new/shop.csv"]
    assert [at for at, _ in plan("plans/new/web.csv")] == [
        1_700_000_000 + 60 * i for i in range(DAY, 2 * DAY)
    ]
    assert sorted(p.name for p in Path("plans/new").iterdir()) == ["shop.csv", "web.csv"], "nothing half"


@pytest.mark.parametrize(
    "policy",
    ["quantile", "hpa", "seasonal", "holt-winters", "seasonal-alone", "holt-winters-alone", "static"],
)
def test_another_future_has_the_same_past(flyball: Flyball, home: Path, policy: str) -> None:
    """Through the command: a changed minute changes no line up to its own."""
    demand, at = values(2, 3), DAY + 500
    write("web.csv", demand)
    options = f"--policy {policy} --per-replica 1"
    assert flyball(f"tune backtest --trace web.csv {options} --out a").code == 0
    write("web.csv", demand[:at] + [3 * v for v in demand[at:]])
    assert flyball(f"tune backtest --trace web.csv {options} --out b").code == 0
    write("web.csv", demand[:at] + [0.0] * (2 * DAY - at))
    assert flyball(f"tune backtest --trace web.csv {options} --out c").code == 0
    a, b, c = (plan(f"{name}/web.csv") for name in "abc")
    assert a[:501] == b[:501] == c[:501]
    assert a != b or policy in ("static", "seasonal-alone"), "these two do not look at today"


@pytest.mark.parametrize("every", [60, 300])
def test_a_finer_future_has_the_same_past(flyball: Flyball, home: Path, every: int) -> None:
    """Through the command, under `auto`: from some time on there is a sample a second, and ten times the demand."""
    each = every // 60
    demand = values(2, 5)[::each]
    coarse = [f"{every * i},{v:.4f}" for i, v in enumerate(demand)]
    at = len(demand) // 2 + 300 // each
    fine = [f"{t},{9 * demand[t // every]:.4f}" for t in range(every * at, 2 * 86_400 - every)]
    for policy in ("quantile", "hpa"):
        plans = []
        for lines in (coarse, [*coarse[:at], *fine, coarse[-1]]):
            Path("web.csv").write_text("\n".join(["ts,value", *lines]) + "\n")
            assert flyball(f"tune backtest --trace web.csv --policy {policy} --out plan").code == 0
            plans.append(plan("plan/web.csv"))
        assert plans[0][:301] == plans[1][:301], policy
        assert plans[0] != plans[1]


def test_missing_minutes_never_lower(flyball: Flyball, home: Path) -> None:
    demand = values(2, 4)
    write("web.csv", demand[: DAY + 300] + [math.nan] * 400 + demand[DAY + 700 :])
    for policy in get_args(Name):
        if policy == "oracle":
            continue
        done = flyball(f"tune backtest --trace web.csv --policy {policy} --out {policy}")
        assert "400 of 2880 minutes are missing" in done.err
        blind = [replicas for _, replicas in plan(f"{policy}/web.csv")][301:701]
        assert blind == sorted(blind), policy


def test_a_lower_risk_asks_for_more(flyball: Flyball, traces: None) -> None:
    asked = []
    for risk in ("0.2", "0.02", "0.002"):
        assert flyball(f"tune backtest --trace web.csv --risk {risk} --out r{risk}").code == 0
        asked.append(sum(replicas for _, replicas in plan(f"r{risk}/web.csv")))
    assert asked == sorted(asked)
    assert asked[0] < asked[2]


def test_the_table_has_all_policies(flyball: Flyball, traces: None) -> None:
    done = flyball("tune backtest --trace web.csv")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "1 trace, 1440 minutes played, start-up 60 s, utilisation at most 85%"
    assert lines[1].split()[:4] == ["POLICY", "REPLICA-H", "VIOL-MIN", "ACTIONS"]
    names = [line.split()[0] for line in lines[2:]]
    assert names == [
        "quantile-0.02", "hpa-70%", "seasonal-70%", "holt-winters-70%", "seasonal-alone-70%",
        "holt-winters-alone-70%", "static-85%", "oracle*",
    ]  # fmt: skip


def test_the_document_is_of_integers(flyball: Flyball, traces: None) -> None:
    found = flyball("tune backtest --trace web.csv --policy seasonal --metric-noise 10 -o json").document
    assert found["kind"] == "Backtest"
    assert "." not in re.sub(r'"[^"]*"', "", json.dumps(found))
    assert [row["policy"] for row in found["total"]] == ["seasonal", "hpa"]
    assert found["total"][0]["at"]["hpa-70"].keys() == {
        "violation_seconds_at_its_cost",
        "replica_seconds_at_its_violations",
    }
    assert len(found["total"][0]["curve"]) == 8


# what the file or the words are, what is said, where
@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (None, "--trace web.csv", "error: web.csv: No such file or directory"),
        ("", "--trace web.csv", "error: web.csv:1: one column `ts` is needed"),
        ("ts,value\n0,1\n60,x\n", "--trace web.csv", "error: web.csv:3: `x` is not a number"),
        ("ts,value\n0,1\n60,-1\n", "--trace web.csv", "error: web.csv:3: negative value `-1`"),
        (
            "ts,value\n0,1\n99999999999,1\n",
            "--trace web.csv",
            "error: web.csv:3: `99999999999` lies in the future",
        ),
        ("ts,value\n0,1\n", "--trace web.csv", "error: web.csv: one sample is not enough"),
        ("ts,value\n0,1\n", "--trace web.csv --trace a/web.csv", "two traces are named `web`"),
        ("ts,value\n0,1\n", "--trace web.csv --column cpu", "the head has `ts`, `value`"),
        (
            "ts,value\n0,1\n",
            "--trace web.csv --per-replica 0",
            "error: --per-replica: `0` is not a size of a replica",
        ),
        ("ts,value\n0,1\n", "--trace web.csv --per-replica nan", "`nan` is not a size"),
        ("ts,value\n0,1\n", "--trace web.csv --risk 0", "error: --risk: 0 is not between 0.0001 and 0.5"),
        ("ts,value\n0,1\n", "--trace web.csv --risk nan", "error: --risk: nan is not between"),
        ("ts,value\n0,1\n", "--trace web.csv --target-util 85", "error: --target-util: 85 is not between"),
        ("ts,value\n0,1\n", "", "give --trace FILE.csv, or a workload"),
        ("ts,value\n0,1\n", "deploy/web --trace web.csv", "give --trace FILE.csv, or a workload"),
        ("ts,value\n0,1\n", "--trace web.csv --plot a.png", "--plot and --metric-noise belong to the table"),
    ],
)
def test_what_is_refused(flyball: Flyball, home: Path, text: str | None, words: str, said: str) -> None:
    if text is not None:
        Path("web.csv").write_text(text)
    done = flyball(f"tune backtest {words} --out plan")
    assert done.code == 2
    assert said in done.err
    assert not Path("plan").exists()


def test_bytes_that_are_no_text_are_refused(flyball: Flyball, home: Path) -> None:
    Path("web.csv").write_bytes(b"\x1f\x8b\xff\xfe")
    done = flyball("tune backtest --trace web.csv")
    assert done.code == 2
    assert "error: web.csv: this is not text" in done.err


def test_what_grafana_saves_is_read_and_compressed_too(flyball: Flyball, traces: None) -> None:
    """`Time` with an offset and a mark at the begin; the result is named without `.gz`."""
    start = datetime.fromtimestamp(1_700_000_000, timezone(timedelta(hours=-8)))
    lines = [f"{start + timedelta(minutes=i)},{v:.4f}" for i, v in enumerate(values(2, 1))]
    text = "\ufeff" + "\r\n".join(['"Time","value"', *lines])
    Path("saved.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert flyball("tune backtest --trace web.csv --policy hpa --out plan").code == 0
    assert flyball("tune backtest --trace saved.csv.gz --policy hpa --out plan").out == "plan/saved.csv\n"
    assert plan("plan/saved.csv") == plan("plan/web.csv")


def test_one_bad_trace_and_nothing_is_written(flyball: Flyball, traces: None) -> None:
    Path("bad.csv").write_text("ts,value\n0,1\nx,2\n")
    assert flyball("tune backtest --trace web.csv --trace bad.csv --policy hpa --out plan").code == 2
    assert not Path("plan").exists()


def test_a_folder_that_cannot_be_written(flyball: Flyball, traces: None) -> None:
    Path("plan").write_text("a file")
    done = flyball("tune backtest --trace web.csv --policy hpa --out plan")
    assert done.code == 2
    assert "name a folder that can be written" in done.err


# what is asked for, what is said, nothing is played before
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--out .", "error: web.csv: this would write over a trace"),
        ("--out link", "error: link/web.csv: this would write over a trace"),
        ("--plot web.csv", "error: web.csv: this would write over a trace"),
        ("--plot ./../work/web.csv", "this would write over a trace"),
        ("--plot .", "error: .: something that is not a file has that name"),
        ("--plot /dev/full", "error: /dev/full: something that is not a file has that name"),
        ("--plot web.csv/a.png", "error: web.csv/a.png: cannot write there"),
        ("--out /dev/null", "error: /dev/null/web.csv: cannot write there"),
    ],
)
def test_what_is_there_is_not_written_over(flyball: Flyball, traces: None, words: str, said: str) -> None:
    Path("link").symlink_to(".")
    before = Path("web.csv").read_bytes()
    done = flyball(f"tune backtest --trace web.csv --policy hpa {words}")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert Path("web.csv").read_bytes() == before
    assert Path("/dev/full").is_char_device()


def test_a_full_disk_leaves_nothing_half(flyball: Flyball, traces: None) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        done = flyball("tune backtest --trace web.csv --trace shop.csv --policy hpa --out plan")
        assert done.code == 0, "20 kB each"
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        first = Path("plan/web.csv").read_bytes()
        done = flyball("tune backtest --trace web.csv --trace shop.csv --policy static --out plan")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert done.code == 2
    assert "error: plan: cannot write: File too large" in done.err
    assert Path("plan/web.csv").read_bytes() == first
    assert sorted(p.name for p in Path("plan").iterdir()) == ["shop.csv", "web.csv"], "nothing half"


SPREAD = """
import multiprocessing, sys, time
from flyball.cli.backtest.spread import spread
from flyball.exits import Stop
if __name__ == "__main__":
    results = spread(time.sleep, [0, 0, 600, 600])
    try:
        next(results)
        print(len(multiprocessing.active_children()), flush=True)
        {meanwhile}
        list(results)
    except Stop as e:
        sys.exit(e.code)
"""


@pytest.mark.skipif(os.cpu_count() == 1, reason="one processor: nothing is spread")
@pytest.mark.parametrize("meanwhile", ["", "time.sleep(600)"])
@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_no_process_outlives_the_command(home: Path, how: signal.Signals, code: int, meanwhile: str) -> None:
    """They hold its stdout: it ends when the last of them is gone; also when it takes no result at that moment."""
    words = [sys.executable, "-c", SPREAD.replace("{meanwhile}", meanwhile)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as command:
        assert command.stdout is not None
        assert int(command.stdout.readline()) >= 2
        command.send_signal(how)
        try:
            out, err = command.communicate(timeout=60)
        finally:
            command.kill()
    assert (command.returncode, out) == (code, b"")
    assert how == signal.SIGKILL or err == b""


def test_what_was_there_stays_where_a_file_cannot_be_put(flyball: Flyball, traces: None) -> None:
    Path("plan/web.csv").mkdir(parents=True)
    done = flyball("tune backtest --trace web.csv --policy hpa --out plan")
    assert done.code == 2
    assert [p.name for p in Path("plan").iterdir()] == ["web.csv"], "nothing half"


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_measured_at_all(flyball: Flyball, home: Path, count: int) -> None:
    """A refusal from another process is the same as one from this."""
    for i in range(count):
        write(f"t{i}.csv", [math.nan] * 300)
    words = "tune backtest --per-replica 1 --out plan " + " ".join(f"--trace t{i}.csv" for i in range(count))
    assert set(plan_of(flyball, f"{words} --policy hpa")) == {1}
    done = flyball(f"{words} --policy quantile")
    assert done.code in (0, 2), done.err
    assert "fault in flyball" not in done.err


def plan_of(flyball: Flyball, words: str) -> list[int]:
    assert flyball(words).code == 0
    return [replicas for _, replicas in plan("plan/t0.csv")]


DULL = {
    "zeros": [0.0] * 400,
    "constant": [7.0] * 400,
    "spike": [7.0] * 100 + [70.0] + [7.0] * 199 + [70.0] + [7.0] * 99,
    "short": [5.0] * 10,
}


@pytest.mark.parametrize("name", DULL)
@pytest.mark.parametrize("policy", ["quantile", "hpa", "seasonal", "holt-winters", "static", "oracle"])
def test_odd_demand_has_a_sane_answer(flyball: Flyball, home: Path, name: str, policy: str) -> None:
    write("web.csv", DULL[name])
    done = flyball(f"tune backtest --trace web.csv --policy {policy} --out plan")
    assert done.code == 0, done.err
    asked = [replicas for _, replicas in plan("plan/web.csv")]
    assert len(asked) == len(DULL[name]) // 2
    most = max(DULL[name])
    assert all(1 <= replicas <= 200 for replicas in asked)
    if not most:
        assert set(asked) == {1}


@pytest.mark.parametrize("every", [1, 15, 300, 3600])
def test_other_resolutions(flyball: Flyball, home: Path, every: int) -> None:
    count = max(1200, 2 * 86_400 // every if every >= 300 else 1200)
    lines = [f"{every * i},{10 + 5 * math.sin(i * every / 9000):.3f}" for i in range(count)]
    Path("web.csv").write_text("\n".join(["ts,value", *lines]))
    done = flyball("tune backtest --trace web.csv --policy hpa --out plan")
    assert done.code == 0, done.err
    assert f"a sample every {every} s" in done.err
    stamps = [at for at, _ in plan("plan/web.csv")]
    assert {b - a for a, b in pairwise(stamps)} == {60}


def test_a_workloads_own_history(flyball: Flyball, home: Path) -> None:
    done = flyball("tune backtest -n shop deploy/web --since 1d --policy seasonal --context sandbox")
    assert done.code == 0, done.err
    assert re.search(r"deployment/web: \d+% of the last 1d measured \(\d+ of 1441 minutes\)", done.err)
    assert done.out.splitlines()[2].startswith("seasonal-70%")
    assert flyball("tune backtest deploy/web --since x --context sandbox").code == 2
    refused = flyball("tune backtest -n shop deploy/web --since 14d --context sandbox")
    assert refused.code != 0, "less than half of what was asked about was measured"
    assert "of the last 14d only the last 1d were measured" in refused.err
    assert "--since 1d" in refused.err
    assert flyball("tune backtest deploy/none --context sandbox").code != 0


def test_the_subcommands_are_listed(flyball: Flyball, home: Path) -> None:
    shown = flyball("tune --help").out
    assert all(name in shown for name in ("run ", "apply ", "backtest ", "backtest-cpu ", "train "))
    assert "xample: flyball tune backtest" in " ".join(flyball("tune backtest --help").out.split())


@pytest.mark.slow
def test_the_pages_commands_run(flyball: Flyball, traces: None) -> None:
    block = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0]
    lines = block.splitlines()
    assert len(lines) == 6
    for line in lines:
        words = shlex.split(line)[1:]
        done = flyball([*words, "--context", "sandbox"])
        assert done.code == 0, (line, done.err)
    assert Path("curves.png").read_bytes().startswith(b"\x89PNG")
    assert plan("plan/web.csv") != plan("hpa/web.csv")


def test_the_options_policies_are_the_ones_that_there_are(flyball: Flyball, home: Path) -> None:
    """And the command does not import arithmetic to print its help."""
    assert set(get_args(Name)) <= set(re.findall(r"[a-z-]+", flyball("tune backtest --help").out))
    look = "import sys, flyball.cli.backtest.replicas; sys.exit('numpy' in sys.modules)"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", look], env=environ, check=False).returncode == 0


def test_the_page_names_the_options_that_exist(flyball: Flyball, home: Path) -> None:
    shown = flyball("tune backtest --help").out
    named = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert named <= set(re.findall(r"--[a-z-]+", shown))
