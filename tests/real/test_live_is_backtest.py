"""A live run and a backtest from the same real Prometheus decide the same, byte for byte: `tune run --strategy
forecast` decides at an instant what `tune backtest`, asked later, says for the minute after it.

A backtest plays the second half of what it has. So the two weeks that were written are asked for when twice as much
is known as at the instant; the clock is the test's.
"""

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median_high
from typing import Any

import pytest

from agents.tuner.pod_size import STARTUP_S
from audit.clock import SystemClock
from flyball import wiring
from flyball.cli.main import main
from tests.e2e.consoles import measured
from tests.real import assets, modules
from tests.real.as_of import AsOf
from tests.real.cluster import Namespace
from tests.real.course import DAY_S, Course
from tests.real.past import PAST_S, SCRAPE_S, Past, past
from tests.real.rest import Json
from tests.real.written import Scrapes, Written

pytestmark = pytest.mark.real
KNOWN_S = tuple(hours * 3600 + 780 for hours in (25, 33, 45, 75))
"""How much is known at each instant."""
AWAY_S = range(DAY_S // 2, DAY_S // 2 + 7200)
"""Seconds after the first sample at which nothing was scraped."""
PODS = 5
CORES = 4.5
"""At the mean: of some fifty pods, so that a decision that differs a little is another number."""
REQUEST = "0.1"
"""Cores that a pod requests (RESOURCES of cluster.py)."""


class SetClock(SystemClock):
    """Stands at `at_ms`, in Unix milliseconds."""

    at_ms = 0

    def wall_ms(self) -> int:
        return self.at_ms


@pytest.fixture
def prometheus(kube: Namespace, tmp_path: Path) -> Iterator[Written]:
    kube.workload("web", PODS)
    kube.settled("web")
    found = Written(tmp_path / "prometheus", assets.locate(modules.METRICS_STORE)["prometheus"])
    try:
        yield found
    finally:
        found.close()


class Asked:
    """The command line in this process, and the Prometheus that it asks, at an instant of the test's own."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        environ: dict[str, str],
        source: AsOf,
    ) -> None:
        self._capsys, self._source = capsys, source
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(wiring, "SystemClock", SetClock)

    def __call__(self, at_s: int, state: Path, *words: str) -> Any:
        """The document that it answers with."""
        SetClock.at_ms, self._source.at_s = at_s * 1000, at_s
        self._capsys.readouterr()
        code = main([*words, "--state", str(state), "-o", "json"])
        out, err = self._capsys.readouterr()
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def ask(
    kube: Namespace,
    prometheus: Written,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Asked]:
    templates = tmp_path / "metrics.toml"
    templates.write_text(f"scrape_s = {SCRAPE_S}\nwindow_s = {4 * SCRAPE_S}\n")
    source = AsOf(prometheus.port)
    console = measured(kube, tmp_path, source.url, metrics=str(templates))
    yield Asked(monkeypatch, capsys, console.environ, source)
    source.close()


def test_a_live_run_decides_as_a_backtest_does(
    kube: Namespace, prometheus: Written, ask: Asked, tmp_path: Path
) -> None:
    created_s = int(SystemClock().wall_ms() // 1000)
    prometheus.write(
        _with_a_gap(past(kube.name, created_s, Past("web", CORES, PODS, Course("web", True), created_s)))
    )
    began_s, live, backtested = created_s - PAST_S, "", ""
    for n, known_s in enumerate(KNOWN_S):
        later_s, out = began_s + 2 * known_s, tmp_path / f"plan-{n}"
        words = (
            "--since",
            f"{2 * known_s // 3600 + 1}h",
            "--per-replica",
            REQUEST,
            "--startup",
            str(_startup_s(kube)),
        )
        ask(later_s, tmp_path / f"backtest-{n}", "tune", "backtest", "deploy/web", *words, "--out", str(out))
        due_s, row = _first_row(out)
        assert due_s == pytest.approx(began_s + known_s, abs=180)
        backtested += row
        run = ("tune", "run", "--strategy", "forecast", "--dry-run")
        (item,) = ask(due_s - 30, tmp_path / f"live-{n}", *run)["items"]
        live += f"{due_s},{item['figures']['pods_forecast']}\n"
    assert live.encode() == backtested.encode()
    assert len({line.split(",")[1] for line in live.splitlines()}) > 1, live


def _with_a_gap(scrapes: Scrapes) -> Scrapes:
    """Without what would have been scraped while nobody was there."""
    for key, samples in scrapes.series.items():
        first_ms = samples[0][0]
        scrapes.series[key] = [one for one in samples if (one[0] - first_ms) // 1000 not in AWAY_S]
    return scrapes


def _startup_s(kube: Namespace) -> int:
    """What the pods show: the median of their times from being made to being ready."""
    took = [_ready_s(pod) - _time_s(pod["metadata"]["creationTimestamp"]) for pod in kube.pods("web")]
    return median_high(took) or STARTUP_S


def _ready_s(pod: Json) -> int:
    (ready,) = (one for one in pod["status"]["conditions"] if one["type"] == "Ready")
    return _time_s(ready["lastTransitionTime"])


def _time_s(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _first_row(folder: Path) -> tuple[int, str]:
    """Of what is played: its time, and the line as it is written."""
    lines = next(folder.iterdir()).read_text().splitlines(keepends=True)
    assert next(csv.reader(lines)) == ["ts", "replicas"]
    return int(lines[1].split(",")[0]), lines[1]
