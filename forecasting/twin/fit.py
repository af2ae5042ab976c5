"""What the twin knows of a workload, fitted from its history: start-up time, what a pod carries, noise."""

from dataclasses import dataclass

import numpy as np

from forecasting.errors import ForecastError
from forecasting.sentinel.series import row_medians
from forecasting.types import Floats

STARTUP_S = 60.0
NORMAL = 1.4826
"""A normal's deviation over its MAD."""


@dataclass(frozen=True, slots=True)
class History:
    """What was seen of one workload each `step_s` seconds, NaN where it was not: replicas asked for, ready
    replicas, CPU cores used by all, and work offered in any unit (requests a second; None: not measured).
    `limit` is a pod's CPU limit in cores where it has one, `service_s` a request's mean service time, `startup_s` the
    seconds from asking to ready where that was measured otherwise (by the pods' own times)."""

    asked: Floats
    ready: Floats
    used: Floats
    offered: Floats | None = None
    step_s: int = 60
    limit: float | None = None
    service_s: float | None = None
    startup_s: float | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """Seconds from asking to ready, cores that a pod carries at 100 %, noise as the deviation of a minute's
    logarithm, cores for one unit of offered work (1: offered is in cores), a request's service time.
    `assumed` names what the history did not show."""

    startup_s: float
    per_pod: float
    noise: float
    cores_per_unit: float = 1.0
    service_s: float | None = None
    assumed: tuple[str, ...] = ()


def fit(history: History) -> Fitted:
    """The parameters of one workload. Raises ForecastError: arrays of several lengths, or no step at which both
    usage and ready pods are known."""
    lengths = {len(history.asked), len(history.ready), len(history.used)}
    lengths |= {len(history.offered)} if history.offered is not None else set()
    if len(lengths) != 1:
        raise ForecastError(f"history of {sorted(lengths)} steps", hint="give all series for the same steps")
    share = shares_of(history)
    if not np.isfinite(share).any():
        hint = "wait for samples of CPU and of ready replicas"
        raise ForecastError("no step has both usage and ready replicas", hint=hint)
    startup, capacity = startup_of(history), _capacity(share, history.limit)
    startup = history.startup_s if history.startup_s is not None else startup
    assumed = [] if startup is not None else ["start-up"]
    if capacity is None:
        capacity = history.limit
    if capacity is None:
        assumed.append("capacity")
        capacity = float(np.nanmax(share)) or 1.0
    unit = _cores_per_unit(history, share, capacity)
    work = history.used if history.offered is None else history.offered * unit
    noise = float(noise_of(work[None, :])[0])
    return Fitted(
        STARTUP_S if startup is None else startup, capacity, noise, unit, history.service_s, tuple(assumed)
    )


def shares_of(history: History) -> Floats:
    """Cores used by a pod, of steps at whose end as many pods were ready as at their beginning."""
    steady = np.diff(history.ready, append=history.ready[-1:]) == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((history.ready > 0) & steady, history.used / history.ready, np.nan)


def startup_of(history: History) -> float | None:
    """The median time from a rise of the replicas asked for to as many ready; None where no rise was carried
    out before the next change."""
    asked, ready = history.asked, history.ready
    changes = np.flatnonzero(np.diff(asked) != 0) + 1
    waited = []
    for i, at in enumerate(changes):
        until = int(changes[i + 1]) if i + 1 < len(changes) else len(asked)
        if asked[at] > asked[at - 1] and ready[at - 1] < asked[at]:
            there = np.flatnonzero(ready[at:until] >= asked[at])
            if len(there):
                waited.append(int(there[0]))
    return float(np.median(waited)) * history.step_s if waited else None


def _capacity(share: Floats, limit: float | None) -> float | None:
    """Where usage a pod piles up at its highest, that is all it can: at least 1 % of the steps within 2 % of
    the 99.9th percentile. A limit that was declared is not exceeded."""
    known = share[np.isfinite(share)]
    top = float(np.percentile(known, 99.9))
    piled = known[(known >= 0.98 * top) & (known <= 1.02 * top)]
    if top <= 0 or len(known) < 100 or len(piled) < max(5, 0.01 * len(known)):
        return None
    plateau = float(np.median(piled))
    # A flat line is not a plateau that was reached from below.
    if plateau < 1.05 * float(np.median(known)):
        return None
    if limit is None:
        return plateau
    return plateau if plateau < 0.98 * limit else limit


def _cores_per_unit(history: History, share: Floats, capacity: float) -> float:
    """The median of cores used over work offered, of steps that were not saturated."""
    if history.offered is None:
        return 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        calm = (share < 0.9 * capacity) & (history.offered > 0)
        ratio = history.used / history.offered
    calm &= np.isfinite(ratio)
    return float(np.median(ratio[calm])) if calm.any() else 1.0


def noise_of(demand: Floats) -> Floats:
    """The deviation of a step's logarithm about the line between its neighbours, by MAD, for each row: of
    white noise the residual's variance is 3/2 of the noise's."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(demand > 0, np.log(demand), np.nan)
    if logs.shape[1] < 3:
        return np.zeros(len(logs))
    mad = row_medians(np.abs(logs[:, 1:-1] - (logs[:, :-2] + logs[:, 2:]) / 2))
    return np.asarray(NORMAL * np.nan_to_num(mad) / np.sqrt(1.5))
