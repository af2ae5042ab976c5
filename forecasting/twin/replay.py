"""The twin tested: fitted on the older part of a history, played over the newer one, compared."""

from dataclasses import replace

import numpy as np

from forecasting.errors import ForecastError
from forecasting.twin.fit import Fitted, History, fit
from forecasting.twin.rehearse import ready_of
from forecasting.twin.score import Calibration, calibrate
from forecasting.types import Floats


def replay(history: History, fitted: Fitted) -> Floats:
    """The utilisation at each step by the twin, 0 to 1: from the work offered (else the CPU used) and the
    replicas asked for; it does not look at the ready ones beyond the first. NaN where work is not known."""
    asked = carried(history.asked)
    steps = np.array([round(fitted.startup_s / history.step_s)])
    now = np.array([int(np.nan_to_num(carried(history.ready)[0], nan=asked[0]))])
    ready = _middle(ready_of(asked.astype(np.int64)[None, None, :], now, steps, len(asked))[0, 0])
    work = history.used if history.offered is None else history.offered * fitted.cores_per_unit
    return _served(np.asarray(work), ready * fitted.per_pod)


def _served(work: Floats, capacity: Floats) -> Floats:
    """What is not carried in a step is left for the next, at most one step's worth."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(capacity > 0, np.minimum(1.0, work / capacity), 1.0)
    said = np.where(np.isfinite(work), share, np.nan)
    behind = 0
    for begun in np.flatnonzero(work > capacity).tolist():  # before the first of them nothing is left over
        if begun >= behind:
            behind = _caught_up(work, capacity, said, begun)
    return said


def _caught_up(work: Floats, capacity: Floats, said: Floats, begun: int) -> int:
    """Fill in what is said from a step that does not carry its work on, until nothing is left; the step behind."""
    left = 0.0
    for t in range(begun, len(work)):
        if not np.isfinite(work[t]) or (t > begun and not left):
            return t
        due, can = float(work[t]) + left, float(capacity[t])
        said[t] = min(1.0, due / can) if can > 0 else 1.0
        left = min(max(0.0, due - can), can)
    return len(work)


def carried(values: Floats) -> Floats:
    """The newest known value; before the first, the first. Raises ForecastError where none is known."""
    known = np.isfinite(values)
    if not known.any():
        raise ForecastError(
            "no step has replicas", hint="wait for samples of the replicas asked for and ready"
        )
    newest = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.asarray(values[np.where(newest >= 0, newest, int(np.argmax(known)))])


def judge(
    history: History, split: int, target: float = 0.85, level: float = 0.95
) -> tuple[Fitted, Calibration]:
    """Fit on the steps before `split`, replay those from it on, compare with what was. The quantile is what was
    said times the `level` quantile of how much more it was than said before `split` (conformal)."""
    before, after = part(history, slice(0, split)), part(history, slice(split, None))
    fitted = fit(before)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = _was(before, fitted) / replay(before, fitted)
    ratio = ratio[np.isfinite(ratio)]
    said = replay(after, fitted)
    upper = said * float(np.quantile(ratio, level)) if len(ratio) else np.full(len(said), np.nan)
    found = calibrate(said, upper, _was(after, fitted), target, level, fitted.assumed)
    return fitted, replace(found, utilisation_error=found.utilisation_error + _unsure(after))


def _was(history: History, fitted: Fitted) -> Floats:
    """Cores used over what the pods carry that were ready."""
    ready = _middle(history.ready)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(ready > 0, history.used / (ready * fitted.per_pod), np.nan)


def _unsure(history: History) -> float:
    """How much of the utilisation a step's pods leave open: those ready in its middle against those at its
    beginning, as a share of the mean. Both sides of the comparison look at the same pods: that hides it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        middle, begun = history.used / _middle(history.ready), history.used / history.ready
    known = np.isfinite(middle) & np.isfinite(begun)
    return float(np.abs(middle - begun)[known].sum() / middle[known].sum()) if middle[known].any() else 0.0


def _middle(ready: Floats) -> Floats:
    """The pods of each step on the mean of its beginning and its end: some are ready in the middle of it."""
    return np.asarray((ready + np.append(ready[1:], ready[-1:])) / 2, dtype=np.float64)


def part(history: History, at: slice) -> History:
    """Some steps of a history."""
    offered = None if history.offered is None else history.offered[at]
    return History(
        history.asked[at], history.ready[at], history.used[at], offered, history.step_s, history.limit,
        history.service_s, history.startup_s,
    )  # fmt: skip
