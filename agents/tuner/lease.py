"""The lease that stands on a workload, as far as its annotation tells: what a run weighs, never a right."""

from agents.tuner.strategy import Observed
from base.instants import utc_ms
from tools.envelope_text import Written, written


def in_force(one: Observed) -> Written | None:
    """The lease, where there is one that is not over."""
    before = written(one.workload.annotations)
    return None if before is None or one.at_ms >= utc_ms(before.until) else before


def own_target(one: Observed) -> int | None:
    """The CPU target that its HPA has without a lease; None where it has none."""
    now, before = one.autoscaler.target_percent if one.autoscaler else None, in_force(one)
    if now is None or before is None or now not in (before.guard, before.target):
        return now
    return before.target
