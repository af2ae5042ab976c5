"""An HPA's replicas minute by minute, for many workloads and bounds at once: coarser than forecasting.hpa.controller,
which syncs every 15 s and knows each pod, and fast enough to play a week of a fleet.

Its rules: ceil(usage / target), a tolerance of a tenth, at most max(4, twice) at once on the way up, and on the way
down the highest recommendation of the last five minutes. A minute is decided on the minute before.
"""

import numpy as np

from forecasting.types import Floats, Ints

TOLERANCE, WINDOW = 0.1, 5


def hpa_path(demand: Floats, each: Floats, low: Ints, high: Ints, now: Ints) -> Ints:
    """Replicas, R x T, of a `demand` R x T in cores (NaN: no sample, nothing moves) and the least of them, `low`
    R x T; R each: `each` a pod's cores at the HPA's target, the most of them `high`, the replicas at first `now`."""
    rows, steps = demand.shape
    path = np.empty((rows, steps), dtype=np.int64)
    current = np.clip(now, low[:, 0], high)
    recent = np.repeat(current[:, None], WINDOW, axis=1)
    for t in range(steps):
        if t:
            wanted = _wanted(demand[:, t - 1], each, current)
            recent[:, t % WINDOW] = wanted
            stable = np.maximum(wanted, np.where(wanted < current, recent.max(axis=1), 0))
            stable = np.where(wanted < current, np.minimum(stable, current), stable)
            current = np.clip(np.minimum(stable, np.maximum(2 * current, 4)), low[:, t], high)
        path[:, t] = current
    return path


def _wanted(used: Floats, each: Floats, current: Ints) -> Ints:
    share = used / (each * np.maximum(current, 1))
    moves = np.isfinite(share) & (np.abs(share - 1) > TOLERANCE)
    need = np.ceil(np.where(moves, used, 0) / each - 1e-9)
    return np.where(moves, np.maximum(need, 1), current).astype(np.int64)
