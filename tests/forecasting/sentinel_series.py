"""Series for the sentinel: public traces made into what pods use, some with leaks, some with what looks like one.

The traces lie outside of this repo (FLYBALL_TRACES, or ../shared/traces). Which are for choosing parameters and
which for judging goes by a hash of the trace's name.
"""

import csv
import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from forecasting.sentinel.series import Series
from forecasting.types import Floats

FOLDER = Path(os.environ.get("FLYBALL_TRACES", Path(__file__).parents[3] / "shared" / "traces"))
needs_traces = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no traces in {FOLDER}: set FLYBALL_TRACES")
DAY = 1440
START_S = 1_699_920_000


@dataclass(frozen=True)
class Case:
    """A series against its limit; `full` is the minute at which a leak reaches it (None: no leak), `onset` its
    beginning, `kind` what the background is like."""

    name: str
    kind: str
    series: Series
    limit: float
    onset: int | None = None
    full: int | None = None


def judged(name: str) -> bool:
    """Half of the traces are for judging, the others for choosing parameters."""
    return zlib.crc32(name.encode()) % 2 == 0


@cache
def traces() -> dict[str, Floats]:
    """Demand a minute by name; coarser ones interpolated to minutes, scaled to 0..1."""
    found: dict[str, Floats] = {}
    for path in sorted(FOLDER.glob("*/*.csv*")):
        if path.parent.name not in ("demand_1min", "demand_5min", "anomaly", "vertical"):
            continue
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            rows = list(csv.DictReader(file))
        ts = np.array([float(r["ts"]) for r in rows])
        for column in rows[0].keys() - {"ts"}:
            v = np.array([float(r[column]) if r[column] else np.nan for r in rows])
            known = np.isfinite(v)
            if known.sum() < 1000:
                continue
            grid = np.arange(ts[0], ts[-1], 60.0)
            v = np.interp(grid, ts[known], v[known])
            low, high = np.percentile(v, [0.5, 99.5])
            found[f"{path.name.split('.')[0]}:{column}"] = np.clip(
                (v - low) / max(high - low, 1e-9), -0.2, 1.5
            )
    return dict(sorted(found.items()))


def smoothed(values: Floats, minutes: float) -> Floats:
    """Exponentially, as memory follows load."""
    n = int(6 * minutes)
    kernel = np.exp(-np.arange(n) / minutes)
    return np.convolve(np.concatenate([np.full(n - 1, values[0]), values]), kernel / kernel.sum(), "valid")


KINDS = (
    *["flat"] * 5,
    *["daily"] * 5,
    *["restarts"] * 3,
    *["warm-up"] * 3,
    *["ramp"] * 2,
    *["saturation"] * 2,
)


def background(kind: str, demand: Floats, chance: np.random.Generator) -> tuple[Floats, float]:
    """What is used a minute, and its limit (in shares of 1 for memory)."""
    n = len(demand)
    minutes = np.arange(n)
    noise = chance.normal(0, chance.uniform(0.001, 0.008), n)
    base = chance.uniform(0.3, 0.55)
    if kind == "saturation":
        return np.maximum(demand, 0) * 0.4 + 0.1 + noise, 1.0
    swing = chance.uniform(0.05, 0.2) if kind != "flat" else 0.02
    used = base + swing * smoothed(demand, chance.uniform(15, 90)) + noise
    if kind in ("warm-up", "restarts"):
        starts = [0] if kind == "warm-up" else [0, *sorted(chance.integers(600, n, 3).tolist())]
        since = minutes - np.array(starts)[np.searchsorted(starts, minutes, "right") - 1]
        used = used - chance.uniform(0.1, 0.25) * np.exp(-since / chance.uniform(30, 200))
    if kind == "ramp":
        phase, length = (minutes + chance.integers(0, DAY)) % DAY, chance.integers(180, 540)
        used = used + chance.uniform(0.1, 0.25) * np.where(phase < length, phase / length, 0.0)
    return used, 1.0


def cases(which: bool, seed: int, leaks: bool, days: int = 4) -> Iterator[Case]:
    """Pieces of each trace of that half, as each kind in turn; with `leaks` each has one that reaches the
    limit 7 to 60 h after its onset."""
    for name, demand in traces().items():
        if judged(name) != which:
            continue
        chance = np.random.default_rng([seed, zlib.crc32(name.encode()), leaks])
        size = days * DAY
        for at in range(0, max(len(demand) - size, 0) + 1, size):
            kind = str(chance.choice(KINDS))
            used, limit = background(kind, demand[at : at + size], chance)
            plain = Case(f"{name}@{at}", kind, Series(START_S + at * 60, 60, used), limit)
            case = leaking(plain, chance) if leaks else plain
            if case is not None:
                yield case


def leaking(plain: Case, chance: np.random.Generator) -> Case | None:
    """The series with a leak, up to the moment it is full; None where that lies beyond its end."""
    used, limit = plain.series.values, plain.limit
    onset = int(chance.integers(360, len(used) // 3))
    hours = float(np.exp(chance.uniform(np.log(7), np.log(60))))
    rate = (limit - float(np.median(used))) / (hours * 60)
    grown = used + rate * np.maximum(np.arange(len(used)) - onset, 0)
    beyond = np.flatnonzero(grown >= limit)
    if not len(beyond) or beyond[0] <= onset:
        return None
    full = int(beyond[0])
    return replace(plain, series=replace(plain.series, values=grown[:full]), onset=onset, full=full)
