"""How a try ends: run to its end once it is durable, an error as the log keeps it, a refusal as a result."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from audit.record import Outcome
from policies.types import Decision, Request
from tools.errors import ToolError
from tools.path.execution import Attempt, ExecutionContext
from tools.path.outcome import Refused

R = TypeVar("R")


async def shield_until_done(work: Coroutine[Any, Any, R]) -> R:
    """From the durable intent to its outcome nothing is cut short: an interrupt waits (a write ends within
    10 s) and the caller sees it in `asyncio.current_task().cancelling()`."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    return task.result()


def outcome_of(e: ToolError, status: Any = "failed") -> Outcome:
    """An error as the log keeps it."""
    return Outcome(status=status, error_code=e.code or None, http_status=e.http, detail=e.said[:4096])


def manual(ctx: ExecutionContext, attempt: Attempt) -> str:
    """The kubectl command for a rollback that is refused; empty for anything else."""
    return ctx.spec.kubectl(ctx.args, attempt.workload) if ctx.request.undoes else ""


def refused(
    request: Request, decision: Decision, seq: int, attempt: Attempt | None, by_hand: str = ""
) -> Refused:
    """A no as a result, with what would have changed where that was looked at."""
    diff = attempt.diff if attempt else ""
    return Refused(request, seq, decision.stage, decision.rule, decision.detail, diff, decision, by_hand)
