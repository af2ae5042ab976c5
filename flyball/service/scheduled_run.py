"""The job `tune`: one scheduled run of one agent, begun only where policy still says so; else it says why not."""

from typing import Protocol

from base.errors import FlyballError
from flyball.jobs.types import Run
from flyball.wiring import App
from policies.types import AgentName
from tools.path.kill_switch import stopped
from tools.path.service_records import ServiceRecords


def job_of(cluster: str) -> str:
    """The job's name for the agents of one cluster: contexts share a state folder, and each has its own workers."""
    return f"tune {cluster}"


class ScheduleDenied(FlyballError):
    """The run may not begin: policy, or somebody who has stopped it, says no. Nothing was looked at or changed."""

    effect = "refused"


class TuneAgent(Protocol):
    """One run of an agent, for its owner."""

    async def __call__(self, app: App, agent: AgentName, run_id: str) -> str:
        """Observe, decide and, where the agent's level allows it, act; what came of it in one line.

        The same `run_id` again is the same run: its requests have the same ids, so nothing is done twice. Raises an
        error with the effect `refused` where the owner may not look at anything.
        """


class ScheduledRun:
    """The work of the job. `refused` runs are recorded as `schedule.missed`, with the reason."""

    def __init__(self, app: App, tune: TuneAgent, records: ServiceRecords) -> None:
        self._app, self._tune, self._records = app, tune, records

    async def __call__(self, run: Run) -> str:
        """Raises ScheduleDenied, and what the run raises."""
        agent = run.payload["agent"]
        try:
            await self._may_begin(agent)
            return await self._tune(self._app, agent, run.id)
        except FlyballError as e:
            if e.effect == "refused":
                due_ms = run.due_ms or run.queued_ms
                await self._records.missed(run.id, agent, due_ms, due_ms, f"denied: {e.said}")
            raise

    async def _may_begin(self, agent: AgentName) -> None:
        """As policy and switches are now, not as they were when the run was queued."""
        known = (await self._app.context.gate()).snapshot.agents.get(agent)
        if known is None:
            raise ScheduleDenied(f"policy no longer names `{agent}`", hint="flyball agent list")
        if known.spec.schedule is None:
            raise ScheduleDenied(f"policy no longer gives `{agent}` a schedule", hint="flyball agent list")
        scopes = ("all", f"cluster/{self._app.place.context}", agent)
        for switch in await stopped(self._app.context):
            if switch.scope in scopes:
                raise ScheduleDenied(
                    f"{switch.scope} is stopped", hint="flyball status says how it is lifted"
                )
