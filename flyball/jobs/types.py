"""What jobs are, as plain data. Times are gate times in Unix ms, unless a name says otherwise."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["queued", "running", "done", "failed", "cancelled"]
Misfire = Literal["skip", "once"]
"""What becomes of a due time that nobody was there for: `skip` leaves it out; `once` makes up for the newest one
while it is no older than the schedule's `within`."""
DIED = "its worker died"
"""What `why` of a run begins with that dead workers have left, whether it is queued again or has failed."""
Wanted = Literal["go on", "cancel", "lost"]
"""What a worker is to do with a run that it has: `lost` says that another worker has it now."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job is due: a cron expression of five fields, in the local time of an IANA zone."""

    name: str
    job: str
    payload: Mapping[str, str]
    cron: str
    zone: str
    misfire: Misfire = "skip"
    within_ms: int = 0
    lock: str | None = None
    """As in `NewRun`."""

    def run_id(self, due_ms: int) -> str:
        """The id of its run of that due time: the same, whoever queues it and however often."""
        return "r-" + hashlib.sha256(f"{self.name}\n{due_ms}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A schedule and when it is due next; None where that never comes."""

    schedule: Schedule
    next_ms: int | None


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is to be queued. While one with the same `key` is queued or running, that one is meant.

    At most `slots` runs with the same `lock` run at once.
    """

    id: str
    job: str
    payload: Mapping[str, str]
    key: str | None = None
    lock: str | None = None
    slots: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands. `token` grows with each worker that takes it over; `attempt` counts from 1."""

    id: str
    job: str
    payload: Mapping[str, str]
    state: State
    schedule: str | None
    due_ms: int | None
    attempt: int
    token: int
    queued_ms: int
    began_ms: int | None
    ended_ms: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that a worker has. Only who holds its newest `token` can end it."""

    run: Run
    lock: str
    slot: int
    token: int


@dataclass(frozen=True, slots=True)
class Missed:
    """Due times of a schedule that nobody was there for, the first and the last of them; they are not made up for."""

    schedule: Schedule
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Ticked:
    """What a tick has queued, and what it found missed."""

    queued: tuple[Run, ...]
    missed: tuple[Missed, ...]


@dataclass(frozen=True, slots=True)
class Holding:
    """A slot of a lock that is held, with the fencing token that came with it."""

    lock: str
    slot: int
    token: int
    holder: str
