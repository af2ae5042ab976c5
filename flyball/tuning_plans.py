"""How the plan of a tuning run stands by the log: also what became of it after the run was over."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit.record import Record
    from flyball.wiring import App


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
