"""The strategy `percentile-floor`: what the same hours of the last two weeks needed in 99 of 100 minutes; what peers
do without a model."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.tuner.forecast import HISTORY_S, unfit
from agents.tuner.lease import in_force
from agents.tuner.pod_size import requested_millicores
from agents.tuner.sizing import event_percent, sized
from agents.tuner.strategy import Aim, Candidate, Figure, Observed, Reads

AHEAD_MIN = 240
"""The hours that it looks at begin now, and are so many minutes."""
PERCENTILE = 99
TARGET_PERCENT = 85
"""What of a pod's requests that demand may use."""


@dataclass(frozen=True, slots=True)
class PercentileFloor:
    """Pods for a percentile of the same hours."""

    aim: Aim
    name: str = field(default="percentile-floor", init=False)
    version: str = field(default="1", init=False)
    reads: Reads = field(default=Reads(HISTORY_S), init=False)

    def consider(self, observed: Observed) -> str | None:
        """As `forecast`, and at least 7 days with these hours."""
        if in_force(observed) is not None:
            return "leased"
        return unfit(observed) or ("short-history" if _needed(observed) is None else None)

    def propose(self, observed: Sequence[Observed]) -> list[list[Candidate]]:
        """One candidate for each workload."""
        return [[self._one(one, _needed(one) or 0)] for one in observed]

    def _one(self, one: Observed, millicores: int) -> Candidate:
        each, percent = requested_millicores(one.workload) or 1, event_percent(one)
        needed = millicores * percent // 100
        pods = max(1, -(-needed * 100 // (each * TARGET_PERCENT)))
        reason = f"these hours needed {needed}m in {PERCENTILE} % of the minutes; {pods} pods of {each}m"
        figures = (Figure("same_hours_millicores", needed), Figure("pod_millicores", each))
        return sized(one, self.name, pods, "same-hours", reason, figures)


def _needed(one: Observed) -> int | None:
    from forecasting.demand.same_hours import same_hours

    return same_hours(one.cpu.values, AHEAD_MIN, PERCENTILE)
