"""How an attempt ends: an error as it is recorded, a refusal as a result."""

from typing import Any

from audit.record import Outcome
from policies.decision import Decision
from policies.types import Request
from tools.errors import ToolError
from tools.path.execution import Attempt, ExecutionContext
from tools.path.observe import with_autoscaler
from tools.path.outcome import Failed, Refused
from tools.path.requests import parsed
from tools.ports import ClusterReader


def outcome_of(e: ToolError, status: Any = "failed") -> Outcome:
    """An error as the log keeps it."""
    return Outcome(status=status, error_code=e.code or None, http_status=e.http, detail=e.said[:4096])


def manual(ctx: ExecutionContext, attempt: Attempt) -> str:
    """The kubectl command for a rollback that is refused; empty for anything else."""
    return ctx.spec.kubectl(ctx.args, attempt.workload) if ctx.request.undoes else ""


async def by_hand(reader: ClusterReader, request: Request) -> str:
    """The same, where nothing was looked at yet; empty too where the cluster cannot be asked."""
    if request.undoes is None:
        return ""
    try:
        spec, args = parsed(request)
        workload = await reader.read(request.target)
        return spec.kubectl(
            args, await with_autoscaler(workload, reader) if spec.autoscaler(args) else workload
        )
    except ToolError:
        return ""


def failed(request: Request, seq: int, e: ToolError, attempt: Attempt | None) -> Failed:
    """An error as a result, with what would have changed where that was looked at."""
    diff = attempt.diff if attempt else ""
    return Failed(request, seq, e.said, e.hint, e.code, e.http, diff, quotes=e.quotes)


def refused(
    request: Request, decision: Decision, seq: int, attempt: Attempt | None, by_hand: str = ""
) -> Refused:
    """A no as a result, with what would have changed where that was looked at."""
    diff = attempt.diff if attempt else ""
    return Refused(request, seq, decision.stage, decision.rule, decision.detail, diff, decision, by_hand)
