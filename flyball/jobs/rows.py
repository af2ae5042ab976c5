"""Rows of the file as values, and back."""

import json
from typing import Any

from flyball.jobs.errors import JobsUnavailable
from flyball.jobs.store import REPLACED, Row, Value
from flyball.jobs.types import Run, Schedule, Scheduled


def run_of(row: Row) -> Run:
    """A row of the statements RUN, RUN_OF_KEY, RUNS, QUEUED and LEFT."""
    cells: Any = row
    id_, job, payload, state, schedule, due, attempt, token, queued, began, ended, why = cells[:12]
    told = _payload(payload)
    return Run(id_, job, told, state, schedule, due, attempt, token, queued, began, ended, why)


def _payload(text: str) -> dict[str, str]:
    """Raises JobsUnavailable for what this store has not written."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise JobsUnavailable(f"the jobs are damaged: `{text[:40]}` is no payload", hint=REPLACED)
    return found


def lock_of(row: Row) -> tuple[str, int]:
    """The lock of a run and its slots."""
    cells: Any = row
    return cells[12], cells[13]


def scheduled_of(row: Row) -> tuple[Scheduled, int]:
    """A row of SCHEDULES, and when it was looked at last."""
    cells: Any = row
    name, job, payload, cron, zone, misfire, within, lock, next_ms, looked = cells
    schedule = Schedule(name, job, _payload(payload), cron, zone, misfire, within, lock)
    return Scheduled(schedule, next_ms), looked


def row_of(schedule: Schedule, next_ms: int | None, looked_ms: int) -> dict[str, Value]:
    """What PUT_SCHEDULE stores."""
    return {
        "name_": schedule.name, "job_": schedule.job, "payload_": json.dumps(dict(schedule.payload), sort_keys=True),
        "cron_": schedule.cron, "zone_": schedule.zone, "misfire_": schedule.misfire,
        "within_ms_": schedule.within_ms, "lock_": schedule.lock, "next_ms_": next_ms, "looked_ms_": looked_ms,
    }  # fmt: skip
