"""Whether the twin of one workload is to be believed: it is fitted on the older half of what was measured of the last
two days and played over the newer one (forecasting.twin.replay.judge), from integers as they were read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.errors import ForecastError
from forecasting.twin.fit import History
from forecasting.twin.replay import judge
from forecasting.types import Floats, Millicores, in_cores

LAST = 2880


@dataclass(frozen=True, slots=True)
class Belief:
    """`doubts` says what speaks against acting on the twin alone (empty: nothing); the errors that it states, in ppm,
    None where they could not be computed."""

    doubts: tuple[str, ...]
    utilisation_error_ppm: int | None = None
    f1_ppm: int | None = None
    coverage_ppm: int | None = None

    @property
    def calibrated(self) -> bool:
        return not self.doubts


def believed(
    cpu: Millicores,
    ready: Sequence[int | None] | None,
    offered: Sequence[int | None] | None,
    carries: int,
    startup_s: int | None,
) -> Belief:
    """From a point a minute of CPU, ready pods and the work offered (None: not measured), what a pod carries at 100 %
    in millicores, and its start-up by the pods' own times (None: no pod shows it)."""
    if ready is None:
        return Belief(("no history of ready pods",))
    try:
        history = _history(cpu, ready, offered, carries, startup_s)
        _, found = judge(history, len(history.used) // 2)
    except ForecastError as e:
        return Belief((e.what,))
    f1 = None if found.f1 is None else int(found.f1 * 1_000_000)
    error = found.utilisation_error
    return Belief(
        found.reasons,
        int(np.ceil(error * 1_000_000)) if np.isfinite(error) else None,
        f1,
        int(found.coverage * 1_000_000),
    )


def _history(
    cpu: Millicores,
    ready: Sequence[int | None],
    offered: Sequence[int | None] | None,
    carries: int,
    startup_s: int | None,
) -> History:
    measured = next((i for i, value in enumerate(cpu[-LAST:]) if value is not None), LAST)
    last = max(1, min(len(cpu), LAST) - measured)
    pods = np.array(ready[-last:], dtype=np.float64)
    work = None if offered is None else np.array(offered[-last:], dtype=np.float64)
    if work is not None and not np.isfinite(work).any():
        work = None
    asked = _asked(pods, 0 if startup_s is None else -(-startup_s // 60))
    return History(asked, pods, in_cores(cpu[-last:]), work, limit=carries / 1000, startup_s=startup_s)


def _asked(ready: Floats, steps: int) -> Floats:
    """The replicas asked for, from the ready ones: each rise was asked for a start-up earlier."""
    asked = ready.copy()
    for ahead in range(1, min(steps, len(ready) - 1) + 1):
        asked[:-ahead] = np.fmax(asked[:-ahead], ready[ahead:])
    return asked
