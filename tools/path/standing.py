"""The state of a request: its records folded into a state, its votes and its open question. Pure.

A request's records, in order: policy.decision (deny ends it), approval.requested / granted / denied,
then for each attempt {policy.decision, action.intent} in one commit and one action.outcome, or, after
a crash or a timeout, one action.in_doubt_resolved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audit.log import Entry
from audit.record import Kind, Record
from policies.types import Approval, Observation, Principal, Request
from tools.errors import ToolError

ENDS: tuple[Kind, ...] = ("action.outcome", "action.in_doubt_resolved")

CHANGED = frozenset({"applied", "in_part"})
"""Outcomes that changed the cluster, so that there is something to undo."""
CARRIED_OUT = CHANGED | {"unchanged"}
"""Outcomes of what was carried out."""


class RequestReused(ToolError):
    """The same request id was used with other content."""

    effect = "usage"


@dataclass(frozen=True, slots=True)
class New:
    """Nothing final is recorded; `attempts` live tries ended in a conflict."""

    attempts: int


@dataclass(frozen=True, slots=True)
class Final:
    """How it ended; `intent` is None where it never came to a write."""

    end: Entry
    intent: Entry | None


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A live intent without an outcome."""

    intent: Entry


State = New | Final | InDoubt


@dataclass(frozen=True, slots=True)
class Standing:
    """What the log knows of a request, of one look at its records."""

    state: State
    votes: tuple[Approval, ...]
    """Every yes; the gate judges which of them count."""
    question: Entry | None
    """The last that was put; an older one nobody is shown any more."""

    @property
    def attempts(self) -> int:
        """How many live tries ended in a conflict, where nothing final is recorded."""
        return self.state.attempts if isinstance(self.state, New) else 0

    def asked(self, seen: Observation, now_ms: int) -> Entry | None:
        """The question that stands open for exactly this view."""
        asked = self.question
        if asked is None or (asked.record.approval or {})["expires_ms"] <= now_ms:
            return None
        return asked if asked.record.view_digest == seen.view_digest else None


def standing(request: Request, entries: Sequence[Entry]) -> Standing:
    """All of it from one read of the request's records, oldest first. Raises RequestReused where its id was used for
    another content."""
    asked = [e for e in entries if e.record.kind == "approval.requested"]
    return Standing(state(request, entries), votes(entries), asked[-1] if asked else None)


def state(request: Request, entries: Sequence[Entry]) -> State:
    """Fold a request's records, oldest first. Dry-run intents are without effect, so never in doubt.

    An intent outweighs a refusal: another process may be refused by names while this one writes.
    """
    intent: Entry | None = None
    refusal: Entry | None = None
    attempts = 0
    told = (e for e in entries if e.record.request_digest is not None)  # a rejected call has no digest
    first = next(told, None)
    if first is not None and first.record.request_digest != request.digest:
        raise RequestReused(
            f"request id `{request.id}` was used for something else",
            where=f"record {first.seq}",
            hint="leave --request-id out, or repeat exactly what it was used for",
        )
    for entry in entries:
        record = entry.record
        if record.request_digest != request.digest:
            continue  # a refusal of other content under this id: it must not take the id from its owner
        if record.kind == "action.intent":
            intent, attempts = entry, attempts + 1
        elif record.kind in ENDS and record.outcome is not None:
            if record.outcome.status != "conflict":
                return Final(entry, intent)
            intent = None
        elif record.kind == "approval.denied" or _denies(record):
            refusal = refusal or entry
    if intent is not None and request.mode == "live":
        return InDoubt(intent)
    return Final(refusal, None) if refusal else New(attempts)


def _denies(record: Record) -> bool:
    return (
        record.kind == "policy.decision" and record.decision is not None and record.decision.verdict == "deny"
    )


def ballot(voter: Principal, expires_ms: int) -> dict[str, Any]:
    """What a vote's record says of who gave it, and until when it holds; `_approval` reads it back."""
    return {"by": voter.on_behalf_of, "groups": list(voter.groups), "expires_ms": expires_ms}


def votes(entries: Sequence[Entry]) -> tuple[Approval, ...]:
    return tuple(_approval(e.record) for e in entries if e.record.kind == "approval.granted")


def _approval(record: Record) -> Approval:
    vote = record.approval or {}
    return Approval(
        id=record.id,
        by=vote["by"],
        groups=tuple(vote["groups"]),
        request_digest=record.request_digest or "",
        view_digest=record.view_digest or "",
        expires_ms=vote["expires_ms"],
    )
