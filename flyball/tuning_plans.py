"""The plan of a tuning run by the log: how it stands, also after the run; and what a death left half done."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit.record import Record
    from flyball.wiring import App
    from tools.plans.plan import Carried, Plan, PlanStep


async def plan_ends(app: "App", run_id: str) -> Mapping[str, int]:
    """How many steps of the run's plan ended how when it was last applied; empty where the run made none.

    `not_applied` are those of a plan that nobody has applied; what waits for nobody any more was `denied`, or its
    time has `passed`.
    """
    found = await app.log.find(kinds=("plan.proposed", "run.finished", "approval.denied"), run_id=run_id)
    records = [entry.record for entry in found]
    plans = [record for record in records if record.kind == "plan.proposed"]
    if not plans:
        return {}
    plan = plans[-1]
    counts = _last(records, plan)
    if any(r.kind == "approval.denied" and r.request_digest == plan.request_digest for r in records):
        return _renamed(counts, "denied", "waiting", "not_applied")
    if "waiting" in counts and plan.request_digest not in await _waiting(app):
        return _renamed(counts, "passed", "waiting")
    return counts


def _last(records: "list[Record]", plan: "Record") -> dict[str, int]:
    """The counts of the plan's last application."""
    ends = [record.args or {} for record in records if record.kind == "run.finished"]
    mine = [args for args in ends if args.get("plan") == plan.request_digest]
    if not mine:
        return {"not_applied": int((plan.args or {})["steps"])}
    return {status: int(count) for status, count in mine[-1].items() if status != "plan"}


def _renamed(counts: Mapping[str, int], name: str, *old: str) -> dict[str, int]:
    gone = sum(counts.get(status, 0) for status in old)
    kept = {status: count for status, count in counts.items() if status not in old}
    return {**kept, name: gone} if gone else kept


async def _waiting(app: "App") -> set[str]:
    return {one.plan.digest for one in await app.approvals.plans.waiting()}


async def end_half_done(app: "App", run_id: str) -> "Carried | None":
    """Two steps that belong together and that a death has parted, carried out to their end: both, or none. What of
    the plan was not begun is left to a fresh look. None where nothing is half done.

    Raises what Plans.carry_out raises.
    """
    from tools.plans.plan import NoSuchPlan

    found = await app.log.find(kinds=("plan.proposed",), run_id=run_id, newest_first=True, limit=1)
    try:
        plan = await app.approvals.plans.one(found[0].record.request_digest or "") if found else None
    except NoSuchPlan:  # its time is over, or a person has declined it
        plan = None
    if plan is None or not (half := [str(s.request.target) for s in plan.steps if await _half(app, plan, s)]):
        return None
    others = {str(step.request.target) for step in plan.steps} - set(half)
    return await app.approvals.plans.carry_out(plan.digest, plan.principal, exclude=sorted(others))


async def _half(app: "App", plan: "Plan", step: "PlanStep") -> bool:
    """Whether others stand on the step, it was begun, and one of them was not done."""
    from tools.path.standing import New

    if not (above := plan.carried_by(step)):
        return False
    if isinstance((await app.context.journal.standing(step.request)).state, New):
        return False
    return not all([await _is_done(app, one) for one in above])


async def _is_done(app: "App", step: "PlanStep") -> bool:
    from tools.path.rollback import changed
    from tools.path.standing import Final

    state = (await app.context.journal.standing(step.request)).state
    return isinstance(state, Final) and changed(state.end.record)
