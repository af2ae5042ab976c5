"""The demand of `bench tuning_pass`: of each of 64 shapes two weeks of minutes, as Prometheus writes figures.

Most shapes fit what their workload requests; some leave most of it unused, and a few need more than there is.
"""

from functools import cache

import numpy as np

PODS, REQUEST_M, MEMORY = 3, 500, 180 << 20
"""Pods of each workload, and what one of them asks for."""
MINUTES = 14 * 1440
_SLACK, _SHORT = 8, 2
"""Shapes, of 64, that use a quarter of what they ask for, and those that use nearly all of it."""


@cache
def texts_of(kind: str, shape: int, share: int) -> tuple[str, ...]:
    """A figure a minute, of one of `share` pods alike (1: of all together)."""
    if kind == "ready":
        return (str(PODS // share),)
    rng = np.random.default_rng([7, shape])
    day = 1 + 0.25 * np.sin(2 * np.pi * (np.arange(MINUTES) / 1440 + shape / 64))
    noise = np.exp(rng.normal(0, 0.03, MINUTES))
    if kind == "memory":
        return tuple(str(round(v)) for v in (MEMORY * PODS / share * (0.7 + 0.1 * day) * noise).tolist())
    used = 0.2 if shape < _SLACK else 0.85 if shape < _SLACK + _SHORT else 0.6
    cores = used * PODS * REQUEST_M / 1000 / share * day * noise
    return tuple(f"{v:.12g}" for v in cores.tolist())
