"""A plan as the log holds it: `plan.proposed`, and behind it in the same commit a `plan.step` for each step."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audit.errors import LogTampered
from audit.log import Entry
from audit.record import Parent, Record, Verdict
from policies.types import Principal, Request
from tools.path import run_records
from tools.path.journal import Journal, actor_of, parent_of, resource_of
from tools.plans.plan import LATER, Carried, Plan, PlanStep


@dataclass(frozen=True, slots=True)
class Recorded:
    """A plan as the log holds it; `asked` are the records of its steps, in order."""

    plan: Plan
    entry: Entry
    asked: tuple[Entry, ...]


def drafted(journal: Journal, plan: Plan) -> tuple[Record, ...]:
    """A plan's records: `plan.proposed`, and behind it one `plan.step` for each step.

    One leaf holds 65,535 bytes, no more than some fifty whole requests: so each step has its own. They are one
    commit, and contiguous.
    """
    args = {
        "principal": plan.principal.model_dump(mode="json"),
        "cluster": plan.cluster,
        "cluster_uid": plan.cluster_uid,
        "at_ms": plan.at_ms,
        "expires_ms": plan.expires_ms,
        "steps": len(plan.steps),
        "need_approval": len(plan.having("needs_approval")),
        "refused": len(plan.having("deny")),
    }
    head = journal.log.draft(
        "plan.proposed",
        actor=actor_of(plan.principal),
        run_id=plan.run_id,
        request_id=plan.id,
        request_digest=plan.digest,
        mode="live",
        reason=plan.reason or None,
        args=args,
    )
    return (head, *[_step_record(journal, plan, step, head) for step in plan.steps])


def restored(entry: Entry, asked: Sequence[Entry]) -> Recorded:
    """The plan that the records hold. Raises LogTampered where they are not those of its digest."""
    record = entry.record
    try:
        args: dict[str, Any] = dict(record.args or {})
        plan = Plan(
            id=record.request_id or "",
            principal=Principal.model_validate_json(json.dumps(args["principal"])),
            reason=record.reason or "",
            run_id=record.run_id or "",
            cluster=args["cluster"],
            cluster_uid=args["cluster_uid"],
            at_ms=args["at_ms"],
            expires_ms=args["expires_ms"],
            steps=tuple([_step(one.record) for one in asked if parent_of(one.record, "plan") == record.id]),
        )
        whole = plan.digest == record.request_digest and len(plan.steps) == args["steps"]
        whole = whole and all(step.request.principal == plan.principal for step in plan.steps)
    except (KeyError, TypeError, ValueError) as e:  # pydantic's ValidationError is a ValueError
        raise _tampered(entry) from e
    if not whole:
        raise _tampered(entry)
    return Recorded(plan, entry, tuple(asked))


def run_started(journal: Journal, recorded: Recorded, by: Principal, excluded: Sequence[str]) -> Record:
    """An application of the plan begins: who applies it, what they left out."""
    args: dict[str, object] = {"plan": recorded.plan.digest, "excluded": list(excluded)}
    return run_records.run_started(journal.log, by, recorded.plan.run_id, args, _of_plan(recorded))


def run_finished(journal: Journal, recorded: Recorded, by: Principal, carried: Carried) -> Record:
    """It has ended: how many of its steps ended how."""
    args: dict[str, object] = {"plan": recorded.plan.digest, **carried.counts()}
    return run_records.run_finished(journal.log, by, recorded.plan.run_id, args, _of_plan(recorded))


def _of_plan(recorded: Recorded) -> tuple[Parent, ...]:
    return (Parent(rel="plan", id=recorded.entry.record.id),)


def _tampered(entry: Entry) -> LogTampered:
    what = "the plan's records are not those of its digest"
    return LogTampered(what, where=f"record {entry.seq}", hint="apply nothing: flyball audit verify")


def _step_record(journal: Journal, plan: Plan, step: PlanStep, head: Record) -> Record:
    request, said = step.request, None
    if step.verdict != "later":
        said = Verdict(
            verdict=step.verdict,
            stage=step.stage,
            rule=step.rule,
            policy_sha256=step.policy or None,
            detail=step.detail,
        )
    return journal.log.draft(
        "plan.step",
        actor=actor_of(plan.principal),
        run_id=plan.run_id,
        step_id=str(step.number),
        resource=resource_of(request.target, cluster_uid=plan.cluster_uid),
        mode="live",
        reason=request.reason or None,
        request_id=request.id,
        request_digest=request.digest,
        request=request.model_dump(mode="json"),
        view_digest=step.view_digest,
        decision=said,
        approval={"needs": [dict(need) for need in step.needs]} if step.needs else None,
        labels={"diff": step.diff} | ({"stands_on": str(step.stands_on)} if step.stands_on else {}),
        parents=(Parent(rel="plan", id=head.id),),
    )


def _step(record: Record) -> PlanStep:
    said, approval = record.decision, record.approval or {}
    return PlanStep(
        number=int(record.step_id or ""),
        request=Request.model_validate_json(json.dumps(record.request)),
        view_digest=record.view_digest,
        diff=(record.labels or {})["diff"],
        verdict=said.verdict if said else "later",
        stage=said.stage if said else "plan",
        rule=said.rule if said else None,
        detail=(said.detail or "") if said else LATER,
        needs=tuple(approval.get("needs", ())),
        policy=(said.policy_sha256 or "") if said else "",
        stands_on=int((record.labels or {}).get("stands_on", "0")),
    )
