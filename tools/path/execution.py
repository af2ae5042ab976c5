"""What an attempt at a request works with: pure data, from the ctx over its attempts to what was sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.log import Entry
from audit.record import Record
from policies.claim_keys import APPROVAL, BUSY, CHANGED
from policies.gate import Gate
from policies.types import Claim, Decision, Observation, Permit, Request
from tools.path.journal import ends
from tools.ports import ClusterIdentity, Held, Workload
from tools.spec import ActionSpec


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """What stays the same over a request's attempts."""

    request: Request
    spec: ActionSpec[Any]
    args: Any
    cluster: ClusterIdentity
    gate: Gate
    held: Held
    confirmed: str | None = None

    @property
    def live(self) -> bool:
        return self.request.mode == "live"

    @property
    def busy(self) -> str:
        """The integer that says that an intent stands open on the workload."""
        return BUSY.of(self.request.target.key)

    @property
    def changed(self) -> str:
        """The integer that holds when the workload was last changed."""
        return CHANGED.of(self.request.target.key)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A definite 409: its outcome and the claims it gives back go into the next commit.

    `closing` is empty where it was the rehearsal's: then no intent is open. `attempts` is how many were made.
    """

    closing: tuple[Record, ...]
    given_back: tuple[Claim, ...]
    attempts: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was seen this time, the diff that follows, and the conflict that the last time ended in."""

    number: int
    seen: Observation
    workload: Workload
    diff: str
    rollback: bool
    after: Conflict | None

    @property
    def moves(self) -> bool:
        """Whether anything would be another afterwards; an action that moves no numbers always does."""
        return not self.seen.deltas or any(delta.before != delta.after for delta in self.seen.deltas)

    @property
    def closing(self) -> tuple[Record, ...]:
        return self.after.closing if self.after else ()

    @property
    def given_back(self) -> tuple[Claim, ...]:
        return self.after.given_back if self.after else ()


@dataclass(frozen=True, slots=True)
class Sent:
    """An intent that is durable, and what is given back if it turns out never to have happened."""

    intent: Entry
    permit: Permit
    decision: Decision
    back: tuple[Claim, ...]


def given_back(
    ctx: ExecutionContext, intent: Record, decision: Decision, values: Mapping[str, int]
) -> tuple[Claim, ...]:
    """What a write that never happened gives back: the workload, spent votes, the instant of its last change.
    Only what nobody else can have moved while the workload is ours."""
    if not ctx.live:
        return ()
    votes = tuple(Claim("set", c.key, 0) for c in decision.claims if APPROVAL.has(c.key))
    changed = Claim("set", ctx.changed, values.get(ctx.changed, 0))
    return (ends(intent), Claim("set", ctx.busy, 0), *votes, changed)
