"""`flyball tune status|history`: the agents that run by a schedule, and the runs that the log holds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.kit.agent_names import agent_key, known_agent
from flyball.cli.kit.away import as_json
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import advise, document, say, table

if TYPE_CHECKING:
    from flyball.tuning_log import LoggedRun
    from flyball.wiring import App

AgentName = Annotated[str | None, typer.Option("--agent", help="Only this agent, e.g. night.")]
_RUNS = ("RUN", "AGENT", "STARTED", "RECORD", "RESULT", "PLAN")
Last = Annotated[int, typer.Option("--last", min=1, max=1000, help="So many of the newest runs.")]


@command
def status(opts: Options) -> None:
    """Show the agents with a schedule, when each runs next, and its last run. Example: flyball tune status"""

    async def work(app: "App") -> None:
        found = [await _state(app, name) for name in await _scheduled(app)]
        if opts.json:
            document({"kind": "TuneStatus", **as_json(app), "items": found})
            return
        if not found:
            say("no agent of the policy has a schedule: `schedule` in its file makes it run by itself")
        head = ("AGENT", "OWNER", "AUTONOMY", "SCHEDULE", "NEXT", "LAST", "STATE")
        for line in table(head, [_status_row(one) for one in found]) if found else ():
            say(line)
        advise("  runs: flyball tune history")

    opts.run(work, for_log=True)


@command
def history(opts: Options, agent: AgentName = None, last: Last = 20) -> None:
    """List tuning runs, how each ended, how its plan stands. Example: flyball tune history --agent night"""

    async def work(app: "App") -> None:
        from flyball.tuning_log import runs

        named = agent_key(agent) if agent else None
        found = await runs(app, named, last)
        if not found and named:
            known_agent(named, (await app.context.gate()).snapshot.agents)
        if opts.json:
            document({"kind": "TuneHistory", **as_json(app), "items": [run.document() for run in found]})
            return
        if not found:
            say("no tuning run yet")
            return
        for line in table(_RUNS, [_history_row(r) for r in found]):
            say(line)
        advise(f"  look: flyball tune explain {found[0].run_id}")

    opts.run(work, for_log=True)


async def _scheduled(app: "App") -> list[str]:
    agents = (await app.context.gate()).snapshot.agents
    return sorted(name for name, one in agents.items() if one.spec.schedule is not None)


async def _state(app: "App", name: str) -> dict[str, Any]:
    from flyball.jobs.cron import Cron
    from flyball.tuning_log import runs
    from policies.agent_levels import level_of
    from policies.claim_keys import LEVEL, RETIRED
    from tools.path.kill_switch import stopped
    from tools.path.tuning_pause import paused

    said = await app.log.values((LEVEL.of(name), RETIRED.of(name)))
    spec = (await app.context.gate()).snapshot.agents[name].spec
    assert spec.schedule is not None
    halted = {one.scope for one in await stopped(app.context)} & {"all", name, f"cluster/{app.place.context}"}
    state = "stopped" if halted else "paused" if await paused(app.context, name) else "ready"
    retired = bool(said[RETIRED.of(name)])
    times = Cron(spec.schedule.cron, spec.schedule.zone)
    last = await runs(app, name, 1)
    return {
        "agent": name,
        "owner": spec.owner,
        "autonomy": level_of(spec, app.place.context, app.place.namespace, said[LEVEL.of(name)]),
        "cron": spec.schedule.cron,
        "zone": spec.schedule.zone,
        "next_ms": None if retired else times.next_after(app.context.now_ms()),
        "last": last[0].document() if last else None,
        "state": "retired" if retired else state,
    }


def _status_row(one: dict[str, Any]) -> tuple[object, ...]:
    last = one["last"]["run_id"] if one["last"] else None
    schedule = f"{one['cron'].replace(' ', '_')}@{one['zone']}"
    return one["agent"], one["owner"], one["autonomy"], schedule, _time(one["next_ms"]), last, one["state"]


def _history_row(run: "LoggedRun") -> tuple[object, ...]:
    from audit.timeline import wall_ms

    failed = run.result.get("error")
    said = f"error:{str(failed).replace(' ', '-')[:60]}" if failed is not None else _counts(run.result)
    started = _time(wall_ms(run.started.record.world_ts or run.started.record.ts))
    return run.run_id, run.agent, started, run.started.seq, said or "open", _counts(run.plan)


def _counts(by_status: Mapping[str, Any]) -> str:
    """`1-kept,2-simulated`."""
    return ",".join(f"{count}-{status}" for status, count in by_status.items())


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
