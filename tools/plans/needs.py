"""Whose votes a question takes by the policy of now, for a yes and a no alike: not by that of when it was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from policies.decision import VerdictKind
from policies.types import Request
from tools.errors import ToolError
from tools.path.context import Context
from tools.path.requests import request_id
from tools.plans.preview import Preview

Need = Mapping[str, object]
"""Who must agree: rule, role, count, local, expires_s (see ApprovalNeed)."""


async def needs_now(
    context: Context, path: Preview, request: Request, asked: Sequence[Need], policy: str
) -> Sequence[Need]:
    """`asked` are the needs as they were by `policy`, a digest. They still count under the same policy, and where
    those of now cannot be found out or there are none: then the path itself says what becomes of the request.

    The look has an id of its own: votes that the request has got already take no need away. Raises LogUnavailable.
    """
    if policy == (await context.gate()).snapshot.digest:
        return asked
    probe = request.model_copy(update={"id": request_id(request.id, "needs", context.nonce())})
    try:
        decision, _ = await path.preview(probe)
    except ToolError:
        return asked
    if decision.verdict is not VerdictKind.NEEDS_APPROVAL:
        return asked
    return tuple(map(asdict, decision.approvals))
