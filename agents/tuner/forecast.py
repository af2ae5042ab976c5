"""The strategy `forecast`: the calibrated quantile of the demand until the next decision has taken effect
(forecasting.demand), decided as a backtest of the same values decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.tuner.lease import in_force
from agents.tuner.pod_size import STARTUP_S, requested_millicores, startup_s
from agents.tuner.sizing import doubtful, event_percent, sized
from agents.tuner.skipped import scaled_by_hpa
from agents.tuner.strategy import Aim, Candidate, Figure, Observed, Reads

if TYPE_CHECKING:
    from forecasting.types import Shape

HISTORY_S = 14 * 86_400
LEAST_S = 86_400
"""A shorter history knows no day: the shape of one is most of what the forecast lives on."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Pods for the demand that is exceeded with the accepted risk only."""

    aim: Aim
    name: str = field(default="forecast", init=False)
    version: str = field(default="1", init=False)
    reads: Reads = field(default=Reads(HISTORY_S), init=False)

    def consider(self, observed: Observed) -> str | None:
        """It needs a day of CPU that is fresh, the pods' requests, and nobody but an HPA who keeps the replicas."""
        if in_force(observed) is not None:
            return "leased"
        return unfit(observed) or ("short-history" if measured_s(observed) < LEAST_S * 9 // 10 else None)

    def propose(self, observed: Sequence[Observed]) -> list[list[Candidate]]:
        """One candidate for each workload; all are forecast together."""
        from forecasting.twin.live import wanted

        demands = [_demand(one) for one in observed]
        found = wanted(demands, [_shape(one) for one in observed], self.aim.risk_ppm / 1_000_000)
        return [[self._one(one, pods)] for one, pods in zip(observed, found, strict=True)]

    def _one(self, one: Observed, pods: int | None) -> Candidate:
        if pods is None:
            return Candidate(self.name, None, "missing-metrics")
        each = requested_millicores(one.workload) or 0
        percent, risk = event_percent(one), self.aim.risk_ppm
        reason = f"{pods} pods of {each}m carry what the demand exceeds with {risk / 10_000:g} % only"
        figures = [Figure("pods_forecast", pods), Figure("pod_millicores", each), Figure("risk_ppm", risk)]
        if percent > 100:
            reason += f", at {percent} % of it ({', '.join(floor.event for floor in one.events)})"
            figures.append(Figure("event_percent", percent))
        return sized(one, self.name, pods, "quantile-forecast", reason, tuple(figures))


def unfit(one: Observed) -> str | None:
    """Why no strategy that sizes by requests fits."""
    if one.workload.owner and not scaled_by_hpa(one.workload):
        return f"owned-by-{one.workload.owner}"
    if one.autoscaler is not None and one.autoscaler.owner:  # who keeps the HPA would put its floor back
        return f"owned-by-{one.autoscaler.owner}"
    if requested_millicores(one.workload) is None:
        return "no-cpu-request"
    return doubtful(one)


def measured_s(one: Observed) -> int:
    """Seconds of its CPU history that have a value."""
    return sum(value is not None for value in one.cpu.values) * one.cpu.span.step_s


def _demand(one: Observed) -> Sequence[int | None]:
    percent = event_percent(one)
    if percent == 100:
        return one.cpu.values
    return [None if value is None else value * percent // 100 for value in one.cpu.values]


def _shape(one: Observed) -> "Shape":
    from forecasting.types import Shape

    each = requested_millicores(one.workload) or 1
    return Shape(each / 1_000, startup_s=startup_s(one.pods) or STARTUP_S, maximum=100_000)
