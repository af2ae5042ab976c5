"""The runs of the embedded store: queued, claimed by one worker at a time, ended, queued again when it died."""

import json
from collections.abc import Collection

from flyball.jobs import job_sql as sql
from flyball.jobs.errors import LeaseLost
from flyball.jobs.rows import lock_of, run_of
from flyball.jobs.slots import Slots
from flyball.jobs.store import JobStore, Value
from flyball.jobs.types import DIED, Claimed, Holding, NewRun, Run, State, Wanted

KEPT_MS = 35 * 86_400_000
"""How long a run that has ended is remembered: as long as a clock may be set back without a run starting twice."""
ATTEMPTS = 5
"""A run whose worker died this often has failed."""


class RunQueue:
    """The runs in one file. Every method is a transaction of its own, but for `add`, `find` and `forget`, which
    belong into the caller's."""

    def __init__(self, store: JobStore, slots: Slots) -> None:
        self._store, self._slots = store, slots

    def add(self, new: NewRun, now_ms: int, schedule: str | None = None, due_ms: int | None = None) -> bool:
        """Queue it; False where its id, its key while that is live, or its due time is known."""
        values: dict[str, Value] = {
            "run_id": new.id, "job_": new.job, "payload_": json.dumps(dict(new.payload), sort_keys=True),
            "key_": new.key, "lock_": new.lock or f"run/{new.id}", "slots_": new.slots,
            "schedule_name": schedule, "due": due_ms, "at_ms": now_ms,
        }  # fmt: skip
        return self._store.changed(sql.ADD_RUN, values) == 1

    def enqueue(self, new: NewRun, now_ms: int) -> Run:
        with self._store.transaction():
            if not self.add(new, now_ms) and new.key is not None:
                for row in self._store.rows(sql.RUN_OF_KEY, {"key_": new.key}):
                    return run_of(row)
            (found,) = self.find(new.id)
        return found

    def claim(self, worker: str, jobs: Collection[str], now_ms: int) -> Claimed | None:
        with self._store.transaction():
            for row in self._store.rows(sql.QUEUED):
                run, (lock, slots) = run_of(row), lock_of(row)
                held = self._slots.take(lock, slots, worker, run.token) if run.job in jobs else None
                if held is not None:
                    return self._begin(run, held, now_ms)
        return None

    def _begin(self, run: Run, held: Holding, now_ms: int) -> Claimed:
        values: dict[str, Value] = {
            "run_id": run.id, "slot_n": held.slot, "held": held.token, "at_ms": now_ms,
        }  # fmt: skip
        self._store.changed(sql.BEGIN_RUN, values)
        (begun,) = self.find(run.id)
        return Claimed(begun, held.lock, held.slot, held.token)

    def wanted(self, claimed: Claimed) -> Wanted:
        rows = self._store.rows(sql.IS_CANCELLED, {"run_id": claimed.run.id, "held": claimed.token})
        return "lost" if not rows else "cancel" if rows[0][0] else "go on"

    def finish(self, claimed: Claimed, state: State, why: str, now_ms: int) -> None:
        ended = None if state == "queued" else now_ms
        with self._store.transaction():
            if not self._end(claimed.run.id, claimed.token, state, why, ended):
                what = "another worker has this run now; what was found here does not count"
                raise LeaseLost(what, where=claimed.run.id)
            self._slots.release(claimed.lock, claimed.slot, claimed.token)

    def _end(self, run_id: str, token: int, state: State, why: str, ended_ms: int | None) -> int:
        values: dict[str, Value] = {
            "run_id": run_id, "held": token, "state_": state, "why_": why[:1024], "ended": ended_ms,
        }  # fmt: skip
        return self._store.changed(sql.END_RUN, values)

    def cancel(self, run_id: str, now_ms: int) -> bool:
        with self._store.transaction():
            if self._store.changed(sql.CANCEL_QUEUED, {"run_id": run_id, "at_ms": now_ms}):
                return True
            return self._store.changed(sql.CANCEL_RUNNING, {"run_id": run_id}) == 1

    def reap(self, now_ms: int) -> list[Run]:
        with self._store.transaction():
            left = [(run_of(row), bool(row[-1])) for row in self._store.rows(sql.LEFT, self._slots.now())]
            for run, cancelled in left:
                state, why = _of_left(run, cancelled)
                self._end(run.id, run.token, state, why, None if state == "queued" else now_ms)
            return [found for run, _ in left for found in self.find(run.id)]

    def runs(self, *, schedule: str | None = None, limit: int = 100) -> list[Run]:
        return [run_of(row) for row in self._store.rows(sql.RUNS, {"of": schedule, "most": limit})]

    def find(self, run_id: str) -> list[Run]:
        """The run of that id, if there is one."""
        return [run_of(row) for row in self._store.rows(sql.RUN, {"run_id": run_id})]

    def forget(self, now_ms: int) -> None:
        """Drop runs that ended long ago, and the slots of runs that have ended."""
        self._store.changed(sql.FORGET_RUNS, {"before": now_ms - KEPT_MS})
        self._store.changed(sql.FORGET_SLOTS, {})


def _of_left(run: Run, cancelled: bool) -> tuple[State, str]:
    """What becomes of a run whose worker is gone."""
    if cancelled:
        return "cancelled", ""
    if run.attempt >= ATTEMPTS:
        return "failed", f"{DIED} {run.attempt} times"
    return "queued", f"{DIED}; attempt {run.attempt + 1} follows"
