"""CPU bandwidth control: which share of its periods a container is throttled in.

The kernel's rules (Documentation/scheduler/sched-bwc.rst): within each period of `cpu.cfs_period_us` (100 ms) a
group may use `quota` of CPU time on all cores together; when it is used up, the group's threads stand still
until the next period begins; what is left over is not carried on (`burst` is 0). `nr_periods` counts the periods
in which the group had work, `nr_throttled` those in which its quota ran out. A limit of L millicores is a quota
of L/1000 of the period (k8s.io/kubernetes pkg/kubelet/cm/helpers_linux.go, MilliCPUToQuota).

Work comes as requests (Poisson) of exponential size with mean S. With X the work of one period and Q what the
quota of the last one left undone, Q' = max(0, Q + X - quota): Lindley's recursion (1952), here on a grid, for
all loads at once. A period was throttled where Q' > 0.
"""

from functools import lru_cache

import numpy as np

from forecasting.seeded_random import Floats

PERIOD_US = 100_000
_SIZE = 512
"""Cells of the grid; a quota has 24 or more of them, a mean request four or more where that is possible."""
_ROUNDS = 80
_LOADS = np.concatenate([np.linspace(0.0, 0.9, 19), [0.93, 0.96]])
_RATIO_MAX = 64.0


def throttled(load: Floats, quota_us: int, service_us: int) -> Floats:
    """The share of `nr_periods` that is throttled, where work of `load` times the quota comes in each period."""
    known = _table(round(min(_RATIO_MAX, quota_us / service_us), 1) or 0.1)
    share: Floats = np.interp(load, np.append(_LOADS, 1.0), np.append(known, 1.0))
    return share


@lru_cache(maxsize=4096)
def _table(ratio: float) -> Floats:
    """For each of the loads, with quotas of `ratio` mean requests."""
    cells = round(min(192, max(24, 4 * ratio)))
    work = _work(ratio, cells)
    left = np.zeros((len(_LOADS), _SIZE))
    left[:, 0] = 1.0
    transformed = np.fft.rfft(work, 2 * _SIZE)
    for _ in range(_ROUNDS):
        total = np.fft.irfft(np.fft.rfft(left, 2 * _SIZE) * transformed, 2 * _SIZE)[:, : _SIZE + cells]
        after = total[:, cells:]
        after[:, 0] += total[:, :cells].sum(axis=1)
        after[:, -1] += np.maximum(0.0, 1 - after.sum(axis=1))
        left = after
    share = 1 - left[:, 0]
    # A period without work is none: the group's timer stands still.
    busy = 1 - left[:, 0] * work[:, 0]
    return np.where(busy > 1e-12, share / np.maximum(busy, 1e-12), 0.0)


def _work(ratio: float, cells: int) -> Floats:
    """The distribution of the work of one period on the grid: a compound Poisson sum, by its transform."""
    edges = np.arange(2 * _SIZE + 1) * ratio / cells
    # Each cell stands for the work around its middle; cell 0 for less than half a cell.
    bounds = np.concatenate([[0.0], edges[:-1] + ratio / cells / 2])
    sizes = -np.diff(np.exp(-bounds))
    requests = (_LOADS * ratio)[:, None]
    wave = np.exp(requests * (np.fft.rfft(sizes, 4 * _SIZE) - 1))
    return np.maximum(0.0, np.fft.irfft(wave, 4 * _SIZE)[:, : 2 * _SIZE])
