"""Rules about a Job: how it ended (batch/v1, JobConditionType)."""

from collections.abc import Iterator

from tools.diagnosis.pods import quote
from tools.diagnosis.types import Facts, Finding, Severity


def job(facts: Facts) -> Iterator[Finding]:
    """Failed, complete or suspended; one that runs is told of by its pods."""
    w = facts.workload
    if w.target.kind != "job":
        return
    for type, level in (("Failed", Severity.BROKEN), ("Complete", Severity.NOTED)):
        one = w.condition(type)
        if one is not None and one.holds:
            said = f"{one.reason}: {quote(one.message)}" if one.message else one.reason
            yield Finding(f"job-{type.lower()}", level, f"it is {type.lower()}", said or f"condition {type}")
    if w.paused:
        yield Finding("job-suspended", Severity.LIMITED, "it is suspended", "spec.suspend is true")
