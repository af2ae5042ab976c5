"""Time in the system at M/M/c for arrays of servers and utilisations at once, from a table of the formulas of
forecasting/queueing.py (Gross et al., Fundamentals of Queueing Theory, section 2.3), interpolated in 1/c and rho."""

from functools import lru_cache
from typing import cast

import numpy as np

from forecasting.queueing import RHO_MAX, erlang_c
from forecasting.types import Floats

SERVERS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 256, 512)
_RHO = np.concatenate([np.linspace(0.0, 0.8, 81), np.linspace(0.8, RHO_MAX, 73)[1:]])
_HALVINGS = 40


def p95(servers: Floats, rho: Floats) -> Floats:
    """Within which time 95 % are done, in mean service times. `rho` counts as RHO_MAX at most, servers as 1 to
    512; arrays of one shape."""
    table = _table()
    c = 1.0 / np.clip(servers, 1, SERVERS[-1])
    grid = 1.0 / np.array(SERVERS, dtype=np.float64)
    above = np.clip(np.searchsorted(-grid, -c, "left"), 1, len(grid) - 1)
    share = (grid[above - 1] - c) / (grid[above - 1] - grid[above])
    r = np.clip(rho, 0.0, RHO_MAX)
    right = np.clip(np.searchsorted(_RHO, r, "left"), 1, len(_RHO) - 1)
    part = (r - _RHO[right - 1]) / (_RHO[right] - _RHO[right - 1])
    few = table[above - 1, right - 1] * (1 - part) + table[above - 1, right] * part
    many = table[above, right - 1] * (1 - part) + table[above, right] * part
    return cast(Floats, few * (1 - share) + many * share)


@lru_cache(maxsize=1)
def _table() -> Floats:
    return np.stack([_quantile(c, 0.95) for c in SERVERS])


def _quantile(servers: int, q: float) -> Floats:
    """By bisection of P(T > t), as queueing.sojourn_quantile, with Erlang's C taken out of the loop."""
    waits, apart = erlang_c(servers, _RHO), servers - 1 - _RHO * servers
    near = np.abs(apart) < 1e-9
    low, high = np.zeros_like(_RHO), (np.log(1 / (1 - q)) + 2) * (2 + 1 / (servers * (1 - _RHO)))
    for _ in range(_HALVINGS):
        t = (low + high) / 2
        quotient = np.where(near, t, -np.expm1(-t * apart) / np.where(near, 1.0, apart))
        late = np.exp(-t) * (1 + waits * quotient) > 1 - q
        low, high = np.where(late, t, low), np.where(late, high, t)
    return cast(Floats, high)
