"""A tuning pass on an opened installation: every front end and every schedule calls this, none builds its own."""

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from base.errors import FlyballError
from flyball.exits import UsageError
from policies.types import AgentName, digest_of

if TYPE_CHECKING:
    from agents.tuner.change import Change
    from agents.tuner.result import Pass, Row
    from agents.tuner.strategy import Strategy
    from flyball.agent_run import AgentRun
    from flyball.wiring import App
    from policies.types import Principal, Request
    from tools.plans.plan import Carried, Plan, StepDone

TUNER: AgentName = "agent:tuner"
UNTRIED = ("refused", "failed", "invalid", "unchanged")
"""How a dry run ends after which an agent's run does not ask for the same live."""


class TuningPaused(FlyballError):
    """The agent's tuning is paused by a person: no run begins."""

    effect = "refused"


@dataclass(frozen=True, slots=True)
class Tuned:
    """A pass, and the plan of what it would change; None where it would change nothing. `carried` is what came of the
    plan, where the run carried it out by itself."""

    done: "Pass"
    plan: "Plan | None"
    carried: "Carried | None" = None
    agent: AgentName = TUNER
    agent_run: bool = False
    """Whether it was an agent's run as its file says, and not a pass asked for by hand."""
    later: int = 0
    """How many changes more were wanted than a plan can hold: the next run asks for them."""


async def tune(app: "App", strategy: "Strategy", run_id: str | None = None) -> Tuned:
    """One pass over the installation's namespace, recorded as a run, and its plan; nothing is changed.
    The same `run_id` again asks for the same.

    Raises UsageError where policy names no tuner, and what TunerPass.run raises.
    """
    from agents.tuner.remit import Remit
    from agents.tuner.run import TunerPass

    run_id = run_id or new_run()
    who = await _tuner(app, run_id)
    tuner = TunerPass(
        app.toolbox,
        app.toolbox.reads(who, run_id),
        app.recorder,
        strategies=(strategy,),
        principal=who,
        clock=app.context.clock,
    )
    done = await tuner.run(run_id, Remit((app.place.namespace,)))
    rows = [row for row in done.rows if row.proposal.change is not None]
    return Tuned(done, await _plan(app, rows, who, run_id))


async def plan_as(app: "App", name: AgentName, run_id: str, *, scheduled: bool = False) -> Tuned:
    """One run of an agent as its policy file says: every strategy that fits, rehearsed; and the plan of what it would
    change, without what it only recommends, and with no more steps than a plan can hold. Nothing is changed.
    `scheduled`: for the agent's owner, by its schedule; else for the person of this process.

    Raises TuningPaused, UsageError where policy names no such agent, and what TunerPass.run raises.
    """
    from flyball.agent_run import agent_run, principal
    from tools.plans.plan import MAX_STEPS

    await _not_paused(app, name)
    run = await agent_run(app, name)
    who = principal(app, run, name, run_id, scheduled=scheduled)
    done = await _pass_of(app, run, who, run_id)
    rows = [row for row in done.rows if _is_asked_for(row, run)]
    fitting = _fitting(rows, MAX_STEPS)
    plan = await _plan(app, fitting, who, run_id, digest_of(["tune", run_id])[:32])
    return Tuned(done, plan, agent=name, agent_run=True, later=len(rows) - len(fitting))


async def tune_as(app: "App", name: AgentName, run_id: str) -> Tuned:
    """One scheduled run of an agent, unattended: what its level allows is carried out, what needs a person waits for
    one, and the rest is recorded only. The same `run_id` again is the same run: nothing is done twice, and what was
    cut off half done is ended before anything is looked at anew.

    Raises what `plan_as` and Plans.carry_out raise.
    """
    from flyball.tuning_plans import end_half_done

    await _not_paused(app, name)
    ended = await end_half_done(app, run_id)
    tuned = await plan_as(app, name, run_id, scheduled=True)
    plan = tuned.plan
    if plan is None or plan.hopeless:
        return tuned if ended is None else replace(tuned, plan=ended.plan, carried=ended)
    await _not_paused(app, name)
    carried = await app.approvals.plans.carry_out(plan.digest, plan.principal)
    return replace(tuned, carried=carried)


async def scheduled_run(app: "App", agent: AgentName, run_id: str) -> str:
    """`tune_as`, and what came of it in one line: what the service calls when a schedule is due."""
    return told(await tune_as(app, agent, run_id))


def told(tuned: Tuned) -> str:
    """What came of a run, in one line: how many workloads ended how, and the steps of its plan."""
    counts = [f"{count} {status}" for status, count in tuned.done.counts().items()]
    steps = Counter(step.status for step in tuned.carried.steps) if tuned.carried else Counter[str]()
    done = [f"{count} {status}" for status, count in sorted(steps.items())]
    more = [f"left for the next run: {tuned.later}"] if tuned.later else []
    plan = [f"plan {tuned.plan.handle}: {', '.join(done)}"] if tuned.plan else []
    return "; ".join([", ".join(counts), *plan, *more])


async def _pass_of(app: "App", run: "AgentRun", who: "Principal", run_id: str) -> "Pass":
    from agents.tuner.least_cost import LeastCost
    from agents.tuner.run import TunerPass
    from flyball.tuning_advice import adviser
    from flyball.tuning_knowledge import LoggedKnowledge

    tuner = TunerPass(
        app.toolbox,
        app.toolbox.reads(who, run_id),
        app.recorder,
        strategies=run.strategies,
        principal=who,
        clock=app.context.clock,
        choice=LeastCost(run.aim.risk_ppm),
        knowledge=LoggedKnowledge(app),
        adviser=await adviser(app, run.document.principal),
    )
    return await tuner.run(run_id, await run.remit(app))


def _fitting(rows: "list[Row]", most: int) -> "list[Row]":
    """The first of them whose steps are no more than `most`; two that belong together are never parted."""
    steps = accumulate(len(_changes(row)) for row in rows)
    return [row for row, so_far in zip(rows, steps, strict=True) if so_far <= most]


def _is_asked_for(row: "Row", run: "AgentRun") -> bool:
    """Whether the change is more than a recommendation, and its dry run did not end it."""
    found = row.proposal
    tried = row.card is not None and row.card.status not in UNTRIED
    return found.change is not None and not found.hold and tried and run.acts_in(found.target.namespace)


async def _not_paused(app: "App", name: AgentName) -> None:
    from tools.path.tuning_pause import paused

    if (scope := await paused(app.context, name)) is not None:
        named = "" if scope == "all" else f" {name.removeprefix('agent:')}"
        what = f"the tuning of {'every agent' if scope == 'all' else name} is paused"
        raise TuningPaused(what, where=str(app.place), hint=f"flyball tune resume{named}")


def new_run() -> str:
    """The id of a run that a person begins."""
    return f"r-{uuid.uuid4().hex[:12]}"


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


async def _plan(
    app: "App", rows: "list[Row]", who: "Principal", run_id: str, plan_id: str | None = None
) -> "Plan | None":
    """What these rows would change, by what their dry runs have seen: nothing is looked at twice. Under the same
    `plan_id` again what is asked for again is the same request."""
    asked = [(_live(app, row, change, who, run_id), row, change) for row in rows for change in _changes(row)]
    if not asked:
        return None
    requests = [request for request, _, _ in asked]
    answers = {request.id: row.answer for request, row, change in asked if change is row.proposal.change}
    pairs = {
        above.id: base.id for (base, _, first), (above, _, change) in pairwise(asked) if change.first is first
    }
    seen = {id: answer.result for id, answer in answers.items() if answer and answer.result}
    why = f"tuning pass {run_id}"
    return await app.approvals.plans.propose(
        requests, who, why, id=plan_id, run_id=run_id, rehearsed=seen, pairs=pairs
    )


def _changes(row: "Row") -> "list[Change]":
    """What the row asks for, in the order in which it has to be done."""
    change = row.proposal.change
    return [one for one in (change.first if change else None, change) if one is not None]


def _live(app: "App", row: "Row", change: "Change", who: "Principal", run_id: str) -> "Request":
    """`strategy` and the effect that it expects go with the change itself, not with what has to be done before it."""
    from agents.request_id import of_step
    from tools.path.requests import build

    own = change is row.proposal.change
    return build(
        change.action,
        change.args,
        id=of_step(run_id, "plan" if own else "first", row.proposal.target),
        principal=who,
        cluster=app.place.context,
        namespace=row.proposal.target.namespace or app.place.namespace,
        mode="live",
        reason=row.proposal.reason,
        strategy=(row.proposal.strategy or None) if own else None,
        expects=row.proposal.expects if own else None,
    )
