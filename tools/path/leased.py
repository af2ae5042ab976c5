"""Which envelope a request moves in: the log's word on it, narrowed by what the object bears.

Nothing of the request is believed but the id that it names. An annotation can take room away and never gives any.
"""

from collections.abc import Sequence
from dataclasses import replace

from audit.log import Entry
from audit.record import Record, Resource
from base.instants import utc_ms
from policies.claim_keys import APPROVAL, first_bits
from policies.envelopes import SET
from policies.types import Approval, Leased, Observation, Request
from tools.actions import registry
from tools.actions.set_envelope import leased
from tools.arguments import SetEnvelopeArgs
from tools.cluster_types import Workload
from tools.envelope_text import Written, written
from tools.path.cross_checks import newest_live_intent
from tools.path.journal import Journal
from tools.path.rollback import applied_end, tool_of
from tools.path.standing import votes


async def leased_to(
    journal: Journal, request: Request, seen: Observation, workload: Workload
) -> tuple[Leased | None, str]:
    """The envelope that the request names, and why there is none for it. Raises LogTampered, LogUnavailable."""
    if request.under is None:
        return None, ""
    named = await journal.log.by_id(request.under)
    if named is None or named.record.kind != "action.intent" or tool_of(named.record) != SET:
        return None, "it names no envelope"
    entries = await journal.checks.request(named.record.request_id or "")
    intent = next((one for one in entries if one.record.id == request.under), None)
    if intent is None or intent.record.mode != "live":
        return None, "it names no envelope"
    if (no := _anothers(intent.record, request, seen)) is not None:
        return None, no
    spent, most = await _spent(journal, intent.record, entries), await _granted(journal, intent)
    found = _narrowed(intent.record, spent, workload, most)
    if await applied_end(journal, intent) is None:  # what it had found there can be put back all the same
        found = replace(found, ended="it was not applied")
    return found, ""


def _anothers(intent: Record, request: Request, seen: Observation) -> str | None:
    """Why the envelope is none for this request: another object, another agent, another person."""
    where, args = intent.resource, args_of(intent)
    if where is None or where.key != request.target.key or where.uid != seen.uid:
        return "the envelope that it names is of another object"
    if args.agent != request.principal.agent:
        return f"the envelope that it names is leased to {args.agent}"
    if human_of(intent) != request.principal.on_behalf_of:
        return "the envelope that it names was leased for another person"
    return None


async def _granted(journal: Journal, intent: Entry) -> int:
    """The end of the range that policy let pass: of the lease, and where that was ended, of the one that ended; 0
    where there is none."""
    if args_of(intent.record).until is not None:
        return args_of(intent.record).max_replicas or 0
    where = intent.record.resource
    assert where is not None
    found = await journal.log.at_one_moment(
        lambda reads: newest_live_intent(reads, where.key, lambda record: _leases(record, where))
    )
    if found is None or await applied_end(journal, found) is None:
        return 0
    await journal.checks.request(found.record.request_id or "")
    return args_of(found.record).max_replicas or 0


def _leases(record: Record, where: Resource) -> bool:
    """Whether the intent leases a range of this very object."""
    same = record.resource is not None and record.resource.uid == where.uid
    return same and tool_of(record) == SET and args_of(record).until is not None


def _narrowed(intent: Record, spent: tuple[Approval, ...], workload: Workload, most: int) -> Leased:
    args, mark = args_of(intent), first_bits(intent.request_digest or "")
    back = Leased(0, 0, args.floor, 0, mark, "it was ended", spent, most, target=args.target_percent)
    if args.until is None:
        return back
    if (left := room(args, workload)) is None:
        return replace(back, until_ms=utc_ms(args.until), ended="its annotation was taken away")
    until_ms = utc_ms(left.until)
    return replace(back, low=left.low, high=left.high, until_ms=until_ms, ended="", guard=left.guard)


def room(args: SetEnvelopeArgs, workload: Workload) -> Written | None:
    """What was leased, less what the object's annotation takes away. None where nothing is left."""
    asked, shown = leased(args), written(workload.annotations)
    if asked is None or shown is None or shown.agent != asked.agent:
        return None
    return replace(
        asked,
        low=max(asked.low, shown.low),
        high=min(asked.high, shown.high),
        until=min(asked.until, shown.until, key=utc_ms),
        guard=_guard(asked.guard, shown.guard),
    )


def _guard(asked: int | None, shown: int | None) -> int | None:
    return None if asked is None or shown is None else min(asked, shown)


async def _spent(journal: Journal, intent: Record, entries: Sequence[Entry]) -> tuple[Approval, ...]:
    """The votes that this very intent has used."""
    given = [
        vote
        for vote in votes(entries)
        if (vote.request_digest, vote.view_digest) == (intent.request_digest, intent.view_digest)
    ]
    used = await journal.log.values([APPROVAL.of(vote.id) for vote in given])
    return tuple(vote for vote in given if used[APPROVAL.of(vote.id)])


def args_of(intent: Record) -> SetEnvelopeArgs:
    """The arguments of a recorded lease."""
    args = registry.parse(SetEnvelopeArgs, intent.args or {})
    assert isinstance(args, SetEnvelopeArgs)
    return args


def human_of(intent: Record) -> str | None:
    """For whom it was leased."""
    return intent.actor.on_behalf_of if intent.actor.type == "agent" else intent.actor.id
