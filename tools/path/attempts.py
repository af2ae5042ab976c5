"""One try at a request, from decision to outcome; two durable commits, and the conflict's outcome in the next."""

from typing import Any

from audit.errors import ClaimLost, LogUnavailable
from audit.log import Entry
from audit.record import Outcome, Record, Tool
from policies.claim_keys import DENIED
from policies.types import Claim, Decision, Permit, Request, Situation, VerdictKind
from tools.errors import (
    ArgumentsInvalid,
    DefiniteConflict,
    MayHaveHappened,
    NeverHappened,
    ToolError,
    WriteError,
)
from tools.path.context import Context, denied
from tools.path.delivery import Delivered, Delivery
from tools.path.endings import manual, outcome_of, refused, shield_until_done
from tools.path.execution import Attempt, Conflict, ExecutionContext, Sent, given_back
from tools.path.journal import ends
from tools.path.outcome import Applied, Failed, Pending, Refused, Result, Simulated, Unknown
from tools.path.pod_batch import PodBatch
from tools.path.refusals import lost_decision, lost_record
from tools.ports import ClusterWriter
from tools.spec import ActionSpec, schema_digest

DAY_S = 86_400


class AttemptRunner:
    """Runs attempts; the only holder of the writer beside the resolver."""

    def __init__(self, context: Context, writer: ClusterWriter) -> None:
        self._c, self._writer = context, writer

    async def run(self, ctx: ExecutionContext, attempt: Attempt) -> Result | Conflict:
        """Decide on what was seen, make the intent durable, write once, record how it ended."""
        request = ctx.request
        values = await self._c.log.values(ctx.gate.keys(request))
        # The next commit gives these back before it claims: they are judged as they will stand then.
        values |= {c.key: c.value for c in attempt.given_back if c.key in values}
        decision = await self.decide(ctx, attempt, values)
        if decision.verdict is VerdictKind.DENY:
            return await self.refuse(request, decision, attempt, manual(ctx, attempt))
        if decision.verdict is VerdictKind.NEEDS_APPROVAL or decision.permit is None:
            return await self._ask(request, decision, attempt)
        if ctx.confirmed not in (None, attempt.seen.view_digest):
            no = denied(ctx.gate, request, "drift", "it has changed since you were asked: look again")
            return await self.refuse(request, no, attempt)
        try:
            patches = ctx.spec.patches(ctx.args, attempt.workload)
        except (
            DefiniteConflict,
            ArgumentsInvalid,
        ) as e:  # the request's own precondition: looking again is no use
            return await self.failed(request, e, attempt.after, attempt)
        delivery = Delivery(self._c.reader, self._writer, ctx, attempt, patches)
        try:
            await self._rehearse(delivery, decision)
        except DefiniteConflict:
            return Conflict(attempt.closing, attempt.given_back, attempt.number - 1)
        except WriteError as e:  # before the intent, and a rehearsal has no effect
            return await self.failed(request, e, attempt.after, attempt)
        return await shield_until_done(self._write(delivery, decision, decision.permit, values))

    async def settle(self, conflict: Conflict | None) -> None:
        """Record a conflict that nothing else will be committed with: it must not be left in doubt."""
        if conflict is not None and conflict.closing:
            await self._c.log.commit(conflict.closing, conflict.given_back)

    async def decide(
        self, ctx: ExecutionContext, attempt: Attempt, values: dict[str, int] | None = None
    ) -> Decision:
        """The gate's answer on what was seen and on what the log holds."""
        if values is None:
            values = await self._c.log.values(ctx.gate.keys(ctx.request))
        approvals = await self._c.journal.approvals_of(ctx.request)
        return ctx.gate.decide(ctx.request, attempt.seen, approvals, self._situation(ctx, attempt, values))

    async def refuse(
        self, request: Request, decision: Decision, attempt: Attempt | None = None, by_hand: str = ""
    ) -> Refused:
        """Record a no and return it."""
        seen = attempt.seen if attempt else None
        record = self._c.journal.decision(request, decision, seen, None, by_hand)
        closing, back = (attempt.closing, attempt.given_back) if attempt else ((), ())
        entries = await self._c.log.commit((*closing, record), back)
        return refused(request, decision, entries[-1].seq, attempt, by_hand)

    async def failed(
        self, request: Request, e: ToolError, after: Conflict | None, attempt: Attempt | None = None
    ) -> Failed:
        """Record an end without a write, with what was seen where anything was; and the conflict `after` which
        it came."""
        record = self._c.journal.ended(request, outcome_of(e), attempt.seen if attempt else None)
        closing, back = (after.closing, after.given_back) if after else ((), ())
        entries = await self._c.log.commit((*closing, record), back)
        diff = attempt.diff if attempt else ""
        return Failed(request, entries[-1].seq, e.said, e.hint, e.code, e.http, diff)

    async def _write(
        self, delivery: Delivery, decision: Decision, permit: Permit, values: dict[str, int]
    ) -> Result | Conflict:
        ctx, attempt = delivery.ctx, delivery.attempt
        request, journal = ctx.request, self._c.journal
        decided = journal.decision(request, decision, attempt.seen, _tool(ctx.spec))
        intent = journal.intent(request, attempt.seen, decided, attempt.diff)
        undenied = Claim("equals", DENIED.of(request.id), 0)
        unmoved = Claim("equals", ctx.changed, values.get(ctx.changed, 0))
        claims = (*attempt.given_back, unmoved, *decision.claims, undenied, Claim("once", ctx.busy))

        def lost(claim: Any, _: int) -> Record:
            return lost_record(journal, request, attempt.seen, decision.policy_digest, claim)

        try:
            entries = await self._c.log.commit(
                (*attempt.closing, decided, intent), claims, spend=ctx.live, lost=lost
            )
        except ClaimLost as e:
            return await self._lost(ctx, attempt, decision, e)
        back = given_back(ctx, intent, decision, values)
        return await self._send(delivery, Sent(entries[-1], permit, decision, back))

    async def _lost(
        self, ctx: ExecutionContext, attempt: Attempt, decision: Decision, e: ClaimLost
    ) -> Refused:
        """The refusal is recorded; an earlier conflict of this request still has to be. Raises ClaimLost
        where another process has said already how that ended."""
        await self.settle(attempt.after)
        request = ctx.request
        no = lost_decision(request, decision.policy_digest, e.claim)
        return refused(request, no, e.seq or 0, attempt)

    async def _send(self, delivery: Delivery, sent: Sent) -> Result | Conflict:
        ctx, attempt, intent = delivery.ctx, delivery.attempt, sent.intent.record
        if ctx.live and not attempt.moves:
            # Sent all the same, a PATCH of `/scale` without change would take the field from its owner, and
            # where nobody owns it the apiserver marks no later write either (measured on 1.36).
            return await self._written(ctx, attempt, sent, Delivered(attempt.workload))
        try:
            delivered = await delivery.send(sent.permit, intent.id, PodBatch(self._c, ctx, intent))
        except DefiniteConflict as e:
            ended = self._c.journal.outcome(ctx.request, intent, outcome_of(e, "conflict"))
            return Conflict((ended,), sent.back, attempt.number)
        except MayHaveHappened as e:
            if ctx.live:
                return Unknown(ctx.request, sent.intent.seq, intent.id, attempt.diff, e.what)
            return await self._not_written(ctx, attempt, sent, e)
        except NeverHappened as e:
            return await self._not_written(ctx, attempt, sent, e)
        if delivered.partial and not ctx.live:
            no = NeverHappened(delivered.partial, where="dry run", hint="hint what it names", code="partial")
            return await self._not_written(ctx, attempt, sent, no)
        return await self._written(ctx, attempt, sent, delivered)

    async def _written(
        self, ctx: ExecutionContext, attempt: Attempt, sent: Sent, delivered: Delivered
    ) -> Result:
        request, intent, after = ctx.request, sent.intent, delivered.after
        view = ctx.spec.view(ctx.args, after)
        outcome = Outcome(
            status="applied" if ctx.live else "simulated", detail=delivered.partial[:4096] or None
        )
        record = self._c.journal.outcome(request, intent.record, outcome, view)
        free = (ends(intent.record), Claim("set", ctx.busy, 0)) if ctx.live else ()
        if (unknown := await self._close(ctx, attempt, intent, record, free)) is not None:
            return unknown
        if not ctx.live:
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
            unchanged=not attempt.moves
            or (after.resource_version == attempt.seen.resource_version and after.pods is None),
            partial=delivered.partial,
        )

    async def _not_written(self, ctx: ExecutionContext, attempt: Attempt, sent: Sent, e: ToolError) -> Result:
        record = self._c.journal.outcome(ctx.request, sent.intent.record, outcome_of(e))
        if (unknown := await self._close(ctx, attempt, sent.intent, record, sent.back)) is not None:
            return unknown
        return Failed(ctx.request, sent.intent.seq, e.said, e.hint, e.code, e.http, attempt.diff)

    async def _close(
        self,
        ctx: ExecutionContext,
        attempt: Attempt,
        intent: Entry,
        record: Record,
        claims: tuple[Claim, ...],
    ) -> Unknown | None:
        """Make the outcome durable. Where the log refuses, the intent stays open and the resolver will look.

        Raises ClaimLost where another process has said already how it ended.
        """
        try:
            await self._c.log.commit((record,), claims)
        except LogUnavailable as e:
            if not ctx.live:
                raise
            why = f"the outcome could not be recorded: {e.what}"
            return Unknown(ctx.request, intent.seq, intent.record.id, attempt.diff, why)
        return None

    async def _rehearse(self, delivery: Delivery, decision: Decision) -> None:
        """The obligation `dryRun`: the apiserver must accept all of it without effect first."""
        ctx = delivery.ctx
        if not ctx.live or decision.permit is None or all(o.kind != "dryRun" for o in decision.obligations):
            return
        try:
            intent = f"rehearsal-{ctx.request.id}"
            found = await delivery.send(decision.permit.rehearsal(), intent, PodBatch(self._c, ctx))
        except MayHaveHappened as e:
            what = f"the dry run before the write got no answer ({e.what}); nothing was written"
            hint = "try again when the cluster answers"
            raise NeverHappened(what, where=e.where, hint=hint, code="rehearsal", http=e.http) from e
        if found.partial:
            what = f"the dry run was refused half-way, so nothing was written: {found.partial}"
            raise NeverHappened(what, hint="hint what it names, then ask again", code="rehearsal")

    def _situation(self, ctx: ExecutionContext, attempt: Attempt, values: dict[str, int]) -> Situation:
        return Situation(
            now_ms=self._c.now_ms(),
            values=values,
            lease=(ctx.held.key, ctx.held.token),
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


def _tool(spec: ActionSpec[Any]) -> Tool:
    return Tool(name=spec.name, version=spec.version, schema_sha256=schema_digest(spec))
