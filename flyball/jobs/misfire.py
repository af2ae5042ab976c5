"""Which due time of a schedule is run, and which were missed, when somebody looks late. Pure."""

from dataclasses import dataclass

from flyball.jobs.cron import cron
from flyball.jobs.types import Schedule

PROMPT_MS = 60_000
"""How late a start still counts as on time, whatever the rule says: a look or two."""


@dataclass(frozen=True, slots=True)
class Judged:
    """`run_ms`: the due time that is run now, if any. `missed`: the first and the last one that nobody runs."""

    run_ms: int | None
    missed: tuple[int, int] | None
    next_ms: int | None


def judge(schedule: Schedule, first_ms: int, now_ms: int) -> Judged:
    """The schedule is due since `first_ms`, at or before `now_ms`. Of several due times only the newest can run."""
    when = cron(schedule.cron, schedule.zone)
    last_ms = max(when.last_until(now_ms) or first_ms, first_ms)
    following = when.next_after(now_ms)
    allowed_ms = schedule.within_ms if schedule.misfire == "once" else 0
    if now_ms - last_ms > max(allowed_ms, PROMPT_MS):
        return Judged(None, (first_ms, last_ms), following)
    before = when.last_until(last_ms - 1) if first_ms < last_ms else None
    return Judged(last_ms, None if before is None else (first_ms, before), following)
