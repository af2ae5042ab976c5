"""The fast loop's arithmetic: what one minute's look at an enveloped workload comes to. Pure.

It moves only where it is sure: not in the middle of a rollout, not on figures that are missing or old, never down on
figures that are not whole. What is allowed is the gate's business.
"""

from dataclasses import dataclass

from agents.tuner.skipped import scaled_by_hpa, skip_reason
from tools.cluster_types import Workload
from tools.metrics.types import Number

WHOLE_PPM = 900_000
"""The share of the pods whose usage must be known before anything is taken away."""
FRESH_MS = 180_000
"""Figures that are older move nothing."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a workload may be moved within, and the least number that it has again when that is over."""

    low: int
    high: int
    floor: int
    step: int | None = None
    """The largest step; None: any."""

    def nearest(self, wanted: int, now: int) -> int:
        """The number inside of it that is nearest to the wanted one, and one step away at most."""
        to = min(max(wanted, self.low), self.high)
        return to if self.step is None else min(max(to, now - self.step), now + self.step)


@dataclass(frozen=True, slots=True)
class Step:
    """What a look comes to: the number to move to (None: nothing is moved), and why, as a short code."""

    to: int | None
    why: str


def step(workload: Workload, within: Range, now: int, wanted: int | None, cpu: Number) -> Step:
    """The forecast's number within the range. `now` are its replicas, or where an HPA keeps those, its floor;
    `wanted` is None while nothing is forecast."""
    if why := skip_reason(workload):
        return Step(None, why)
    if cpu.v is None or cpu.age_ms is None:
        return Step(None, "no-metrics")
    if cpu.age_ms > FRESH_MS:
        return Step(None, "stale-metrics")
    if wanted is None:
        return Step(None, "no-forecast")
    to = within.nearest(wanted, now)
    if to == now:
        return Step(None, "fits" if to == wanted else "at-the-end")
    if to < now and cpu.coverage_ppm < WHOLE_PPM:
        return Step(None, "missing-metrics")
    return Step(to, "above" if to > now else "below")


def put_back(workload: Workload, within: Range, now: int) -> Step:
    """What is left to do once a lease is over, or its agent is paused: with an HPA its floor, else never fewer pods
    than there are, since nobody watches the demand then. A floor that the loop cannot have set stays."""
    if not scaled_by_hpa(workload):
        return Step(max(now, within.floor), "put-back")
    anothers = within.high and not within.low <= now <= within.high
    return Step(now if anothers else within.floor, "put-back")


def resting(workload: Workload, within: Range, now: int) -> Step:
    """While its agent is paused: as put back, as far as the range lets it."""
    if why := skip_reason(workload):
        return Step(None, why)
    back = put_back(workload, within, now).to or now
    to = within.nearest(back, now)
    return Step(None if to == now else to, "paused")
