"""The vertical recommenders, live: what one pod needs now, from what all pods of a workload used together.

A pod's share is the mean over the ready pods; which pod carries more than the others is not known, and the arms'
margins have to cover it. CPU is looked at in the highest minute of five: a resize or a rollout follows no single one,
and the recommenders were measured on a grid of five minutes (docs/vertical.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.types import Demand, Floats, floats
from forecasting.vertical.in_place import InPlace
from forecasting.vertical.jvm import Jvm, floor
from forecasting.vertical.memory import advise
from forecasting.vertical.restart import Restart
from forecasting.vertical.types import DAY_S, CpuRecommender, Memory, MemoryAdvice, OomKill

GRID_S = 300
WHOLE = 0.99
"""The share of a day's points that must be there for the day to count."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What all ready pods used together at each step (millicores or bytes), and how many they were; None where that
    is not known. `start_s`: Unix time of the first."""

    total: Sequence[int | None]
    ready: Sequence[int | None]
    start_s: int
    step_s: int = 60

    def per_pod(self) -> Floats:
        """The mean of a pod; NaN where either is missing or no pod is ready."""
        total, ready = floats(self.total), floats(self.ready)
        n = min(len(total), len(ready))
        total, ready = total[len(total) - n :], ready[len(ready) - n :]
        each: Floats = np.divide(total, ready, out=np.full(n, np.nan), where=ready > 0)
        return each


@dataclass(frozen=True, slots=True)
class CpuAdvice:
    """Whole millicores for one pod, rounded up; `highest` is the most that it used in the last day, `days` how many
    whole days are known, `newest` whether the last day is one of them."""

    millicores: int
    highest: int
    days: int
    newest: bool


IN_PLACE: CpuRecommender = InPlace()
WITH_RESTART: CpuRecommender = Restart()


def cpu(usage: Usage, recommender: CpuRecommender) -> CpuAdvice | None:
    """What a pod should ask for now. None where nothing was measured."""
    each = usage.per_pod() / 1000
    values = _highest(each, max(1, GRID_S // usage.step_s))
    # One step more, whose value nobody knows: what is asked for there rests on all that was measured.
    demand = Demand(np.append(values, np.nan), len(values), usage.start_s, max(GRID_S, usage.step_s))
    asked = float(recommender.replay(demand)[-1]) if len(values) else float("nan")
    if not math.isfinite(asked):
        return None
    known = _whole_days(each, max(1, DAY_S // usage.step_s))
    day = each[-max(1, DAY_S // usage.step_s) :]
    highest = math.ceil(float(np.nanmax(day)) * 1000) if np.isfinite(day).any() else 0
    return CpuAdvice(math.ceil(asked * 1000), highest, sum(known), bool(known and known[-1]))


def memory(usage: Usage, limit: int, kills: Sequence[OomKill], jvm: Jvm | None) -> MemoryAdvice:
    """What the limit of a pod (bytes) should be now: see forecasting.vertical.memory."""
    each = usage.per_pod()
    peak = int(np.nanmax(each)) if np.isfinite(each).any() else 0
    start_s = usage.start_s + (len(usage.total) - len(each)) * usage.step_s
    return advise(Memory(each, limit, start_s, usage.step_s, tuple(kills), floor(jvm, peak)))


def _highest(values: Floats, size: int) -> Floats:
    """Of each block of `size`, counted back from the newest; NaN where none of it is known."""
    count = -(-len(values) // size)
    padded = np.full(count * size, np.nan)
    padded[count * size - len(values) :] = values
    found: Floats = np.fmax.reduce(padded.reshape(count, size), axis=1) if count else padded
    return found


def _whole_days(values: Floats, size: int) -> list[bool]:
    """Of the whole days counted back from the newest point, oldest first: whether each was measured."""
    count = len(values) // size
    rows = values[len(values) - count * size :].reshape(count, size)
    return [bool(share >= WHOLE) for share in np.isfinite(rows).mean(axis=1)] if count else []
