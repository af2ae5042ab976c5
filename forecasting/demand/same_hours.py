"""The percentile floor: what the same hours of the last days needed in most minutes.

The rule of peers that keep a floor from the past (ScaleOps' "headroom by percentile", KEDA users' cron scalers): no
model, a percentile of what was.
"""

from collections.abc import Sequence

import numpy as np

from forecasting.types import in_cores

DAY = 1440
DAYS, LEAST_DAYS = 14, 7
COVERED = 0.9
"""The share of a day's hours that must be measured for the day to count."""


def same_hours(values: Sequence[int | None], minutes: int, percentile: float) -> int | None:
    """Millicores, rounded up, that `percentile` percent of the minutes did not exceed, in the `minutes` after this
    time of day on each of the last 14 days. `values` are a minute each up to now; None with less than 7 days."""
    history = in_cores(values)
    days = []
    for back in range(1, DAYS + 1):
        start = len(history) - back * DAY
        if start < 0:
            break
        day = history[start : start + min(minutes, DAY)]
        if np.isfinite(day).mean() >= COVERED:
            days.append(day[np.isfinite(day)])
    if len(days) < LEAST_DAYS:
        return None
    return int(np.ceil(np.percentile(np.concatenate(days), percentile) * 1000 - 1e-6))
