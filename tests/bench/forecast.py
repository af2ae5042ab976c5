"""A fleet's tuning pass in arithmetic: forecast of 10,000 workloads x 2 metrics and a 2 h rehearsal of 20
candidates each, against statsforecast's AutoETS and KRR's arithmetic in the same run.

The demand is made from a seed while the clock stands. AutoETS is measured on a sample and scaled by the number of
series (each is fitted for itself, so its time grows with their number); it needs `statsforecast`, here or under
`--peer PYTHON`. KRR's arithmetic is the 95th percentile of CPU and the maximum of memory + 15 % in numpy: it
forecasts nothing, and is the least that any tuner does. CPU is this process's, on one thread of BLAS.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is imported

import numpy as np

from forecasting.demand.stream import horizon_of
from forecasting.twin.fleet import candidates, outlook, rehearsed
from forecasting.types import Floats, Shape
from tests.bench.report import Row

T = TypeVar("T")
DAYS, MINUTES, CANDIDATES, CHUNK, RISK = 8, 120, 20, 500, 0.02
_PEER = """
import sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
from statsforecast.models import AutoETS
u = np.load(sys.argv[1])
AutoETS(season_length=24).forecast(u[0], 2)
start = time.process_time()
for row in u[1:]:
    AutoETS(season_length=24).forecast(row, 2)
print((time.process_time() - start) / (len(u) - 1))
"""


def run(argv: Sequence[str]) -> list[Row]:
    """CPU seconds and memory."""
    options = argparse.ArgumentParser(prog="bench forecast")
    options.add_argument("--workloads", type=int, default=10_000)
    options.add_argument("--sample", type=int, default=20, help="series that AutoETS is measured on")
    options.add_argument("--peer", default=sys.executable, help="a Python that has statsforecast")
    given = options.parse_args(argv)
    spent = {"forecast": 0.0, "rehearsal": 0.0, "KRR": 0.0}
    for first in range(0, given.workloads, CHUNK):
        _pass(range(first, min(first + CHUNK, given.workloads)), spent)
    ours, scale = spent["forecast"] + spent["rehearsal"], given.workloads / 10_000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    name = f"{given.workloads} workloads x 2 metrics"
    return [
        Row(f"{name}: forecast and rehearsal of {CANDIDATES}, CPU s", ours, None, f"<= {60 * scale:g}"),
        Row("  forecast (features and quantiles, the newest row), CPU s", spent["forecast"]),
        Row("  rehearsal of 2 h, CPU s", spent["rehearsal"]),
        Row("memory at its highest, MiB", peak, None, "<= 1500"),
        Row(
            "KRR's arithmetic on the same series (ratio: its to ours), CPU s",
            spent["KRR"],
            spent["KRR"] / ours,
        ),
        _autoets(given.peer, given.sample, 2 * given.workloads, spent["forecast"]),
    ]


def _pass(workloads: range, spent: dict[str, float]) -> None:
    draw = np.random.default_rng([5, workloads.start])
    per_pod = draw.uniform(0.25, 2.0, len(workloads))
    startup = draw.uniform(20, 180, len(workloads))
    horizons = np.array([horizon_of(Shape(1.0, int(s))) for s in startup])
    for metric in ("cpu", "memory"):
        u = demand(draw, len(workloads), 0.4 if metric == "cpu" else 0.1) * per_pod[:, None]
        now = np.ceil(u[:, -1] / per_pod / 0.7).astype(np.int64)
        seen = _timed(spent, "forecast", partial(outlook, u, per_pod, horizons, MINUTES))
        chosen = candidates(seen.need(RISK), now, 0.85, CANDIDATES)
        play = partial(rehearsed, seen, now, startup, per_pod, chosen)
        played = _timed(spent, "rehearsal", play)
        assert np.isfinite(played.probability).all()
        _timed(spent, "KRR", partial(_krr, u, metric))


def demand(draw: np.random.Generator, count: int, swing: float) -> Floats:
    """Replicas' worth of work a minute, `count` x days: a day's cycle of its own phase, drift, noise."""
    minutes = np.arange(DAYS * 1440)
    phase = draw.uniform(0, 2 * np.pi, (count, 1))
    wave = 1 + swing * np.cos(2 * np.pi * minutes / 1440 + phase)
    return np.asarray(draw.uniform(2, 60, (count, 1)) * wave * draw.lognormal(0, 0.05, (count, len(minutes))))


def _krr(u: Floats, metric: str) -> Floats:
    return np.percentile(u, 95, axis=1) if metric == "cpu" else np.asarray(u.max(axis=1) * 1.15)


def _timed(spent: dict[str, float], name: str, work: Callable[[], T]) -> T:
    start = time.process_time()
    done = work()
    spent[name] += time.process_time() - start
    return done


def _autoets(python: str, sample: int, series: int, ours: float) -> Row:
    """AutoETS with an hour's step and a day's season on a sample, scaled to all series."""
    name = f"statsforecast AutoETS, {sample} series scaled to {series} (ratio: its to our forecast's), CPU s"
    hourly = demand(np.random.default_rng(11), sample + 1, 0.4).reshape(sample + 1, -1, 60).mean(axis=2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "u.npy"
        np.save(path, hourly)
        told, why = _told([python, "-c", _PEER, str(path)])
    if why:
        print(f"AutoETS is NOT measured: {python}: {why}; give --peer PYTHON", file=sys.stderr)
        return Row("statsforecast AutoETS: NOT MEASURED, give --peer PYTHON that has it", float("nan"))
    cost = float(told) * series
    return Row(name, cost, cost / ours)


def _told(command: list[str]) -> tuple[str, str]:
    """What it printed, and why it failed (empty: it did not)."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as e:
        return "", (e.stderr.strip().splitlines() or [f"exit {e.returncode}"])[-1]
    except OSError as e:
        return "", str(e)
    return done.stdout, ""
