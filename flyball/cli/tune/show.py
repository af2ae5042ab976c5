"""A tuning pass as text and as JSON, and the exit code that it ends with."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from flyball.cli.change import plan_view
from flyball.cli.kit import output
from flyball.cli.kit.options import Options
from flyball.cli.kit.output import advise, safe, say, table
from flyball.exits import Exit

if TYPE_CHECKING:
    from agents.tuner.result import Row
    from flyball.tuning_pass import Tuned
    from flyball.wiring import App
    from tools.plans.plan import Carried, StepDone

RUN_HEAD = ("NAME", "NOW", "PROPOSED", "STRATEGY", "RISK", "CORE-H/D", "OUTCOME", "WHY")
HEAD = ("NAME", "NOW", "WANTED", "PROPOSED", "CPU", "OUTCOME", "RECORD", "WHY")


def code_of(tuned: "Tuned", carried: "Carried | None" = None) -> Exit:
    """In doubt, away, or failed, in the plan or before it; what was refused or waits is a count, not a code."""
    code = Exit.DONE if carried is None else plan_view.code_of(carried)
    counts = tuned.done.counts()
    failed = counts.get("failed") or counts.get("invalid")
    return Exit.FAILED if code is Exit.DONE and failed else code


def looked(opts: Options, app: "App", tuned: "Tuned", dry: bool) -> None:
    """A pass after which nothing is asked, with the command that applies its plan, where there is anything to."""
    if opts.json:
        _document(app, tuned, dry)
        return
    for line in lines(app, tuned):
        advise(line)
    if tuned.plan is not None:
        say(plan_view.summary(tuned.plan))
        advise(plan_view.offer(tuned.plan))
    advise(_look(tuned))


def ended(opts: Options, app: "App", tuned: "Tuned", carried: "Carried") -> None:
    """What came of the plan."""
    if opts.json:
        _document(app, tuned, False, carried)
        return
    plan_view.report(opts, app, carried)
    advise(_look(tuned))


def lines(app: "App", tuned: "Tuned") -> list[str]:
    """For a person: a line for each workload, the counts, and why what was not rehearsed was not."""
    found = tuned.done
    head = f"{app.place}  run {found.run_id}  {len(found.rows)} workloads, {tuned.agent} for {app.identity.human}"
    counts = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in found.counts().items())
    cards = [row.card for row in found.rows if row.card is not None and row.card.status != "simulated"]
    return [
        head,
        *(
            table(RUN_HEAD, map(_run_row, found.rows))
            if tuned.agent_run
            else table(HEAD, map(_row, found.rows))
        ),
        *[f"  {row.proposal.target}: {safe(note)}" for row in found.rows for note in row.proposal.notes],
        *[
            f"  {row.proposal.target}: only recommended: {safe(row.proposal.hold)}"
            for row in found.rows
            if row.proposal.hold
        ],
        counts or "nothing to look at",
        *[f"  {safe(card.line)}" for card in cards],
    ]


def _look(tuned: "Tuned") -> str:
    if tuned.agent_run:
        return f"  look: flyball tune explain {tuned.done.run_id}"
    return f"  look: flyball audit tail --run {tuned.done.run_id}"


def _run_row(row: "Row") -> tuple[object, ...]:
    """Of an agent's run: what it would cost and risk, before and after."""
    p, expects = row.proposal, row.proposal.expects or {}
    risk = cost = None
    if expects:
        risk = "->".join(f"{expects[f'violations_{when}_ppm'] / 10_000:.2f}%" for when in ("before", "after"))
        cost = "->".join(f"{expects[f'cost_{when}_mch'] / 1_000:.1f}" for when in ("before", "after"))
    change = p.change.text if p.change else None
    status = "recommended" if p.hold else row.status.replace("_", "-")
    return p.target.name, p.now, change, p.strategy or None, risk, cost, status, p.why


def _row(row: "Row") -> tuple[object, ...]:
    p, card = row.proposal, row.card
    cpu = None if p.cpu is None else f"{p.cpu}%"
    record = card.record if card else None
    wanted, proposed = (change.text if change else None for change in (p.wanted, p.change))
    return (p.target.name, p.now, wanted, proposed, cpu, row.status.replace("_", "-"), record, p.why)


def _document(app: "App", tuned: "Tuned", dry: bool, carried: "Carried | None" = None) -> None:
    """For a program: one document (`kind: TuneRun`); each item says how it ended."""
    found, plan = tuned.done, tuned.plan
    steps = {str(done.step.request.target): done for done in carried.steps} if carried else {}
    items = [_item(row, steps) for row in found.rows]
    output.document(
        {
            "kind": "TuneRun",
            "run_id": found.run_id,
            "agent": tuned.agent,
            "context": app.place.context,
            "namespace": app.place.namespace,
            "dry_run": dry,
            "exit_code": int(code_of(tuned, carried)),
            "counts": dict(sorted(Counter(str(item["status"]) for item in items).items())),
            "items": items,
            "plan": plan_view.as_json(plan) if plan is not None else None,
        }
    )


def _item(row: "Row", steps: "Mapping[str, StepDone]") -> dict[str, object]:
    p, card, done = row.proposal, row.card, steps.get(str(row.proposal.target))
    record = card.record if card else None
    return {
        "target": str(p.target),
        "now": p.now,
        "wanted": p.wanted.figure if p.wanted else None,
        "proposed": p.proposed,
        "strategy": p.strategy,
        "action": p.change.action if p.change else None,
        "moves": [asdict(move) for move in p.change.moves] if p.change else [],
        "figures": dict(p.figures),
        "cpu_percent": p.cpu,
        "why": p.why,
        "reason": p.reason,
        "notes": list(p.notes),
        "only_recommended": p.hold,
        "expects": dict(p.expects) if p.expects else None,
        "status": done.status if done else row.status,
        "record": done.result.record if done and done.result else record,
        "detail": (done.detail if done and done.detail else card.line if card else ""),
    }
