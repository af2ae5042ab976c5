"""The rows of a trace on a grid of steps, for CPU and memory; pure.

Steps are as long as the median distance of the first half's samples, from a minute to an hour; what comes more
often is taken as the mean of each minute. A sample lies on the step it comes nearest to; a step without one is
missing.
"""

import numpy as np

from forecasting.backtest.rows import Rows
from forecasting.errors import BadTrace
from forecasting.types import Demand, Floats
from forecasting.vertical.types import DAY_S

MINUTE_S, HOUR_S = 60, 3600
LEAST_STEPS = 10
_USUAL_S = (60, 120, 180, 240, 300, 600, 900, 1200, 1800, 3600)
"""A resolution within a fiftieth of one of these is that one: its samples jitter."""
_LONGEST_S = 400 * DAY_S


def gridded(rows: Rows, unit: float = 1.0) -> Demand:
    """Usage in cores, its second half to be played; `unit` of the trace is one core.

    Raises BadTrace: fewer than ten steps, more than 400 days, a sample less than once an hour, nothing to play.
    """
    span = float(rows.at[-1] - rows.at[0])
    if span > _LONGEST_S:
        hint = "a timestamp that is far off? cut the trace otherwise"
        raise BadTrace(f"it spans {int(span // DAY_S)} days, at most 400", rows.name, hint)
    step = _step(rows)
    values = _placed(rows, step) / unit
    if len(values) < LEAST_STEPS:
        hint = "give a longer trace: half of it is history"
        raise BadTrace(f"{len(values)} steps of {step} s, at least {LEAST_STEPS}", rows.name, hint)
    played = len(values) // 2
    if not np.isfinite(values[played:]).any():
        hint = "the second half is what is played; give a trace with figures in it"
        raise BadTrace("no value in the second half", rows.name, hint)
    return Demand(values, played, int(rows.at[0]), step)


def _step(rows: Rows) -> int:
    if len(rows.at) < 2:
        raise BadTrace("one sample is not enough", rows.name, f"give at least {LEAST_STEPS} of them")
    every = float(np.median(np.diff(rows.at[: max(2, len(rows.at) // 2)])))
    if every > HOUR_S:
        hint = "give at least a sample an hour"
        raise BadTrace(f"a sample every {int(every)} s says too little of a CPU", rows.name, hint)
    near = min(_USUAL_S, key=lambda usual: abs(usual - every))
    return max(MINUTE_S, near if abs(near - every) <= 0.02 * near else round(every))


def _placed(rows: Rows, step: int) -> Floats:
    """The mean of the samples of each step, NaN without one."""
    fine = step == MINUTE_S
    at = (rows.at - rows.at[0]) / step
    place = (np.floor(at + 1e-9) if fine else np.round(at)).astype(np.int64)
    known = np.isfinite(rows.values)
    sums = np.bincount(place[known], rows.values[known], minlength=int(place[-1]) + 1)
    count = np.bincount(place[known], minlength=int(place[-1]) + 1)
    return np.where(count > 0, sums / np.maximum(1, count), np.nan)
