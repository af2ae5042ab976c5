"""A request that ended before: its outcome out of the log, so that asking again does nothing again.

Records do not say whose words they hold, so a replayed error counts as a server's.
"""

from typing import assert_never

from audit.log import Entry
from audit.record import Record
from policies.types import Request
from tools.errors import ToolError
from tools.path.journal import Journal
from tools.path.outcome import Applied, Failed, Refused, Result, Simulated, Unknown
from tools.path.standing import CARRIED_OUT, Final, InDoubt, New


def replayed(request: Request, final: Final) -> Result:
    """The recorded end as a Result, marked `replayed`."""
    end = final.end.record
    if end.outcome is None:
        return _refused(request, final)
    intent = final.intent
    if intent is None or end.outcome.status not in (*CARRIED_OUT, "simulated"):
        seq = intent.seq if intent else final.end.seq
        what = end.outcome.detail or "it was not applied"
        code, http = end.outcome.error_code or "", end.outcome.http_status
        return Failed(request, seq, what, "", code, http, replayed=True, quotes=True)
    if end.outcome.status == "simulated":
        return Simulated(request, intent.seq, _diff(intent), None, replayed=True)
    after = end.after or {}
    return Applied(
        request,
        intent.seq,
        intent.record.id,
        _diff(intent),
        intent.record.before or {},
        after,
        ready=0,
        replicas=after.get("replicas", 0),
        replayed=True,
        unchanged=end.outcome.status == "unchanged",
        partial=_partial(end),
        quotes=bool(_partial(end)),
    )


async def taken_over(journal: Journal, request: Request) -> Result:
    """Where a request stands when another process took it over. Raises ToolError where it had not begun."""
    match await journal.state_of(request):
        case Final() as final:
            return replayed(request, final)
        case InDoubt(intent):
            return unknown(request, intent, "another process looks into it")
        case New():
            raise ToolError(
                "another process took over", where=str(request.target), hint="see `flyball status`, try again"
            )
        case never:
            assert_never(never)


def unknown(request: Request, intent: Entry, why: str, *, quotes: bool = False) -> Unknown:
    """A recorded intent of which nobody knows yet how it ended."""
    return Unknown(request, intent.seq, intent.record.id, _diff(intent), why, quotes)


def _diff(intent: Entry) -> str:
    return (intent.record.labels or {}).get("diff", "")


def _partial(end: Record) -> str:
    """What was not done of a batch of pods, as its own process or the resolver said it. Older logs have it under
    `applied`: with a detail of its own process, or as what the resolver found unwritten."""
    if end.outcome is None:
        return ""
    said, pods = end.outcome.detail or "", (end.observation or {}).get("pods") or {}
    partly = end.outcome.status == "in_part" or end.kind == "action.outcome" or pods.get("unwritten")
    return said if partly else ""


def _refused(request: Request, final: Final) -> Refused:
    record = final.end.record
    if record.decision is None:
        return Refused(request, final.end.seq, "approval", None, record.reason or "declined", replayed=True)
    said = record.decision
    return Refused(request, final.end.seq, said.stage, said.rule, said.detail or "", replayed=True)
