"""Series for the sentinel: traces made into what pods use, some with leaks, some with what looks like one.

The traces are our own (tests/kit/traces.py), or the public ones of the folder that FLYBALL_TRACES names. Of those,
which are for choosing parameters and which for judging goes by a hash of the trace's name.
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

from forecasting.sentinel.series import Series
from forecasting.types import Floats
from tests.kit import traces as our

FOLDER = os.environ.get("FLYBALL_TRACES")
DAY = our.DAY
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
    """Half of the public traces are for judging, the others for choosing parameters; ours chose none."""
    return not FOLDER or half(name)


def half(name: str) -> bool:
    return zlib.crc32(name.encode()) % 2 == 0


@cache
def traces() -> dict[str, Floats]:
    """Demand a minute by name; coarser ones and gaps interpolated to minutes, scaled to 0..1."""
    if not FOLDER:
        ours = {name: our.demand(name) for name in our.DEMAND}
        return {name: _scaled(np.arange(len(v)) * 60.0, v) for name, v in ours.items()}
    found: dict[str, Floats] = {}
    for path in sorted(Path(FOLDER).glob("*/*.csv*")):
        if path.parent.name in ("demand_1min", "demand_5min", "anomaly", "vertical"):
            found |= _public(path)
    assert found, f"no traces in FLYBALL_TRACES={FOLDER}"
    return dict(sorted(found.items()))


def minutely() -> dict[str, Floats]:
    """The ones that were recorded each minute."""
    if not FOLDER:
        return traces()
    return {name: v for name, v in traces().items() if name.startswith(("crane", "alibaba"))}


def _public(path: Path) -> dict[str, Floats]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        rows = list(csv.DictReader(file))
    ts = np.array([float(r["ts"]) for r in rows])
    found = {}
    for column in rows[0].keys() - {"ts"}:
        v = np.array([float(r[column]) if r[column] else np.nan for r in rows])
        if np.isfinite(v).sum() >= 1000:
            found[f"{path.name.split('.')[0]}:{column}"] = _scaled(ts, v)
    return found


def _scaled(ts: Floats, values: Floats) -> Floats:
    known = np.isfinite(values)
    v = np.interp(np.arange(ts[0], ts[-1], 60.0), ts[known], values[known])
    low, high = np.percentile(v, [0.5, 99.5])
    return np.asarray(np.clip((v - low) / max(high - low, 1e-9), -0.2, 1.5))


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
