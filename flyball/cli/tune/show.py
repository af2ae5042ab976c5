"""A tuning pass as text and as JSON, and the exit code that it ends with."""

from typing import TYPE_CHECKING

from flyball.cli.change import plan_view
from flyball.cli.kit import output
from flyball.cli.kit.output import safe, say, table
from flyball.exits import Exit
from flyball.tuning_pass import TUNER

if TYPE_CHECKING:
    from agents.tuner.run import Pass, Row
    from flyball.tuning_pass import Tuned
    from flyball.wiring import App


def code_of(found: "Pass") -> Exit:
    """In doubt, or failed; what was refused or waits is a count, not a code."""
    counts = found.counts()
    if counts.get("in_doubt"):
        return Exit.IN_DOUBT
    return Exit.FAILED if counts.get("failed") or counts.get("invalid") else Exit.DONE


def text(app: "App", tuned: "Tuned") -> None:
    """For a person: a line for each workload, what waits with the command for it, the plan, where to look."""
    found, plan = tuned.done, tuned.plan
    human = app.identity.human
    dry = ", dry-run" if found.mode == "dry_run" else ""
    say(f"{app.place}  run {found.run_id}  {len(found.rows)} workloads, {TUNER} for {human}{dry}")
    head = ("NAME", "NOW", "PROPOSED", "CPU", "OUTCOME", "RECORD", "WHY")
    for line in table(head, [_row(row) for row in found.rows]):
        say(line)
    counts = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in found.counts().items())
    say(counts or "nothing to look at")
    for row in found.rows:
        if row.card is not None and row.card.status not in ("applied", "simulated"):
            say(f"  {safe(row.card.line)}")
            if row.card.handle:
                say(f"    flyball approve {row.card.handle}")
    if plan is not None:
        say(plan_view.summary(plan))
        say(plan_view.offer(plan))
    say(f"  look: flyball audit tail --run {found.run_id}")


def _row(row: "Row") -> tuple[object, ...]:
    p, card = row.proposal, row.card
    cpu = None if p.cpu is None else f"{p.cpu}%"
    record = card.record if card else None
    return (p.target.name, p.now, p.proposed, cpu, row.status.replace("_", "-"), record, p.why)


def document(app: "App", tuned: "Tuned") -> None:
    """For a program: one document (`kind: TuneRun`)."""
    found, plan = tuned.done, tuned.plan
    output.document(
        {
            "kind": "TuneRun",
            "run_id": found.run_id,
            "context": app.place.context,
            "namespace": app.place.namespace,
            "dry_run": found.mode == "dry_run",
            "exit_code": int(code_of(found)),
            "counts": dict(found.counts()),
            "items": [_item(row) for row in found.rows],
            "plan": plan_view.as_json(plan) if plan is not None else None,
        }
    )


def _item(row: "Row") -> dict[str, object]:
    p, card = row.proposal, row.card
    return {
        "target": str(p.target),
        "now": p.now,
        "proposed": p.proposed,
        "cpu_percent": p.cpu,
        "why": p.why,
        "reason": p.reason,
        "status": row.status,
        "record": card.record if card else None,
        "handle": card.handle if card else None,
        "detail": card.line if card else "",
    }
