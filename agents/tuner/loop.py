"""The fast loop's arithmetic: what one minute's look at an enveloped workload comes to. Pure.

It moves only where it is sure: not in the middle of a rollout, not on figures that are missing or old, never down on
figures that are not whole. What is allowed is the gate's business.
"""

from dataclasses import dataclass, replace

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
    guard: int | None = None
    """The CPU target that its HPA stands guard at while the forecast carries the load; None: its own."""
    target: int | None = None
    """The HPA's own CPU target; None: the lease leaves it alone."""
    loosest: int | None = None
    """Up to where a target above its own is the loop's doing: the guard as it was leased, before its annotation took
    anything away. None: nobody knows any more."""

    def nearest(self, wanted: int, now: int) -> int:
        """The number inside of it that is nearest to the wanted one, and one step away at most."""
        to = min(max(wanted, self.low), self.high)
        return to if self.step is None else min(max(to, now - self.step), now + self.step)

    def aim(self, now: int | None, *, guarding: bool) -> int | None:
        """The CPU target that its HPA is to be given; None: it stays. One that is neither the leased one nor its own
        is somebody else's, and stays too."""
        if self.target is None or now is None:
            return None
        wanted = self.guard if guarding and self.guard is not None else self.target
        mine = self.target <= now and (self.loosest is None or now <= self.loosest)
        return wanted if mine and wanted != now else None


@dataclass(frozen=True, slots=True)
class Stands:
    """Where a workload stands: its replicas, or where an HPA keeps those, its floor; and the CPU target of that HPA
    (None: it has none)."""

    pods: int
    aim: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What a look comes to: the number to move to (None: it stays), why, as a short code, and the CPU target that its
    HPA is given (None: it stays)."""

    to: int | None
    why: str
    aim: int | None = None

    @property
    def moves(self) -> bool:
        """Whether anything is to be asked for."""
        return self.to is not None or self.aim is not None

    def takes_away(self, now: Stands) -> bool:
        """Whether fewer pods may come of it than now."""
        fewer = self.to is not None and self.to < now.pods
        return fewer or (self.aim is not None and self.aim > (now.aim or 0))

    def only_aims_back(self, now: Stands) -> bool:
        """Whether nothing comes of it but the HPA's own target, which waits for nothing."""
        return self.aim is not None and self.to is None and not self.takes_away(now)

    def aiming_back(self, now: Stands, otherwise: str) -> "Step":
        """What of it need not wait for its pods; where that is nothing, nothing, for the reason `otherwise`."""
        back = replace(self, to=None)
        return back if back.only_aims_back(now) else Step(None, otherwise)


def step(workload: Workload, within: Range, now: Stands, wanted: int | None, cpu: Number) -> Step:
    """The forecast's number within the range; `wanted` is None while nothing is forecast. The HPA stands guard at the
    leased target only while the forecast is there and fits into the range: else it has its own again."""
    if why := skip_reason(workload):
        return Step(None, why)
    if why := _unknown(cpu):
        return Step(None, why, within.aim(now.aim, guarding=False))
    if wanted is None:
        return Step(None, "no-forecast", within.aim(now.aim, guarding=False))
    to = within.nearest(wanted, now.pods)
    found = Step(
        to, "above" if to > now.pods else "below", within.aim(now.aim, guarding=wanted <= within.high)
    )
    if to == now.pods:
        found = Step(None, "fits" if to == wanted else "at-the-end", found.aim)
    if found.takes_away(now) and cpu.coverage_ppm < WHOLE_PPM:
        return _without_less(found, now)
    guards = found.to is None and found.takes_away(now)
    return replace(found, why="guard") if guards else found


def calmed(found: Step, within: Range, now: Stands) -> Step:
    """While an alert fires on it nothing is taken away, and its HPA has its own target again."""
    calm = _without_less(found, now, "alert-fires")
    return replace(calm, aim=within.aim(now.aim, guarding=False))


def _unknown(cpu: Number) -> str:
    if cpu.v is None or cpu.age_ms is None:
        return "no-metrics"
    return "stale-metrics" if cpu.age_ms > FRESH_MS else ""


def _without_less(found: Step, now: Stands, why: str = "missing-metrics") -> Step:
    """The step without what may take pods away."""
    to = found.to if found.to is not None and found.to > now.pods else None
    aim = found.aim if found.aim is not None and found.aim < (now.aim or 0) else None
    return Step(to, found.why if to is not None else why, aim)


def put_back(workload: Workload, within: Range, now: Stands) -> Step:
    """What is left to do once a lease is over, or its agent is paused: with an HPA its floor and its CPU target, else
    never fewer pods than there are, since nobody watches the demand then. A floor that the loop cannot have set
    stays."""
    if not scaled_by_hpa(workload):
        return Step(max(now.pods, within.floor), "put-back")
    anothers = within.high and not within.low <= now.pods <= within.high
    aim = within.aim(now.aim, guarding=False)
    return Step(now.pods if anothers else within.floor, "put-back", aim)


def resting(workload: Workload, within: Range, now: Stands) -> Step:
    """While its agent is paused: as put back, as far as the range lets it."""
    if why := skip_reason(workload):
        return Step(None, why)
    back = put_back(workload, within, now)
    to = within.nearest(back.to or now.pods, now.pods)
    return Step(None if to == now.pods else to, "paused", back.aim)
