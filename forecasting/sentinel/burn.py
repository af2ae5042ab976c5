"""How fast an error budget is spent: multi-window, multi-burn-rate alerts.

Source: The Site Reliability Workbook (Google, O'Reilly 2018), chapter 5, table 5-8: 14.4 times over 1 h and 5 min
(2 % of a 30-day budget), 6 times over 6 h and 30 min (5 %), once over 3 d and 6 h (10 %).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.errors import ForecastError
from forecasting.types import Floats


@dataclass(frozen=True, slots=True)
class Burn:
    """A rule: the budget burns `factor` times as fast as it may, over both windows (seconds)."""

    factor: float
    long_s: int
    short_s: int
    severity: str


BURNS = (
    Burn(14.4, 3600, 300, "page"),
    Burn(6.0, 6 * 3600, 1800, "page"),
    Burn(1.0, 3 * 86_400, 6 * 3600, "ticket"),
)


@dataclass(frozen=True, slots=True)
class Burning:
    """What a rule says at the last step: the rates over both windows (NaN: not measured) and the shares of the
    windows that were measured."""

    rule: Burn
    long_rate: float
    short_rate: float
    long_known: float
    short_known: float

    @property
    def fires(self) -> bool:
        """Both windows burn that fast. What was not measured does not fire."""
        return self.long_rate >= self.rule.factor and self.short_rate >= self.rule.factor


def burning(bad: Floats, total: Floats, step_s: int, objective: float) -> tuple[Burning, ...]:
    """Every rule at the last step. `bad` of `total` events a step (increases, not counters; NaN: missing),
    `objective` the share that shall be good, such as 0.999. Raises ForecastError: an objective that leaves no
    budget, or arrays of two lengths."""
    if not 0 < objective < 1:
        raise ForecastError(f"objective {objective} leaves no budget", hint="give a share such as 0.999")
    if len(bad) != len(total):
        raise ForecastError(f"{len(bad)} bad but {len(total)} totals", hint="give both for the same steps")
    return tuple(_burning(rule, bad, total, step_s, 1 - objective) for rule in BURNS)


def _burning(rule: Burn, bad: Floats, total: Floats, step_s: int, budget: float) -> Burning:
    long_rate, long_known = _rate(bad, total, rule.long_s // step_s, budget)
    short_rate, short_known = _rate(bad, total, rule.short_s // step_s, budget)
    return Burning(rule, long_rate, short_rate, long_known, short_known)


def _rate(bad: Floats, total: Floats, steps: int, budget: float) -> tuple[float, float]:
    steps = max(1, steps)
    b, t = bad[-steps:], total[-steps:]
    known = np.isfinite(b) & np.isfinite(t) & (t >= 0) & (b >= 0)
    if not known.any():
        return float("nan"), 0.0
    events = float(t[known].sum())
    # No traffic burns nothing.
    rate = float(b[known].sum()) / events / budget if events else 0.0
    return rate, float(known.sum()) / steps


def increases(counter: Floats) -> Floats:
    """A counter's growth a step; after a reset it begins at 0 again (as PromQL's `increase` has it). The first
    step and steps beside missing ones are missing."""
    grown = np.diff(counter, prepend=np.nan)
    with np.errstate(invalid="ignore"):
        return np.where(grown < 0, counter, grown)


def fast_burn(shares: Sequence[float], step_s: int, objective: float) -> Burning:
    """The fastest rule over shares of failed events, one a step (NaN: missing); each step counts as much."""
    bad = np.asarray(shares, dtype=np.float64)
    return burning(bad, np.ones_like(bad), step_s, objective)[0]
