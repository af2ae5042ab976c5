"""From pods that a strategy wants to a candidate: with an HPA its floor is moved, without one the replicas; never by
more than one bounded step."""

from dataclasses import replace

from agents.tuner.change import floored, scaled
from agents.tuner.demand import Demand, demand
from agents.tuner.strategy import Candidate, Figure, Observed


def sized(
    one: Observed, strategy: str, wanted: int, why: str, reason: str, figures: tuple[Figure, ...]
) -> Candidate:
    """`wanted` pods, or as far towards them as one step goes, as a change of the floor or of the replicas."""
    before, most = _now(one)
    after = min(within_step(before, wanted), most)
    if after != wanted:
        reason = f"{reason}; {after} of {wanted} in this step"
    if after == before:
        return Candidate(strategy, None, "needs-as-many", reason, figures)
    change = floored(one.workload, one.autoscaler, after) if one.autoscaler else scaled(one.workload, after)
    return Candidate(strategy, change, why, reason, figures)


def doubtful(one: Observed) -> str | None:
    """Why its CPU history is no ground for a forecast; None where it is one: fresh, and whole of late."""
    seen: Demand = demand(one.cpu, one.at_ms)
    if seen.newest is None:
        return "no-metrics"
    return "missing-metrics" if seen.least is None else None


def within_step(before: int, after: int) -> int:
    """At most half of the pods are taken away at once, and at most as many as there are (or 4) are added."""
    return max(-(-before // 2), min(after, max(2 * before, before + 4)))


def bounded(candidate: Candidate) -> Candidate:
    """No more than one step of its pods."""
    pods = candidate.change.pods if candidate.change else None
    if candidate.change is None or pods is None or pods.before is None:
        return candidate
    after = within_step(pods.before, pods.after)
    if after == pods.after:
        return candidate
    reason = f"{candidate.reason}; {after} of {pods.after} in this step"
    return replace(candidate, change=candidate.change.to({pods.dimension: after}), reason=reason)


def event_percent(one: Observed) -> int:
    """What the demand is multiplied by while events are live: the most that one of them asks for, never below 100."""
    return max([100, *(floor.percent for floor in one.events)])


def _now(one: Observed) -> tuple[int, int]:
    """The pods that stand now, and the most that there may be by the HPA."""
    if one.autoscaler is None:
        return one.workload.replicas, 100_000
    return one.autoscaler.minimum, one.autoscaler.maximum
