"""The loop over a request's attempts: look, decide, make the intent durable, write once; after a conflict, again."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from audit.errors import AuditError
from base.interrupts import interrupted, shield_until_done
from policies.decision import Decision, VerdictKind
from policies.permit import Permit
from policies.types import Approval, Observation, Request, Situation
from tools.errors import ArgumentsInvalid, DefiniteConflict, NeverHappened, NotFound, ToolError, WriteError
from tools.path.context import Context, denied
from tools.path.delivery import Delivery
from tools.path.endings import failed, manual, outcome_of, refused
from tools.path.execution import Attempt, ExecutionContext
from tools.path.leased import leased_to
from tools.path.ledger import Ledger
from tools.path.observe import observe
from tools.path.outcome import Failed, Pending, Refused, Result
from tools.path.rollback import restores
from tools.path.standing import Standing
from tools.path.verification import promised
from tools.path.writing import Writing
from tools.ports import ClusterWriter

TRIES = 3
"""How many attempts a request has in all: after a definite conflict (409) it is decided again on a fresh read."""
PAUSE_S = 0.05
"""Pause after the first conflict; the second is twice as long."""
DAY_S = 86_400


class AttemptRunner:
    """Runs attempts; the only holder of the writer beside the resolver."""

    def __init__(self, context: Context, writer: ClusterWriter) -> None:
        self._c, self._writer = context, writer

    async def run(self, ctx: ExecutionContext, standing: Standing, values: Mapping[str, int]) -> Result:
        """Carry the request out, or say why not. `standing` and `values` are what the log said under the lease.

        A conflict that no other commit has recorded is recorded before this ends, whatever ended it. Raises
        ClaimLost where another process has said already how an intent of ours ended, ClusterUnavailable and
        LogUnavailable.
        """
        ledger = Ledger(self._c.log)
        try:
            return await self._attempts(ctx, standing, values, ledger)
        except asyncio.CancelledError:
            with suppress(AuditError):  # the commit that was cut short may have stored it already
                await shield_until_done(ledger.flush(), interrupted="answers")
            raise
        except Exception:  # the cluster or the log went away between two tries, or a mistake of our own
            with suppress(AuditError):
                await ledger.flush()
            raise

    async def _attempts(
        self, ctx: ExecutionContext, standing: Standing, values: Mapping[str, int], ledger: Ledger
    ) -> Result:
        for tried in range(TRIES):
            if tried:  # let the other writer finish: a rollout's status writes come in bursts
                await self._c.clock.sleep(PAUSE_S * tried)
                values = await self._c.values(ctx.keys(self._c.now_ms()))
            values = ledger.restored(values)
            try:
                attempt = await self.look(ctx, standing.attempts + ledger.tries + 1)
            except (NotFound, NeverHappened, ArgumentsInvalid) as e:
                return await self._failed(ctx, e, ledger)
            decision = await self.decide(ctx, attempt, standing.votes, values)
            if decision.verdict is VerdictKind.DENY:
                no = await self._c.explained(decision)
                return await self.refuse(ctx.request, no, attempt, ledger, manual(ctx, attempt))
            if decision.verdict is VerdictKind.NEEDS_APPROVAL or decision.permit is None:
                return await self._ask(ctx.request, decision, attempt, standing, ledger)
            if ctx.confirmed not in (None, attempt.seen.view_digest):
                no = denied(
                    ctx.gate, ctx.request, "drift", "it has changed since you were asked: read it again"
                )
                return await self.refuse(ctx.request, no, attempt, ledger)
            result = await self._written(ctx, attempt, decision, decision.permit, values, ledger)
            if result is not None:  # None: a definite conflict; the ledger has it, if an intent was open
                return result
            if interrupted():
                raise asyncio.CancelledError
        error = NeverHappened(
            "another writer keeps changing it",
            code="conflict",
            http=409,
            hint="try again later",
            quotes=False,
        )
        return await self._failed(ctx, error, ledger)

    async def _written(
        self,
        ctx: ExecutionContext,
        attempt: Attempt,
        decision: Decision,
        permit: Permit,
        values: Mapping[str, int],
        ledger: Ledger,
    ) -> Result | None:
        """Rehearse where policy asks for it, then intent, write and outcome; None after a definite conflict."""
        try:
            if ctx.live:
                ctx.spec.ready(ctx.args, attempt.workload)
            patches = ctx.spec.patches(ctx.args, attempt.workload)
        except (DefiniteConflict, ArgumentsInvalid) as e:  # its own precondition: looking again does not help
            return await self._failed(ctx, e, ledger, attempt)
        delivery = Delivery(self._c.reader, self._writer, ctx, attempt, patches, self._c.stop_files)
        try:
            promise = await promised(self._c, ctx, decision) if attempt.moves else None
            writing = Writing(self._c, ledger, delivery, decision, permit, values, promise)
            await writing.rehearse()
        except DefiniteConflict:
            return None
        except (NotFound, WriteError) as e:  # before the intent, and a rehearsal has no effect
            return await self._failed(ctx, e, ledger, attempt)
        now = await self._c.gate()
        if now.snapshot.digest != ctx.gate.snapshot.digest:
            no = denied(now, ctx.request, "policy", "the policy has changed since the decision: ask again")
            return await self.refuse(ctx.request, no, attempt, ledger)
        with suppress(DefiniteConflict):
            # From the durable intent to its outcome nothing is cut short: a write ends within 10 s.
            return await shield_until_done(writing.write(), interrupted="answers")
        return None

    async def look(self, ctx: ExecutionContext, number: int) -> Attempt:
        """Our own read of what the action touches. Raises what `observe` and `restores` raise."""
        c, request, now = self._c, ctx.request, self._c.now_ms()
        labels = ctx.gate.snapshot.label_keys
        seen, workload = await observe(c.reader, ctx.cluster, ctx.spec, ctx.args, request.target, labels, now)
        seen = await c.surroundings.seen(c.reader, c.metrics, ctx.gate.looks(request), seen, workload)
        rollback = await restores(c.journal, request, ctx.spec, seen, workload, now)
        leased = await leased_to(c.journal, request, seen, workload)
        return Attempt(number, seen, workload, ctx.spec.describe(ctx.args, workload), rollback, *leased)

    async def decide(
        self,
        ctx: ExecutionContext,
        attempt: Attempt,
        votes: tuple[Approval, ...],
        values: Mapping[str, int],
    ) -> Decision:
        """The gate's answer on what was seen and on what the log holds."""
        usual = self._situation(ctx, values, attempt.number)
        found = replace(
            usual, rollback=attempt.rollback, leased=attempt.leased, not_leased=attempt.not_leased
        )
        return ctx.gate.decide(ctx.request, attempt.seen, votes, found)

    async def judge(self, ctx: ExecutionContext, seen: Observation) -> Decision:
        """The gate's answer on what was seen before: a first attempt, no rollback and no move inside an envelope."""
        votes = await self._c.journal.votes_of(ctx.request)
        values = self._c.as_announced(ctx.gate, await self._c.values(ctx.keys(self._c.now_ms())))
        return ctx.gate.decide(ctx.request, seen, votes, self._situation(ctx, values, 1))

    def _situation(self, ctx: ExecutionContext, values: Mapping[str, int], number: int) -> Situation:
        return Situation(
            now_ms=self._c.now_ms(),
            values=values,
            lease=(ctx.held.key, ctx.held.token),
            nonce=self._c.nonce(),
            attempt=number,
        )

    async def refuse(
        self,
        request: Request,
        decision: Decision,
        attempt: Attempt | None = None,
        ledger: Ledger | None = None,
        by_hand: str = "",
    ) -> Refused:
        """Record a no and return it. `by_hand` is the way past it for a person."""
        seen = attempt.seen if attempt else None
        record = self._c.journal.decision(request, decision, seen, None, by_hand)
        entry = await (ledger or Ledger(self._c.log)).commit((record,))
        return refused(request, decision, entry.seq, attempt, by_hand)

    async def _failed(
        self, ctx: ExecutionContext, e: ToolError, ledger: Ledger, attempt: Attempt | None = None
    ) -> Failed:
        """Record an end without a write, with what was seen where anything was."""
        record = self._c.journal.ended(ctx.request, outcome_of(e), attempt.seen if attempt else None)
        entry = await ledger.commit((record,))
        return failed(ctx.request, entry.seq, e, attempt)

    async def _ask(
        self, request: Request, decision: Decision, attempt: Attempt, standing: Standing, ledger: Ledger
    ) -> Pending:
        """Put the question to people, once: the same one that still stands open is not put again."""
        journal, seen, now = self._c.journal, attempt.seen, self._c.now_ms()
        if (asked := standing.asked(seen, now)) is not None:
            await ledger.flush()
            expires = (asked.record.approval or {})["expires_ms"]
        else:
            expires = now + 1000 * min((n.expires_s for n in decision.approvals), default=DAY_S)
            decided = journal.decision(request, decision, seen, None)
            question = journal.asked(request, decision, seen, attempt.diff, expires, decided)
            asked = await ledger.commit((decided, question))
        return Pending(request, asked.seq, request.digest[:8], attempt.diff, expires, decision)
