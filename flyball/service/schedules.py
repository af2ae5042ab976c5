"""The duty `schedules`: the schedules of policy's agents become runs, and runs are done."""

from datetime import UTC, datetime

from flyball.jobs.misfire import PROMPT_MS
from flyball.jobs.types import DIED, Missed, Schedule
from flyball.jobs.worker import Worker
from flyball.service.scheduled_run import ScheduledRun, TuneAgent, job_of
from flyball.wiring import App
from policies.kinds import AgentSpec
from policies.patterns import fits
from policies.snapshot import Snapshot
from tools.path.service_records import ServiceRecords

LOOK_MS = 60_000
"""How often policy is looked at for other schedules, and the queue for runs of dead workers."""


class SchedulesDuty:
    """Holds the stored schedules to the policy in force, queues what is due, does it. `tune`: one agent's run."""

    name = "schedules"

    def __init__(self, app: App, tune: TuneAgent) -> None:
        self._app, self._next_ms = app, 0
        self._failed = set[str]()
        """Runs that are known to be told of."""
        self._records = ServiceRecords(app.context, app.identity.human)
        work = ScheduledRun(app, tune, self._records)
        self._job = job_of(app.place.context)
        self._worker = Worker(app.jobs, {self._job: work}, app.context.now_ms)

    def due_ms(self, now_ms: int) -> int:  # noqa: ARG002
        return self._next_ms

    async def run(self, now_ms: int) -> None:
        """Raises JobsUnavailable, LogUnavailable, and PolicyInvalid where there is no policy."""
        self._next_ms = now_ms + LOOK_MS
        await self._sync(now_ms)
        await self._tick()
        await self._worker.run_due(self._tick)
        await self._tell_failed()
        await self._look_again(now_ms)

    async def _look_again(self, now_ms: int) -> None:
        dues = [one.next_ms for one in await self._app.jobs.schedules() if one.next_ms is not None]
        self._next_ms = min([*dues, now_ms + LOOK_MS])

    async def _sync(self, now_ms: int) -> None:
        """The schedules of this cluster are those of the policy in force: another one's agents run no more."""
        jobs, gate = self._app.jobs, await self._app.context.gate()
        wanted = schedules_in(gate.snapshot, self._app.place.context)
        for known in await jobs.schedules():
            schedule = known.schedule
            if schedule.job == self._job and schedule.name not in wanted:
                await jobs.remove(schedule.name)
        for schedule in wanted.values():
            await jobs.put(schedule, now_ms)

    async def _tick(self) -> None:
        """What is missed is told before it is forgotten: a death in between tells it again, and never loses it."""
        now_ms, jobs = self._app.context.now_ms(), self._app.jobs
        told = await jobs.missed((self._job,), now_ms)
        for missed in told:
            await self._missed(missed, now_ms)
        for missed in (await jobs.tick((self._job,), now_ms)).missed:
            if missed not in told:
                await self._missed(missed, now_ms)

    async def _tell_failed(self) -> None:
        """Runs that killed their workers too often: nobody was left to say how they ended."""
        for run in await self._app.jobs.runs():
            died = run.job == self._job and run.state == "failed" and run.why.startswith(DIED)
            if died and run.id not in self._failed:
                agent, due_ms = run.payload.get("agent", "not known"), run.due_ms or run.queued_ms
                await self._records.missed(run.id, agent, due_ms, due_ms, f"failed: {run.why}")
                self._failed.add(run.id)

    async def _missed(self, missed: Missed, now_ms: int) -> None:
        schedule, last = missed.schedule, missed.last_ms
        why = "the run before was going on" if now_ms - last <= PROMPT_MS else "nobody was there to start it"
        agent = schedule.payload["agent"]
        told = f"{why}: due {_instant(missed.first_ms)}" + (
            f" to {_instant(last)}" if last != missed.first_ms else ""
        )
        await self._records.missed(schedule.run_id(last), agent, missed.first_ms, last, told)


def schedules_in(snapshot: Snapshot, cluster: str) -> dict[str, Schedule]:
    """The schedules that a policy gives to agents of this cluster, by name."""
    found = (
        _schedule(name, agent.spec, cluster)
        for name, agent in snapshot.agents.items()
        if agent.spec.schedule is not None and _works_in(agent.spec, cluster)
    )
    return {schedule.name: schedule for schedule in found}


def _works_in(spec: AgentSpec, cluster: str) -> bool:
    return spec.scope is None or any(fits(cluster, pattern) for pattern in spec.scope.clusters)


def _schedule(agent: str, spec: AgentSpec, cluster: str) -> Schedule:
    assert spec.schedule is not None
    when, name = spec.schedule, f"tune {cluster} {agent}"
    within_ms = when.within * 1000
    return Schedule(
        name, job_of(cluster), {"agent": agent}, when.cron, when.zone, when.misfire, within_ms, lock=name
    )


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
