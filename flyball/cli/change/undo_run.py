"""`flyball undo --run R`: a plan of the inverses of what the run changed, newest first, shown and asked once."""

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flyball.cli.change import plan_view
from flyball.cli.kit.confirm import somebody
from flyball.cli.kit.options import Options
from flyball.cli.kit.output import advise, document, note, safe
from flyball.exits import Exit, Stop

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.path.undo import NotUndone
    from tools.plans.plan import Plan, StopOn


def undo_run(opts: Options, run: str, *, dry: bool, yes: bool, reason: str, stop_on: "StopOn") -> None:
    """Put back what the run changed, as far as it can be; `dry` only plans it."""
    if not (dry or yes):
        somebody("give --yes, or --dry-run to see what it would do")

    async def work(app: "App") -> None:
        from tools.path.undo import inverses

        who, own_run = app.identity.by_hand(), f"r-{uuid.uuid4().hex[:12]}"
        found = await inverses(app.context, run, principal=who, run_id=own_run)
        if not found.requests:
            _nothing(opts, app, run, found.left)
            return
        plans, why = app.approvals.plans, reason or f"undo of run {run}"
        plan = await plans.propose(found.requests, who, why, run_id=own_run)
        shown = [*plan_view.lines(app, plan), *_not_undone(found.left)]
        if dry or plan.hopeless:
            _planned(opts, plan, shown, found.left)
            raise Stop(_code(plan))
        plan_view.ask(opts, shown, "undo? ", yes)
        carried = await plans.carry_out(plan.digest, who, stop_on=stop_on, told=plan_view.teller(opts))
        raise Stop(plan_view.report(opts, app, carried, not_undone=[_json(one) for one in found.left]))

    opts.run(work)


def _nothing(opts: Options, app: "App", run: str, left: "Sequence[NotUndone]") -> None:
    if opts.json:
        document(
            {"kind": "Plan", "exit_code": int(Exit.DONE), "steps": [], "not_undone": [_json(k) for k in left]}
        )
        return
    for line in _not_undone(left):
        advise(line)
    note(f"{app.place}  nothing of run {safe(run)} is left to undo")


def _planned(opts: Options, plan: "Plan", shown: Sequence[str], left: "Sequence[NotUndone]") -> None:
    if opts.json:
        facts = {"kind": "Plan", "exit_code": int(_code(plan)), **plan_view.as_json(plan)}
        document({**facts, "not_undone": [_json(one) for one in left]})
        return
    for line in shown:
        advise(line)
    advise(plan_view.offer(plan))


def _code(plan: "Plan") -> Exit:
    return Exit.REFUSED if plan.hopeless else Exit.DONE


def _not_undone(left: "Sequence[NotUndone]") -> list[str]:
    found = []
    for one in left:
        hint = f"; {one.hint}" if one.hint else ""
        found.append(f"  not undone  {safe(one.what)}   {safe(one.why + hint)}   record {one.record}")
    return found


def _json(one: "NotUndone") -> dict[str, Any]:
    return {"record": one.record, "what": one.what, "why": one.why, "hint": one.hint}
