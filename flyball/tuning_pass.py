"""A tuning pass on an opened installation: every front end calls this, none builds its own."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flyball.exits import UsageError
from policies.types import AgentName

if TYPE_CHECKING:
    from agents.tuner.result import Pass, Row
    from agents.tuner.strategy import Strategy
    from flyball.wiring import App
    from policies.types import Principal, Request
    from tools.plans.plan import Carried, Plan, StepDone

TUNER: AgentName = "agent:tuner"


@dataclass(frozen=True, slots=True)
class Tuned:
    """A pass, and the plan of what it would change; None where it would change nothing."""

    done: "Pass"
    plan: "Plan | None"


async def tune(app: "App", strategy: "Strategy", run_id: str | None = None) -> Tuned:
    """One pass over the installation's namespace, recorded as a run, and its plan; nothing is changed.
    The same `run_id` again asks for the same.

    Raises UsageError where policy names no tuner, and what TunerPass.run raises.
    """
    from agents.tuner.run import TunerPass

    run_id = run_id or f"r-{uuid.uuid4().hex[:12]}"
    who = await _tuner(app, run_id)
    tuner = TunerPass(
        app.toolbox,
        app.toolbox.reads(who, run_id),
        app.recorder,
        strategies=(strategy,),
        principal=who,
        clock=app.context.clock,
    )
    done = await tuner.run(run_id, app.place.namespace)
    return Tuned(done, await _plan(app, done, who))


async def apply_plan(
    app: "App", plan: "Plan", told: "Callable[[StepDone], None]" = lambda _: None
) -> "Carried":
    """The plan of a pass, carried out exactly as it was made, by the person of this process: one who has seen it, or
    whose schedule this is. `told` is called with each step as it ends. Raises what Plans.carry_out raises."""
    return await app.approvals.plans.carry_out(plan.digest, app.identity.by_hand(), told=told)


async def _tuner(app: "App", run_id: str) -> "Principal":
    agents = (await app.context.gate()).snapshot.agents
    if TUNER not in agents:
        known = ", ".join(sorted(agents)) or "none"
        raise UsageError(f"policy names no `{TUNER}`", hint=f"agents: {known}")
    return app.agent(TUNER, run_id)


async def _plan(app: "App", done: "Pass", who: "Principal") -> "Plan | None":
    """What the pass would change, by what its dry runs have seen: nothing is looked at twice."""
    rows = [row for row in done.rows if row.proposal.change is not None]
    requests = [_live(app, row, who, done.run_id) for row in rows]
    if not requests:
        return None
    answers = {request.id: row.answer for request, row in zip(requests, rows, strict=True)}
    seen = {id: answer.result for id, answer in answers.items() if answer and answer.result}
    why = f"tuning pass {done.run_id}"
    return await app.approvals.plans.propose(requests, who, why, run_id=done.run_id, rehearsed=seen)


def _live(app: "App", row: "Row", who: "Principal", run_id: str) -> "Request":
    from agents.request_id import of_step
    from tools.path.requests import build

    change = row.proposal.change
    if change is None:
        raise ValueError(f"nothing is proposed for {row.proposal.target}")
    return build(
        change.action,
        change.args,
        id=of_step(run_id, "plan", row.proposal.target),
        principal=who,
        cluster=app.place.context,
        namespace=row.proposal.target.namespace or app.place.namespace,
        mode="live",
        reason=row.proposal.reason,
    )
