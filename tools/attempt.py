"""One try at a request, from decision to outcome; two durable commits, and the conflict's outcome in the next."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from audit.errors import ClaimLost, LogUnavailable
from audit.log import Entry
from audit.record import Outcome, Record, Tool
from policies.gate import Gate
from policies.guards.cooldown import key as changed_key
from policies.types import Claim, Decision, Observation, Permit, Request, Situation, VerdictKind
from tools.context import Context, denied
from tools.errors import (
    ArgumentsInvalid,
    DefiniteConflict,
    MayHaveHappened,
    NeverHappened,
    ToolError,
    WriteError,
)
from tools.journal import ends
from tools.outcome import Applied, Failed, Pending, Refused, Result, Simulated, Unknown
from tools.ports import ClusterIdentity, ClusterWriter, Held, Patch, Precondition, Workload
from tools.refusals import lost_decision, lost_record
from tools.spec import ActionSpec, schema_digest

DAY_S = 86_400
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Job:
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
        return f"busy/{self.request.target.key}"

    @property
    def changed(self) -> str:
        """The integer that holds when the workload was last changed."""
        return changed_key(self.request)


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
        """Whether anything would be another number afterwards."""
        return any(delta.before != delta.after for delta in self.seen.deltas)

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


class Attempts:
    """Runs attempts; the only holder of the writer beside the resolver."""

    def __init__(self, context: Context, writer: ClusterWriter) -> None:
        self._c, self._writer = context, writer

    async def run(self, job: Job, attempt: Attempt) -> Result | Conflict:
        """Decide on what was seen, make the intent durable, write once, record how it ended."""
        request = job.request
        values = await self._c.log.values(job.gate.keys(request))
        # The next commit gives these back before it claims: they are judged as they will stand then.
        values |= {c.key: c.value for c in attempt.given_back if c.key in values}
        decision = await self.decide(job, attempt, values)
        if decision.verdict is VerdictKind.DENY:
            return await self.refuse(request, decision, attempt, _manual(job, attempt))
        if decision.verdict is VerdictKind.NEEDS_APPROVAL or decision.permit is None:
            return await self._ask(request, decision, attempt)
        if job.confirmed not in (None, attempt.seen.view_digest):
            no = denied(job.gate, request, "drift", "it has changed since you were asked: look again")
            return await self.refuse(request, no, attempt)
        try:
            patch = job.spec.patch(job.args, attempt.workload)
        except (
            DefiniteConflict,
            ArgumentsInvalid,
        ) as e:  # the request's own precondition: looking again is no use
            return await self._failed(request, attempt, e)
        try:
            await self._rehearse(job, attempt, decision, patch)
        except DefiniteConflict:
            return Conflict(attempt.closing, attempt.given_back, attempt.number - 1)
        except WriteError as e:  # before the intent, and a rehearsal has no effect
            return await self._failed(request, attempt, e)
        return await to_its_end(self._write(job, attempt, decision, decision.permit, patch, values))

    async def settle(self, conflict: Conflict | None) -> None:
        """Record a conflict that nothing else will be committed with: it must not be left in doubt."""
        if conflict is not None and conflict.closing:
            await self._c.log.commit(conflict.closing, conflict.given_back)

    async def decide(self, job: Job, attempt: Attempt, values: dict[str, int] | None = None) -> Decision:
        """The gate's answer on what was seen and on what the log holds."""
        if values is None:
            values = await self._c.log.values(job.gate.keys(job.request))
        approvals = await self._c.journal.approvals_of(job.request)
        return job.gate.decide(job.request, attempt.seen, approvals, self._situation(job, attempt, values))

    async def refuse(
        self, request: Request, decision: Decision, attempt: Attempt | None = None, manual: str = ""
    ) -> Refused:
        """Record a no and return it."""
        seen = attempt.seen if attempt else None
        record = self._c.journal.decision(request, decision, seen, None, manual)
        closing, back = (attempt.closing, attempt.given_back) if attempt else ((), ())
        entries = await self._c.log.commit((*closing, record), back)
        return _refused(request, decision, entries[-1].seq, attempt, manual)

    async def _write(
        self,
        job: Job,
        attempt: Attempt,
        decision: Decision,
        permit: Permit,
        patch: Patch,
        values: dict[str, int],
    ) -> Result | Conflict:
        request, journal = job.request, self._c.journal
        decided = journal.decision(request, decision, attempt.seen, _tool(job.spec))
        intent = journal.intent(request, attempt.seen, decided, attempt.diff)
        undenied = Claim("holds", f"denied/{request.id}", 0)
        unmoved = Claim("holds", job.changed, values.get(job.changed, 0))
        claims = (*attempt.given_back, unmoved, *decision.claims, undenied, Claim("once", job.busy))

        def lost(claim: Any, _: int) -> Record:
            return lost_record(journal, request, attempt.seen, decision.policy_digest, claim)

        try:
            entries = await self._c.log.commit(
                (*attempt.closing, decided, intent), claims, spend=job.live, lost=lost
            )
        except ClaimLost as e:
            return await self._lost(job, attempt, decision, e)
        return await self._send(
            job, attempt, patch, Sent(entries[-1], permit, decision, _back(job, intent, decision, values))
        )

    async def _lost(self, job: Job, attempt: Attempt, decision: Decision, e: ClaimLost) -> Refused:
        """The refusal is recorded; an earlier conflict of this request still has to be. Raises ClaimLost
        where another process has said already how that ended."""
        await self.settle(attempt.after)
        request = job.request
        no = lost_decision(request, decision.policy_digest, e.claim)
        return _refused(request, no, e.seq or 0, attempt)

    async def _send(self, job: Job, attempt: Attempt, patch: Patch, sent: Sent) -> Result | Conflict:
        request, intent = job.request, sent.intent.record
        if job.live and not attempt.moves:
            # Sent all the same, a PATCH of `/scale` without change would take the field from its owner, and
            # where nobody owns it the apiserver marks no later write either (measured on 1.36).
            return await self._written(job, attempt, sent, attempt.workload)
        guard = Precondition(attempt.seen.uid, attempt.seen.resource_version)
        try:
            after = await self._writer.apply(sent.permit, intent.id, request.target, patch, guard)
        except DefiniteConflict as e:
            ended = self._c.journal.outcome(request, intent, outcome_of(e, "conflict"))
            return Conflict((ended,), sent.back, attempt.number)
        except MayHaveHappened as e:
            if job.live:
                return Unknown(request, sent.intent.seq, intent.id, attempt.diff, e.what)
            return await self._not_written(job, attempt, sent, e)
        except NeverHappened as e:
            return await self._not_written(job, attempt, sent, e)
        return await self._written(job, attempt, sent, after)

    async def _written(self, job: Job, attempt: Attempt, sent: Sent, after: Workload) -> Result:
        request, intent = job.request, sent.intent
        view = job.spec.view(job.args, after)
        outcome = Outcome(status="applied" if job.live else "simulated")
        record = self._c.journal.outcome(request, intent.record, outcome, view)
        free = (ends(intent.record), Claim("put", job.busy, 0)) if job.live else ()
        if (unknown := await self._close(job, attempt, intent, record, free)) is not None:
            return unknown
        if not job.live:
            return Simulated(request, intent.seq, attempt.diff, sent.decision)
        return Applied(
            request=request,
            record=intent.seq,
            intent=intent.record.id,
            diff=attempt.diff,
            before=dict(attempt.seen.view),
            after=view,
            ready=after.ready,
            replicas=after.replicas,
            decision=sent.decision,
            unchanged=after.resource_version == attempt.seen.resource_version,
        )

    async def _not_written(self, job: Job, attempt: Attempt, sent: Sent, e: ToolError) -> Result:
        record = self._c.journal.outcome(job.request, sent.intent.record, outcome_of(e))
        if (unknown := await self._close(job, attempt, sent.intent, record, sent.back)) is not None:
            return unknown
        return Failed(job.request, sent.intent.seq, _said(e), e.mend, e.code, e.http, attempt.diff)

    async def _close(
        self, job: Job, attempt: Attempt, intent: Entry, record: Record, claims: tuple[Claim, ...]
    ) -> Unknown | None:
        """Make the outcome durable. Where the log refuses, the intent stays open and the resolver will look.

        Raises ClaimLost where another process has said already how it ended.
        """
        try:
            await self._c.log.commit((record,), claims)
        except LogUnavailable as e:
            if not job.live:
                raise
            why = f"the outcome could not be recorded: {e.what}"
            return Unknown(job.request, intent.seq, intent.record.id, attempt.diff, why)
        return None

    async def _rehearse(self, job: Job, attempt: Attempt, decision: Decision, patch: Patch) -> None:
        """The obligation `dryRun`: the apiserver must accept it without effect first."""
        if not job.live or decision.permit is None or all(o.kind != "dryRun" for o in decision.obligations):
            return
        guard = Precondition(attempt.seen.uid, attempt.seen.resource_version)
        intent = f"rehearsal-{job.request.id}"
        try:
            await self._writer.apply(decision.permit.rehearsal(), intent, job.request.target, patch, guard)
        except MayHaveHappened as e:
            what = f"the dry run before the write got no answer ({e.what}); nothing was written"
            mend = "try again when the cluster answers"
            raise NeverHappened(what, where=e.where, mend=mend, code="rehearsal", http=e.http) from e

    def _situation(self, job: Job, attempt: Attempt, values: dict[str, int]) -> Situation:
        return Situation(
            now_ms=self._c.now_ms(),
            values=values,
            lease=(job.held.key, job.held.token),
            nonce=self._c.nonce(),
            attempt=attempt.number,
            rollback=attempt.rollback,
        )

    async def _ask(self, request: Request, decision: Decision, attempt: Attempt) -> Pending:
        handle, diff = request.digest[:8], attempt.diff
        if (asked := await self._c.asked(request, attempt.seen)) is not None:
            await self.settle(attempt.after)
            return Pending(
                request, asked.seq, handle, diff, (asked.record.approval or {})["expires_ms"], decision
            )
        journal, seen = self._c.journal, attempt.seen
        expires = self._c.now_ms() + 1000 * min((n.expires_s for n in decision.approvals), default=DAY_S)
        decided = journal.decision(request, decision, seen, None)
        question = journal.asked(request, decision, seen, diff, expires, decided)
        entries = await self._c.log.commit((*attempt.closing, decided, question), attempt.given_back)
        return Pending(request, entries[-1].seq, handle, diff, expires, decision)

    async def _failed(self, request: Request, attempt: Attempt, e: ToolError) -> Failed:
        record = self._c.journal.ended(request, outcome_of(e), attempt.seen)
        entries = await self._c.log.commit((*attempt.closing, record), attempt.given_back)
        return Failed(request, entries[-1].seq, _said(e), e.mend, e.code, e.http, attempt.diff)


async def to_its_end(work: Coroutine[Any, Any, R]) -> R:
    """From the durable intent to its outcome nothing is cut short: an interrupt waits (a write ends within
    10 s) and the caller sees it in `asyncio.current_task().cancelling()`."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    return task.result()


def outcome_of(e: ToolError, status: Any = "failed") -> Outcome:
    """An error as the log keeps it."""
    return Outcome(status=status, error_code=e.code or None, http_status=e.http, detail=_said(e)[:4096])


def _said(e: ToolError) -> str:
    return f"{e.where}: {e.what}" if e.where else e.what


def _back(job: Job, intent: Record, decision: Decision, values: dict[str, int]) -> tuple[Claim, ...]:
    """What a write that never happened gives back: the workload, spent votes, the instant of its last change.
    Only what nobody else can have moved while the workload is ours."""
    if not job.live:
        return ()
    votes = tuple(Claim("put", c.key, 0) for c in decision.claims if c.key.startswith("approval/"))
    changed = Claim("put", job.changed, values.get(job.changed, 0))
    return (ends(intent), Claim("put", job.busy, 0), *votes, changed)


def _manual(job: Job, attempt: Attempt) -> str:
    return job.spec.kubectl(job.args, attempt.workload) if job.request.undoes else ""


def _tool(spec: ActionSpec[Any]) -> Tool:
    return Tool(name=spec.name, version=spec.version, schema_sha256=schema_digest(spec))


def _refused(
    request: Request, decision: Decision, seq: int, attempt: Attempt | None, manual: str = ""
) -> Refused:
    diff = attempt.diff if attempt else ""
    return Refused(request, seq, decision.stage, decision.rule, decision.detail, diff, decision, manual)
