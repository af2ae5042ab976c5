"""One attempt that the gate allows: its intent made durable, then one write, then how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from audit.claims import Claim as Claimed
from audit.errors import ClaimLost, LogUnavailable
from audit.log import Entry
from audit.record import Outcome, Record, Tool
from policies.claim_keys import APPROVAL, DENIED, ENVELOPE
from policies.decision import Decision
from policies.permit import Permit
from policies.types import Claim
from tools.cluster_types import Workload
from tools.errors import DefiniteConflict, MayHaveHappened, NeverHappened, ToolError
from tools.path.context import Context
from tools.path.delivery import Delivered, Delivery
from tools.path.endings import failed, outcome_of, refused
from tools.path.giving_back import uncounted
from tools.path.journal import ends
from tools.path.ledger import Ledger
from tools.path.outcome import Applied, Refused, Result, Simulated, Unknown
from tools.path.pod_batch import PodBatch
from tools.path.refusals import lost_decision, lost_record
from tools.path.standing import CHANGED
from tools.path.verification import Promise, due_claims
from tools.spec import ActionSpec, schema_digest


@dataclass(frozen=True, slots=True)
class Writing:
    """The decision, the integers that it used (`values`), and what will be delivered under it and
    owed after it (`promise`)."""

    context: Context
    ledger: Ledger
    delivery: Delivery
    decision: Decision
    permit: Permit
    values: Mapping[str, int]
    promise: Promise | None = None

    async def rehearse(self) -> None:
        """The obligation `dryRun`: the apiserver must accept all of it without effect first.

        Raises DefiniteConflict and NeverHappened; no intent is open then.
        """
        ctx = self.delivery.ctx
        if not ctx.live or all(o.kind != "dryRun" for o in self.decision.obligations):
            return
        try:
            intent = f"rehearsal-{ctx.request.id}"
            found = await self.delivery.send(self.permit.rehearsal(), intent, PodBatch(self.context, ctx))
        except MayHaveHappened as e:
            what = f"the dry run before the write got no answer ({e.what}); nothing was written"
            hint = "try again when the cluster answers"
            raise e.recast(NeverHappened, what=what, hint=hint, code="rehearsal") from e
        if found.partial:
            what = f"the dry run was refused half-way, so nothing was written: {found.partial}"
            hint = "fix the error shown, then ask again"
            raise NeverHappened(what, hint=hint, code="rehearsal", quotes=found.quotes)

    async def write(self) -> Result:
        """Intent, one try, outcome: two durable commits.

        Raises DefiniteConflict where the object changed (the ledger has it then), ClaimLost where another
        process has said already how an intent of ours ended, LogUnavailable before anything was sent.
        """
        ctx, seen, journal = self.delivery.ctx, self.delivery.attempt.seen, self.context.journal
        decided = journal.decision(ctx.request, self.decision, seen, _tool(ctx.spec))
        owed = self.promise.document if self.promise else None
        intent = journal.intent(ctx.request, seen, decided, self.delivery.attempt.diff, owed)
        try:
            entry = await self.ledger.commit(
                (decided, intent), self._claims(), spend=ctx.live, lost=self._lost_record
            )
        except ClaimLost as e:
            return await self._lost(e)
        return await self._send(entry)

    def _claims(self) -> tuple[Claim, ...]:
        """The gate's, and the path's own: nobody has declined it, changed the workload or begun to work on it."""
        ctx = self.delivery.ctx
        unmoved = Claim("equals", ctx.changed, self.values[ctx.changed])
        undenied = Claim("equals", DENIED.of(ctx.request.id), 0)
        return (unmoved, *self.decision.claims, undenied, Claim("once", ctx.busy))

    def _given_back(self, intent: Record) -> tuple[Claim, ...]:
        """What a write that never happened gives back: the workload, spent votes, the instant of its last
        change, budgets. Only what nobody else can have moved while the workload is ours."""
        ctx = self.delivery.ctx
        if not ctx.live:
            return ()
        votes = [Claim("set", c.key, 0) for c in self.decision.claims if APPROVAL.has(c.key)]
        leased = [Claim("set", key, self.values[key]) for key in _leased(self.decision)]
        changed = Claim("set", ctx.changed, self.values[ctx.changed])
        counted = uncounted(self.decision.claims, self.values)
        return (ends(intent), Claim("set", ctx.busy, 0), *votes, *leased, changed, *counted)

    def _lost_record(self, claim: Claimed, _: int) -> Record:
        request, seen = self.delivery.ctx.request, self.delivery.attempt.seen
        return lost_record(self.context.journal, request, seen, self.decision.policy_digest, claim)

    async def _lost(self, e: ClaimLost) -> Refused:
        """The refusal is recorded; an earlier conflict of this request still has to be."""
        await self.ledger.flush()
        request = self.delivery.ctx.request
        no = await self.context.explained(lost_decision(request, self.decision.policy_digest, e.claim))
        return refused(request, no, e.seq or 0, self.delivery.attempt)

    async def _send(self, intent: Entry) -> Result:
        ctx, attempt = self.delivery.ctx, self.delivery.attempt
        if ctx.live and not attempt.moves:
            # Sent all the same, a PATCH of `/scale` without change would take the field from its owner, and
            # where nobody owns it the apiserver marks no later write either (measured on 1.36).
            return await self._written(intent, Delivered(attempt.workload))
        try:
            batch = PodBatch(self.context, ctx, intent.record)
            delivered = await self.delivery.send(self.permit, intent.record.id, batch)
        except DefiniteConflict as e:
            ended = self.context.journal.outcome(ctx.request, intent.record, outcome_of(e, "conflict"))
            self.ledger.conflict(ended, self._given_back(intent.record))
            raise
        except MayHaveHappened as e:
            if ctx.live:
                return Unknown(ctx.request, intent.seq, intent.record.id, attempt.diff, e.what, e.quotes)
            return await self._not_written(intent, e)
        except NeverHappened as e:
            return await self._not_written(intent, e)
        if delivered.partial and not ctx.live:
            no = NeverHappened(
                delivered.partial,
                where="dry run",
                hint="fix the error shown",
                code="partial",
                quotes=delivered.quotes,
            )
            return await self._not_written(intent, no)
        return await self._written(intent, delivered)

    async def _written(self, intent: Entry, delivered: Delivered) -> Result:
        ctx, attempt, after = self.delivery.ctx, self.delivery.attempt, delivered.after
        request, view = ctx.request, ctx.spec.view(ctx.args, after)
        outcome = Outcome(status=self._status(delivered), detail=delivered.partial[:4096] or None)
        record = self.context.journal.outcome(request, intent.record, outcome, view)
        due = due_claims(intent.record, self.context.now_ms()) if outcome.status in CHANGED else ()
        free = (ends(intent.record), Claim("set", ctx.busy, 0), *due) if ctx.live else ()
        if outcome.status == "unchanged":  # no change, so nothing is counted and no cooldown begins
            changed = Claim("set", ctx.changed, self.values[ctx.changed])
            free = (*free, changed, *uncounted(self.decision.claims, self.values))
        if (unknown := await self._close(intent, record, free)) is not None:
            return unknown
        if not ctx.live:
            return Simulated(request, intent.seq, attempt.diff, self.decision, seen=attempt.seen)
        return Applied(
            request=request,
            record=intent.seq,
            intent=intent.record.id,
            diff=attempt.diff,
            before=dict(attempt.seen.view),
            after=view,
            ready=after.ready,
            replicas=after.replicas,
            decision=self.decision,
            unchanged=outcome.status == "unchanged",
            partial=delivered.partial,
            due_ms=due[0].value if due else 0,
            quotes=delivered.quotes,
        )

    def _status(self, delivered: Delivered) -> Literal["applied", "in_part", "unchanged", "simulated"]:
        """What the write did; the apiserver keeps the resourceVersion where a patch changes nothing."""
        attempt, after = self.delivery.attempt, delivered.after
        if not self.delivery.ctx.live:
            return "simulated"
        if delivered.partial:
            return "in_part"
        same = _version(after) == _version(attempt.workload) and after.pods is None
        return "unchanged" if same or not attempt.moves else "applied"

    async def _not_written(self, intent: Entry, e: ToolError) -> Result:
        request = self.delivery.ctx.request
        record = self.context.journal.outcome(request, intent.record, outcome_of(e))
        if (unknown := await self._close(intent, record, self._given_back(intent.record))) is not None:
            return unknown
        return failed(request, intent.seq, e, self.delivery.attempt)

    async def _close(self, intent: Entry, record: Record, claims: tuple[Claim, ...]) -> Unknown | None:
        """Make the outcome durable. Where the log refuses, the intent stays open and the resolver will look.

        Raises ClaimLost where another process has said already how it ended.
        """
        ctx = self.delivery.ctx
        try:
            await self.ledger.commit((record,), claims)
        except LogUnavailable as e:
            if not ctx.live:
                raise
            why = f"the outcome could not be recorded: {e.what}"
            return Unknown(ctx.request, intent.seq, intent.record.id, self.delivery.attempt.diff, why)
        return None


def _leased(decision: Decision) -> set[str]:
    """The integers that say which envelope is in force, as far as the change moves them."""
    return {claim.key for claim in decision.claims if claim.kind == "set" and ENVELOPE.has(claim.key)}


def _version(workload: Workload) -> str:
    """Of the object that the write goes to: the workload, or its HPA."""
    return (workload.autoscaler or workload).resource_version


def _tool(spec: ActionSpec[Any]) -> Tool:
    return Tool(name=spec.name, version=spec.version, schema_sha256=schema_digest(spec))
