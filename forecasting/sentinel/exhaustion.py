"""When will it be full? A growing resource against its limit: memory, disk, saturation.

Theil-Sen's slope and Mann-Kendall's trend over two hours of 5-minute medians; three confirmations that agree
on the time, ten minutes apart where the trend is clean and half an hour where it is not.
What only looks like a leak is held back:
- a restart begins a new window, which needs an hour of its own;
- growth that slows down (a cache that warms up) is not a leak unless it reaches the limit slowing down as it does:
  halves that rise by r < 1 of one another have r / (1 - r) of the newer one's rise to come;
- growth that the same hours of the day before showed as well is the day's cycle. What counts is what comes on
  top of it, or what stayed from yesterday to today.
- a time further away than the window allows is not reported: nothing is extrapolated over more than twice what was
  seen, or once without a day of history.
An ETA is the level on the line, extrapolated to the limit; where four hours tell the same slope, theirs is used.
"""

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np

from forecasting.errors import ForecastError
from forecasting.sentinel.estimates import Estimates, confirm, estimate
from forecasting.sentinel.rule import DAY_S, RULE, Rule, fitted
from forecasting.sentinel.series import Series, blocks
from forecasting.types import Bools, Ints

STEP_MAX_S = 7200


@dataclass(frozen=True, slots=True)
class Finding:
    """Exhaustion foreseen: first confirmed at `found_s` (Unix), when it would be full at `full_s`, within
    `soonest_s`..`latest_s`; `slope` of the unit a second, `confidence` 1 - p of Mann-Kendall."""

    found_s: int
    full_s: int
    soonest_s: int
    latest_s: int
    slope: float
    level: float
    limit: float
    confidence: float
    tau: float
    points: int
    window_s: int
    until_s: int
    """The last time at which it was still so."""


def scan(series: Series, limit: float, rule: Rule = RULE) -> tuple[Finding, ...]:
    """The findings of a series played back in time, each known at its `found_s` from samples up to then. Raises
    ForecastError where the step is longer than STEP_MAX_S."""
    found, confirmed = _estimated(series, limit, rule)
    return _episodes(found, confirmed, limit) if found is not None else ()


def foreseen(series: Series, limit: float, rule: Rule = RULE) -> Finding | None:
    """What is foreseen at the end of the series: the newest estimate that was confirmed, whenever that was; None
    where none was. Raises ForecastError as `scan` does."""
    found, confirmed = _estimated(series, limit, rule)
    at = np.flatnonzero(confirmed)
    return _finding(found, at[-1:], limit) if found is not None and len(at) else None


def _estimated(series: Series, limit: float, rule: Rule) -> tuple[Estimates | None, Bools]:
    """What can be said at the end of each block, and where it is confirmed; None of no blocks."""
    if series.step_s > STEP_MAX_S:
        what = f"a sample each {series.step_s} s: too few for a finding"
        raise ForecastError(what, hint=f"give one each {STEP_MAX_S} s or oftener")
    size = max(300, series.step_s)
    known = blocks(series, size)
    if not len(known.medians):
        return None, np.zeros(0, dtype=np.bool_)
    found = estimate(known, limit, fitted(rule, size))
    return found, confirm(found, fitted(rule, size), size)


def _episodes(found: Estimates, confirmed: Bools, limit: float) -> tuple[Finding, ...]:
    """Confirmed blocks in a row, with at most two hours between, are one finding."""
    at = np.flatnonzero(confirmed)
    if not len(at):
        return ()
    breaks = np.flatnonzero(np.diff(found.at_s[at]) > 7200) + 1
    return tuple(_finding(found, run, limit) for run in np.split(at, breaks))


def _finding(found: Estimates, run: Ints, limit: float) -> Finding:
    i = int(run[0])
    at = int(found.at_s[i])
    far = 366 * DAY_S
    return Finding(
        at, at + int(found.eta_s[i]), at + int(found.soonest_s[i]), at + int(min(found.latest_s[i], far)),
        float(found.slope[i]), float(found.level[i]), limit, 1 - erfc(float(found.z[i]) / sqrt(2)) / 2,
        float(found.tau[i]), int(found.points[i]), int(found.window_s[i]), int(found.at_s[run[-1]]),
    )  # fmt: skip
