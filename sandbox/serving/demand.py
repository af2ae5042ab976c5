"""Demand over time, from a Load: cycles of day and week, steps, noise, bursts, idle windows, or a recording.

A pure function of the load, a seed and the time, so that a stretch of time may be asked for in any pieces.
"""

from functools import lru_cache

import numpy as np

from forecasting.seeded_random import Floats, Ints, seed_of, uniform
from sandbox.load.manifest import DAY_MS, Bursts, Load, Step
from sandbox.load.series import unpack

_WEEK_MS = 7 * DAY_MS
_MINUTE_MS = 60_000
_SLOT_MS = 600_000
"""A burst begins at most once in a slot."""
_FADED = 8
"""After so many time constants nothing is left of a burst."""
_BURST_MAX = 50.0
"""The tail is cut at so many times the least size, to keep a simulated world within reason."""
_MONDAY_MS = 4 * DAY_MS
"""The Unix epoch was a Thursday; the first Monday after it began here."""


def demand(load: Load, seed: str, times: Ints) -> Ints:
    """Millicores that the whole workload asks for at those Unix milliseconds (which rise)."""
    if load.cpu is None and load.series is None:
        return np.zeros(len(times), dtype=np.int64)
    base = _recorded(load.series, load.created_ms, times) if load.series else _cycle(load, times)
    for step in load.steps:
        base = base * _factor(step, load.created_ms, times)
    if load.noise:
        jitter = 2 * uniform(seed_of(seed), times // _MINUTE_MS) - 1
        base = base * (1 + load.noise / 1e6 * jitter)
    if load.bursts:
        mean = float(load.cpu or base.mean())
        base = base + mean * _bursts(load.bursts, f"{seed}/bursts", times)
    if load.window:
        day = times % DAY_MS
        base = np.where((day >= load.window[0]) & (day < load.window[1]), base, 0.0)
    return np.maximum(0, np.rint(base)).astype(np.int64)


def _cycle(load: Load, times: Ints) -> Floats:
    day = times % DAY_MS
    wave = 1 + load.swing / 1e6 * np.cos(2 * np.pi * (day - load.peak_ms) / DAY_MS)
    if load.weekend != 1_000_000:
        weekday = (times - _MONDAY_MS) % _WEEK_MS // DAY_MS
        wave = wave * np.where(weekday >= 5, load.weekend / 1e6, 1.0)
    result: Floats = wave * float(load.cpu or 0)
    return result


def _factor(step: Step, created_ms: int, times: Ints) -> Floats:
    shift = created_ms if step.relative else 0
    since = times - (step.at_ms + shift)
    share = np.clip(since / (step.over_s * 1000), 0, 1) if step.over_s else (since >= 0).astype(np.float64)
    if step.until_ms is not None:
        share = np.where(times < step.until_ms + shift, share, 0.0)
    result: Floats = 1 + share * (step.to / 1e6 - 1)
    return result


def _bursts(bursts: Bursts, seed: str, times: Ints) -> Floats:
    """The height of the bursts, as a share of the mean demand."""
    total = np.zeros(len(times))
    if not len(times):
        return total
    length = bursts.length_s * 1000
    slots = np.arange((times[0] - _FADED * length) // _SLOT_MS, times[-1] // _SLOT_MS + 1, dtype=np.int64)
    begins = slots[uniform(seed_of(f"{seed}/when"), slots) < bursts.daily_milli / 1000 / (DAY_MS / _SLOT_MS)]
    offsets = (uniform(seed_of(f"{seed}/offset"), begins) * _SLOT_MS).astype(np.int64)
    # Pareto by inversion: P(size > x) = x^-tail, at least 1.
    sizes = np.minimum(
        _BURST_MAX, (1 - uniform(seed_of(f"{seed}/size"), begins)) ** (-1000 / bursts.tail_milli)
    )
    for start, size in zip((begins * _SLOT_MS + offsets).tolist(), sizes.tolist(), strict=True):
        first, last = np.searchsorted(times, (start, start + _FADED * length))
        total[first:last] += size * bursts.size / 1e6 * np.exp(-(times[first:last] - start) / length)
    return total


def _recorded(series: str, created_ms: int, times: Ints) -> Floats:
    """The recording, moved by whole weeks so that its first point is at or before the Load's creation; between
    points it is interpolated, and at its end it begins again."""
    at, values = _points(series)
    span = int(at[-1] - at[0]) + (int(at[-1] - at[-2]) if len(at) > 1 else DAY_MS)
    weeks = (created_ms - int(at[0])) // _WEEK_MS
    place = (times - int(at[0]) - weeks * _WEEK_MS) % span + int(at[0])
    return np.interp(place, at, values, right=float(values[-1]))


@lru_cache(maxsize=256)
def _points(series: str) -> tuple[Ints, Floats]:
    unit, _, data = series.partition(":")
    times, values = unpack(data)
    return np.array(times, dtype=np.int64) * 1000, np.array(values, dtype=np.float64) * int(unit)
