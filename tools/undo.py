"""undo: propose to put back what one of our own changes changed. It has no rights of its own."""

from typing import Annotated

from pydantic import Field

from audit.log import Entry
from policies.types import Mode, Principal, Request
from tools import registry
from tools.context import Context
from tools.errors import ArgumentsInvalid
from tools.requests import build
from tools.rollback import applied_end, inverse, may_undo, tool_of
from tools.spec import Args


class UndoArgs(Args):
    record: Annotated[
        int, Field(ge=0, le=2**53 - 1, description="the record number of the change, as it was reported")
    ]


async def proposal(
    context: Context,
    record: int,
    *,
    id: str,
    principal: Principal,
    mode: Mode,
    reason: str = "",
    run_id: str | None = None,
) -> Request:
    """The request that puts back the change of this record. Raises ArgumentsInvalid where there is none."""
    intent = await _intent(context, record)
    may_undo(principal, intent.record)
    if await applied_end(context.journal, intent) is None:
        raise ArgumentsInvalid(
            "that change was not applied", where=f"record {record}", mend="flyball audit show"
        )
    target = intent.record.resource
    if target is None or target.namespace is None or target.cluster != context.cluster.name:
        raise ArgumentsInvalid(
            "that change was on another cluster", where=f"record {record}", mend="give its --context"
        )
    tool = tool_of(intent.record)
    return build(
        tool,
        registry.parse(registry.action(tool).args, inverse(intent.record)),
        id=id,
        principal=principal,
        cluster=target.cluster,
        namespace=target.namespace,
        mode=mode,
        reason=reason or f"undo of record {record}",
        undoes=intent.record.id,
        run_id=run_id,
    )


async def newest(context: Context, principal: Principal) -> int:
    """The number of this person's newest applied change on this cluster that is neither an undo nor undone.

    Raises ArgumentsInvalid where there is none: asked again and again it goes back, it never redoes.
    """
    undone: set[str] = set()
    for entry in await context.log.find(kinds=("action.intent",), newest_first=True, limit=200):
        if not _theirs(context, principal, entry) or await applied_end(context.journal, entry) is None:
            continue
        puts_back = {parent.id for parent in entry.record.parents if parent.rel == "undoes"}
        if not puts_back and entry.record.id not in undone:
            return entry.seq
        undone |= puts_back
    raise ArgumentsInvalid("there is nothing to undo", mend="flyball audit tail")


def _theirs(context: Context, principal: Principal, entry: Entry) -> bool:
    who, where = entry.record.actor, entry.record.resource
    ours = principal.on_behalf_of in (who.id, who.on_behalf_of)
    return ours and where is not None and where.cluster == context.cluster.name


async def _intent(context: Context, record: int) -> Entry:
    try:
        entry = await context.log.entry(record)
    except KeyError as e:
        raise ArgumentsInvalid(f"there is no record {record}", mend="flyball audit tail") from e
    if entry.record.kind != "action.intent":
        mend = "give the number that was printed behind `undo:`"
        raise ArgumentsInvalid(f"record {record} is no change", where=entry.record.kind, mend=mend)
    return entry
