"""Waiting in line: M/M/c, the textbook's queue with Poisson arrivals, exponential service and c servers.

Sources: A. K. Erlang, Solution of some problems in the theory of probabilities of significance in automatic
telephone exchanges (1917), formula C; D. Gross et al., Fundamentals of Queueing Theory (4th ed., Wiley 2008),
section 2.3; F. S. Hillier, G. J. Lieberman, Introduction to Operations Research, section 17.6.

With `a = lambda / mu` the load offered and `rho = a / c < 1` the utilisation:

    P(wait)    = C(c, a) = B / (1 - rho (1 - B)),  B = Erlang's B by its recursion
    P(W > t)   = C e^(-(c mu - lambda) t)
    P(T > t)   = e^(-mu t) (1 + C (1 - e^(-mu t (c-1-a))) / (c-1-a)),  T = wait and service
"""

from functools import lru_cache
from typing import cast

import numpy as np

from forecasting.seeded_random import Floats

RHO_MAX = 0.98
"""Beyond it the line does not settle within a tick; the engine adds the backlog that it keeps itself."""

QUANTILES = (0.5, 0.95, 0.99)
_GRID = np.concatenate([np.linspace(0.0, 0.9, 181), np.linspace(0.9, RHO_MAX, 161)[1:]])
_HALVINGS = 60


def erlang_c(servers: int, rho: Floats) -> Floats:
    """The probability that a request waits, with that many servers, each busy a share `rho` of the time."""
    offered = rho * servers
    blocked = np.ones_like(offered)
    for k in range(1, servers + 1):
        blocked = offered * blocked / (k + offered * blocked)
    return blocked / (1 - rho * (1 - blocked))


def sojourn_above(servers: int, rho: Floats, t: Floats) -> Floats:
    """The probability that wait and service take longer than `t` mean service times."""
    waits, apart = erlang_c(servers, rho), servers - 1 - rho * servers
    # At c - 1 = a the quotient tends to t (one rule serves both: expm1 keeps its digits near 0).
    near = np.abs(apart) < 1e-9
    quotient = np.where(near, t, -np.expm1(-t * apart) / np.where(near, 1.0, apart))
    return cast(Floats, np.minimum(1.0, np.exp(-t) * (1 + waits * quotient)))


def sojourn_quantile(servers: int, rho: Floats, q: float) -> Floats:
    """The time within which a share `q` of the requests is done, in mean service times, by bisection."""
    low = np.zeros_like(rho)
    high = (np.log(1 / (1 - q)) + 2) * (2 + 1 / (servers * (1 - rho)))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        late = sojourn_above(servers, rho, middle) > 1 - q
        low, high = np.where(late, middle, low), np.where(late, high, middle)
    return cast(Floats, high)


def quantiles(servers: int, rho: Floats) -> tuple[Floats, Floats, Floats]:
    """p50, p95 and p99 in mean service times; `rho` counts as RHO_MAX at most."""
    p50, p95, p99 = (np.interp(rho, _GRID, column) for column in _table(servers))
    return p50, p95, p99


@lru_cache(maxsize=1024)
def _table(servers: int) -> tuple[Floats, Floats, Floats]:
    p50, p95, p99 = (sojourn_quantile(servers, _GRID, q) for q in QUANTILES)
    return p50, p95, p99
