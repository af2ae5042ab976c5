"""From a caller's arguments to a Request, parsed once; and back from a recorded one."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from base.errors import words_of
from policies.types import Mode, Principal, Request
from tools.actions import registry
from tools.cluster.names import target
from tools.errors import ArgumentsInvalid
from tools.spec import ActionSpec, Args

_HINTS = {
    "id": "8 to 64 lower-case letters, digits and `-`, the first no `-`",
    "reason": "at most 2048 characters of plain text",
    "strategy": "lower-case letters, digits and `-`, the first a letter, at most 63",
    "expects": "1 to 16 named whole numbers, none beyond 2**53-1",
}


def request_id(*parts: str) -> str:
    """A request's id from what makes it unique (thread, our message id, index; or run, step, target)."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:40]


def build(
    tool: str,
    args: Args,
    *,
    id: str,
    principal: Principal,
    cluster: str,
    namespace: str,
    mode: Mode,
    reason: str = "",
    basis: str | None = None,
    undoes: str | None = None,
    run_id: str | None = None,
    strategy: str | None = None,
    expects: Mapping[str, int] | None = None,
    under: str | None = None,
) -> Request:
    """One governed action. Raises ArgumentsInvalid for what is not a name, number or id."""
    spec = registry.action(tool)
    where = target(cluster, namespace, str(getattr(args, "workload", "")))
    try:
        return Request(
            id=id,
            principal=principal,
            tool=tool,
            action=spec.classify(args),
            target=where,
            args=registry.plain(args),
            mode=mode,
            reason=reason,
            basis=basis,
            undoes=undoes,
            run_id=run_id,
            strategy=strategy,
            expects=None if expects is None else dict(expects),
            under=under,
        )
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        field = str(first["loc"][0])
        raise ArgumentsInvalid(words_of(first), where=field, hint=_HINTS.get(field, "")) from e


def parsed(request: Request) -> tuple[ActionSpec[Any], Any]:
    """The spec and the typed arguments of a request; what policy is asked about must be what would be done.

    Raises UnknownTool, and ArgumentsInvalid where action or target are not what the arguments say.
    """
    spec = registry.action(request.tool)
    args = registry.parse(spec.args, request.args)
    if registry.plain(args) != request.args or spec.classify(args) != request.action:
        raise ArgumentsInvalid(f"`{request.action}` is not what these arguments do", where=request.tool)
    if target(request.target.cluster, request.target.namespace, request.args["workload"]) != request.target:  # type: ignore[arg-type]
        raise ArgumentsInvalid("the target is not the workload of the arguments", where=request.tool)
    return spec, args
