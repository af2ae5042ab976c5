"""A Result as a program reads it: one word for how it ended, an exit code, and the JSON of all of it."""

from typing import TYPE_CHECKING, Any, assert_never

from flyball.cli.kit.instants import instant
from flyball.exits import Exit
from tools.path.outcome import Applied, Failed, Pending, Refused, Result, Simulated, Unknown

if TYPE_CHECKING:
    from tools.path.rollout_watcher import Settled

_CODES: dict[type, Exit] = {
    Applied: Exit.DONE,
    Simulated: Exit.DONE,
    Refused: Exit.REFUSED,
    Failed: Exit.FAILED,
    Pending: Exit.WAITING,
    Unknown: Exit.IN_DOUBT,
}
_WORDS = {
    Simulated: "simulated",
    Refused: "refused",
    Failed: "failed",
    Pending: "pending",
    Unknown: "in_doubt",
}


def code(result: Result, ended: "Settled | None" = None) -> Exit:
    """The exit code that a result ends a command with; `ended` is how the cluster ended it, if that was waited for.

    Anything but `applied` is a failure here, `deferred` too: the change is not yet as it was asked for.
    """
    if isinstance(result, Applied) and (result.partial or (ended is not None and ended.state != "applied")):
        return Exit.FAILED
    return _CODES[type(result)]


def status(result: Result) -> str:
    """One word for how it ended."""
    return result.status if isinstance(result, Applied) else _WORDS[type(result)]


def settled(ended: "Settled | None") -> dict[str, Any]:
    """How the cluster ended it, as JSON; nothing where nobody waited."""
    if ended is None:
        return {}
    facts = {
        name: getattr(ended, name) for name in ("state", "done", "total", "detail", "waited_ms", "record")
    }
    return {"settled": facts}


def document(result: Result, ended: "Settled | None" = None) -> dict[str, Any]:
    """The JSON of a result; `status` is always there, the rest as far as the status has it."""
    request = result.request
    found: dict[str, Any] = {
        "kind": "ActionResult",
        "status": status(result),
        "exit_code": int(code(result, ended)),
        "context": request.target.cluster,
        "namespace": request.target.namespace,
        "target": str(request.target),
        "action": request.action,
        "args": request.args,
        "dry_run": request.mode == "dry_run",
        "diff": getattr(result, "diff", ""),
        "record": result.record,
        "request_id": request.id,
        "request_digest": request.digest,
        "replayed": getattr(result, "replayed", False),
    }
    return found | _particulars(result) | settled(ended)


def _particulars(result: Result) -> dict[str, Any]:
    match result:
        case Applied():
            return {
                "before": result.before,
                "after": result.after,
                "unchanged": result.unchanged,
                "partial": result.partial or None,
                "verdict_due": instant(result.due_ms) if result.due_ms else None,
            }
        case Refused():
            headroom = result.decision.headroom if result.decision else ()
            retry_ms = result.decision.retry_ms if result.decision else None
            allowed = [
                {"rule": r.rule, "dimension": r.dimension, "low": r.low, "high": r.high, "alone": r.alone}
                for r in headroom
            ]
            return {
                "stage": result.stage,
                "rule": result.rule,
                "detail": result.detail,
                "allowed_now": allowed,
                "retry_at": instant(retry_ms) if retry_ms is not None else None,
            }
        case Failed():
            return {
                "error": result.what,
                "hint": result.hint,
                "code": result.code,
                "http_status": result.http,
            }
        case Pending():
            return {"handle": result.handle, "expires": instant(result.expires_ms)}
        case Unknown():
            return {"why": result.why, "intent": result.intent}
        case Simulated():
            needs = result.decision.approvals if result.decision else ()
            return {"live_needs": [{"rule": n.rule, "role": n.role, "count": n.count} for n in needs]}
        case _:
            assert_never(result)
