"""Memory: grows by itself, shrinks only with a person's approval, learns from OOM kills.

The need is the highest use of fourteen days and a headroom: 20 %, or as much as a day has ever exceeded all days
before it (at most 100 %), 30 % until two days are known. An OOM kill raises the limit by the greater of x 1.2 and
100 MiB (VPA's bump), a second one within the window by x 1.5 and a third by x 2: a workload that was merely too
small has what it needs after three. If it is killed yet again, raising does not help: it leaks, or a person must
say how much it needs.
"""

import math
from dataclasses import dataclass

import numpy as np

from base.quantities import rounded_bytes
from forecasting.types import Floats
from forecasting.vertical.types import DAY_S, Memory, MemoryAdvice, OomKill

WINDOW_DAYS = 14
SHRINK_DAYS = 7
HEADROOM, HEADROOM_NEW, HEADROOM_MAX = 0.2, 0.3, 1.0
BUMPS = (1.2, 1.5, 2.0)
BUMP_BYTES = 100 << 20
SHRINK_BAND = 0.1
_MEASURED = 0.9
_GROWN = 1.05
"""A limit counts as raised when it is a twentieth more than at the kill before."""


@dataclass(frozen=True, slots=True)
class _Days:
    """The highest use and the share that was measured of each of the last days, the newest last."""

    peaks: Floats
    measured: Floats


def advise(memory: Memory) -> MemoryAdvice:
    """What to do about the limit now, from what was measured up to now. Missing figures never lower it."""
    days, kills = _days(memory), _kills(memory)
    raised = _raises(kills)
    if kills and raised >= len(BUMPS):
        return _leak(memory, kills, raised)
    need, why = _need(days)
    if kills:
        bumped = _bumped(kills, raised)
        if bumped > need:
            need, why = (
                bumped,
                f"killed for memory {len(kills)} times, the last under {rounded_bytes(kills[-1].limit)}",
            )
    if not need:
        return MemoryAdvice("unknown", memory.limit, "its memory was not measured, and it was not killed")
    if need < memory.jvm_floor:
        need, why = memory.jvm_floor, f"its JVM needs {rounded_bytes(memory.jvm_floor)}"
    if need > memory.limit:
        return MemoryAdvice("grow", need, why)
    return _less(memory, days, need, why, bool(kills))


def _less(memory: Memory, days: _Days, need: int, why: str, killed: bool) -> MemoryAdvice:
    """Less would do: keep, unless all that shrinking asks for is given."""
    if need > memory.limit * (1 - SHRINK_BAND):
        return MemoryAdvice("keep", memory.limit, why)
    if killed:
        return MemoryAdvice("keep", memory.limit, f"killed for memory within {WINDOW_DAYS} days")
    whole = int((days.measured >= _MEASURED).sum())
    if whole < SHRINK_DAYS:
        lacking = f"{whole} whole days measured, {SHRINK_DAYS} are needed to shrink"
        return MemoryAdvice("keep", memory.limit, lacking)
    if days.measured[-1] < _MEASURED:
        return MemoryAdvice("keep", memory.limit, "figures of the last day are missing")
    return MemoryAdvice("shrink", need, why, needs_approval=True)


def _leak(memory: Memory, kills: list[OomKill], raised: int) -> MemoryAdvice:
    first, last = rounded_bytes(kills[0].limit), rounded_bytes(kills[-1].limit)
    return MemoryAdvice(
        "leak",
        memory.limit,
        f"raised {raised} times from {first} to {last} and killed again: raising does not help, it leaks (or needs "
        "far more than it has, which a person must say)",
    )


def _days(memory: Memory) -> _Days:
    """Days counted back from the newest step."""
    size = max(1, DAY_S // memory.step_s)
    values = memory.values[-WINDOW_DAYS * size :]
    count = max(1, math.ceil(len(values) / size))
    padded = np.full(count * size, np.nan)
    padded[len(padded) - len(values) :] = np.where(values >= 0, values, np.nan)
    table = padded.reshape(count, size)
    known = np.isfinite(table)
    peaks = np.where(known, table, -np.inf).max(axis=1)
    return _Days(np.where(known.any(axis=1), peaks, np.nan), known.mean(axis=1))


def _need(days: _Days) -> tuple[int, str]:
    """Bytes for what was measured, 0 where nothing was."""
    peaks = days.peaks[np.isfinite(days.peaks)]
    if not len(peaks):
        return 0, ""
    headroom = _headroom(peaks)
    peak = float(peaks.max())
    return math.ceil(
        peak * (1 + headroom)
    ), f"used at most {rounded_bytes(round(peak))} in {len(peaks)} days, {headroom:.0%} above"


def _headroom(peaks: Floats) -> float:
    if len(peaks) < 3:
        return HEADROOM_NEW
    before = np.maximum.accumulate(peaks)[:-1]
    rises = peaks[2:] / np.maximum(before[1:], 1.0) - 1
    return float(np.clip(rises.max(), HEADROOM, HEADROOM_MAX))


def _kills(memory: Memory) -> list[OomKill]:
    """Kills within the window, in the order of their times; those from the future are left out."""
    now = memory.start_s + len(memory.values) * memory.step_s
    near = (kill for kill in memory.kills if now - WINDOW_DAYS * DAY_S <= kill.at_s <= now)
    return sorted(near, key=lambda kill: kill.at_s)


def _raises(kills: list[OomKill]) -> int:
    """How often the limit was raised from one kill to a later one: raises that did not help."""
    count, at = 0, kills[0].limit if kills else 0
    for kill in kills[1:]:
        if kill.limit >= at * _GROWN:
            count, at = count + 1, kill.limit
    return count


def _bumped(kills: list[OomKill], raised: int) -> int:
    """More than what the last kill happened under."""
    under = kills[-1].limit
    return max(under + BUMP_BYTES, math.ceil(under * BUMPS[min(raised, len(BUMPS) - 1)]))
