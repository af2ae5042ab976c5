"""The schedules of the embedded store: what is due is queued, each due time once."""

from collections.abc import Collection

from flyball.jobs import job_sql as sql
from flyball.jobs.cron import cron
from flyball.jobs.misfire import judge
from flyball.jobs.rows import row_of, scheduled_of
from flyball.jobs.run_queue import RunQueue
from flyball.jobs.store import JobStore, Value
from flyball.jobs.types import Missed, NewRun, Run, Schedule, Scheduled, Ticked


class _OnlyLooked(Exception):
    """Takes back what a look has written."""


class Timetable:
    """The schedules in one file."""

    def __init__(self, store: JobStore, queue: RunQueue) -> None:
        self._store, self._queue = store, queue

    def put(self, schedule: Schedule, now_ms: int) -> None:
        when = cron(schedule.cron, schedule.zone)
        with self._store.transaction():
            if all(known.schedule != schedule for known, _ in self._scheduled()):
                row = row_of(schedule, when.next_after(now_ms), now_ms)
                self._store.changed(sql.PUT_SCHEDULE, row)

    def remove(self, name: str) -> None:
        self._store.changed(sql.DROP_SCHEDULE, {"name": name})

    def schedules(self) -> list[Scheduled]:
        return [one for one, _ in self._scheduled()]

    def _scheduled(self) -> list[tuple[Scheduled, int]]:
        return [scheduled_of(row) for row in self._store.rows(sql.SCHEDULES)]

    def missed(self, jobs: Collection[str], now_ms: int) -> tuple[Missed, ...]:
        found = list[Missed]()
        try:
            with self._store.transaction():
                self._look_at_all(jobs, now_ms, [], found)
                raise _OnlyLooked
        except _OnlyLooked:
            return tuple(found)

    def tick(self, jobs: Collection[str], now_ms: int) -> Ticked:
        queued, missed = list[Run](), list[Missed]()
        with self._store.transaction():
            self._look_at_all(jobs, now_ms, queued, missed)
            self._queue.forget(now_ms)
        return Ticked(tuple(queued), tuple(missed))

    def _look_at_all(
        self, jobs: Collection[str], now_ms: int, queued: list[Run], missed: list[Missed]
    ) -> None:
        for one, looked_ms in self._scheduled():
            if one.schedule.job in jobs:
                self._look(one, looked_ms, now_ms, queued, missed)

    def _look(
        self, one: Scheduled, looked_ms: int, now_ms: int, queued: list[Run], missed: list[Missed]
    ) -> None:
        schedule, next_ms = one.schedule, one.next_ms
        if now_ms < looked_ms:  # the clock was set back: what comes again is known by its run's id
            next_ms = cron(schedule.cron, schedule.zone).next_after(now_ms)
        if next_ms is not None and next_ms <= now_ms:
            judged = judge(schedule, next_ms, now_ms)
            next_ms = judged.next_ms
            if judged.missed is not None:
                missed.append(Missed(schedule, *judged.missed))
            if judged.run_ms is not None:
                self._queue_due(schedule, judged.run_ms, now_ms, queued, missed)
        moved: dict[str, Value] = {"schedule_name": schedule.name, "next": next_ms, "looked": now_ms}
        self._store.changed(sql.MOVE_SCHEDULE, moved)

    def _queue_due(
        self, schedule: Schedule, due_ms: int, now_ms: int, queued: list[Run], missed: list[Missed]
    ) -> None:
        """One run a due time; one that comes while the last one goes on is missed."""
        id_, lock = schedule.run_id(due_ms), schedule.lock
        new = NewRun(id_, schedule.job, schedule.payload, key=f"schedule/{schedule.name}", lock=lock)
        added = self._queue.add(new, now_ms, schedule.name, due_ms)
        found = self._queue.find(id_)
        if added:
            queued += found
        elif not found:
            missed.append(Missed(schedule, due_ms, due_ms))
