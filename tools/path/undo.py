"""undo: propose to put back what one of our own changes, or a run of them, changed. It has no rights of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from audit.log import Entry
from policies.types import Mode, Principal, Request
from tools.actions import registry
from tools.errors import ArgumentsInvalid
from tools.path.context import Context
from tools.path.journal import parent_of
from tools.path.requests import build, request_id
from tools.path.rollback import applied_end, changed, inverse, may_undo, tool_of
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
            "that change was not applied", where=f"record {record}", hint="flyball audit show"
        )
    target = intent.record.resource
    if target is None or target.namespace is None or target.cluster != context.cluster.name:
        raise ArgumentsInvalid(
            "that change was on another cluster", where=f"record {record}", hint="give its --context"
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


@dataclass(frozen=True, slots=True)
class NotUndone:
    """A change of a run that is not put back, and why; `hint` is what a person can do instead."""

    record: int
    what: str
    why: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Inverses:
    """The requests that put a run's changes back, newest first, and the changes that have none."""

    requests: tuple[Request, ...]
    left: tuple[NotUndone, ...]


async def inverses(context: Context, of_run: str, *, principal: Principal, run_id: str) -> Inverses:
    """Put back what the run changed on this cluster. Raises ArgumentsInvalid where the log knows no such run."""
    if not await context.log.find(run_id=of_run, limit=1):
        raise ArgumentsInvalid(
            f"there is no run `{of_run[:80]}`", hint="flyball audit tail --kind run.started"
        )
    intents = await context.log.find(kinds=("action.intent",), run_id=of_run, newest_first=True)
    undone = await _undone(context, since=intents[-1].seq) if intents else {}
    ones = [await _inverse(context, one, undone, principal, of_run, run_id) for one in intents]
    requests = tuple([one for one in ones if isinstance(one, Request)])
    return Inverses(requests, tuple([one for one in ones if isinstance(one, NotUndone)]))


async def _inverse(
    context: Context,
    intent: Entry,
    undone: Mapping[str, int],
    principal: Principal,
    of_run: str,
    run_id: str,
) -> Request | NotUndone | None:
    """None for a rehearsal, and for what was not applied: there is nothing to say of it."""
    record, where = intent.record, intent.record.resource
    if record.mode != "live" or where is None:
        return None
    what = f"{tool_of(record)} {where.kind}/{where.name} {(record.labels or {}).get('diff', '')}".rstrip()
    if where.cluster_uid != context.cluster.uid:
        return NotUndone(intent.seq, what, f"it was on another cluster, `{where.cluster}`")
    if (by := undone.get(record.id)) is not None:
        return NotUndone(intent.seq, what, f"undone already by record {by}")
    if (end := await applied_end(context.journal, intent)) is None:
        return await _unapplied(context, intent, what)
    if not changed(end) or end.after == (record.before or {}).get("fields"):
        return NotUndone(intent.seq, what, "it changed nothing")
    reason = f"undo of record {intent.seq}, run {of_run}"
    try:
        return await proposal(
            context,
            intent.seq,
            id=request_id(run_id, str(intent.seq)),
            principal=principal,
            mode="live",
            reason=reason,
            run_id=run_id,
        )
    except ArgumentsInvalid as e:
        return NotUndone(intent.seq, what, e.what, e.hint)


async def _unapplied(context: Context, intent: Entry, what: str) -> NotUndone | None:
    if await context.journal.of_intent(intent.record):
        return None
    return NotUndone(intent.seq, what, "it is in doubt", "flyball audit in-doubt, then again")


async def _undone(context: Context, since: int) -> dict[str, int]:
    """Which intents are put back, each with the record that did it. An undo that was undone itself puts nothing
    back any more: newest first, whether that is so is known when it is met."""
    found: dict[str, int] = {}
    entries = await context.log.find(kinds=("action.intent",), since_seq=since, newest_first=True)
    for entry in entries:
        undoes = parent_of(entry.record, "undoes")
        if undoes is None or entry.record.id in found:
            continue
        if changed(await applied_end(context.journal, entry)):
            found[undoes] = entry.seq
    return found


async def newest(context: Context, principal: Principal) -> int:
    """The number of this person's newest applied change on this cluster that is neither an undo nor undone.

    Raises ArgumentsInvalid where there is none: asked again and again it goes back, it never redoes.
    """
    undone: set[str] = set()
    for entry in await context.log.find(kinds=("action.intent",), newest_first=True, limit=200):
        if not _theirs(context, principal, entry) or not changed(await applied_end(context.journal, entry)):
            continue
        puts_back = parent_of(entry.record, "undoes")
        if puts_back is not None:
            undone.add(puts_back)
        elif entry.record.id not in undone:
            return entry.seq
    raise ArgumentsInvalid("there is nothing to undo", hint="flyball audit tail")


def _theirs(context: Context, principal: Principal, entry: Entry) -> bool:
    who, where = entry.record.actor, entry.record.resource
    ours = principal.on_behalf_of in (who.id, who.on_behalf_of)
    return ours and where is not None and where.cluster == context.cluster.name


async def _intent(context: Context, record: int) -> Entry:
    try:
        entry = await context.log.entry(record)
    except KeyError as e:
        raise ArgumentsInvalid(f"there is no record {record}", hint="flyball audit tail") from e
    if entry.record.kind != "action.intent":
        hint = "give the number that was printed behind `undo:`"
        raise ArgumentsInvalid(f"record {record} is not a change", where=entry.record.kind, hint=hint)
    return entry
