"""The records of declared events."""

from audit.drafts import SYSTEM
from audit.log import Log
from audit.record import Kind, Parent, Record, Resource
from policies.types import Request
from tools.path.journal import actor_of


def told(
    log: Log, kind: Kind, request: Request, where: Resource, decided: Record, before: Record | None
) -> Record:
    """That somebody declared the event, or ended what `before` declares."""
    parents = [Parent(rel="decision", id=decided.id)]
    parents += [Parent(rel="declared", id=before.id)] if before else []
    return log.draft(
        kind,
        actor=actor_of(request.principal),
        resource=where,
        request_id=request.id,
        request_digest=request.digest,
        reason=request.reason or None,
        args=dict(request.args),
        parents=tuple(parents),
    )


def ran_out(log: Log, before: Record) -> Record:
    """That the event which `before` declares is over."""
    return log.draft(
        "event.ended",
        actor=SYSTEM,
        resource=before.resource,
        reason="its time is over",
        args=before.args,
        parents=(Parent(rel="declared", id=before.id),),
    )
