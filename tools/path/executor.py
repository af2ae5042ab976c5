"""THE path: every action of everybody goes through `Executor.execute`, and nothing else writes to a cluster.

request → strict parse → identity, kill switch, names → lease → what the log knows of it → our own read →
gate → {decision, intent} with their claims in one durable commit → one write → outcome.
"""

import asyncio
from contextlib import suppress

from audit.errors import AuditError, ClaimLost, LogUnavailable
from base.interrupts import shield_until_done
from policies.types import Claim, Decision, Observation, Request
from tools.errors import ArgumentsInvalid, NeverHappened, NotFound, ToolError, UnknownTool
from tools.path.attempts import AttemptRunner
from tools.path.context import Context, denied
from tools.path.execution import Attempt, Conflict, ExecutionContext
from tools.path.journal import Final, InDoubt, New, RequestReused
from tools.path.observe import observe
from tools.path.outcome import Result
from tools.path.refusals import lost_decision
from tools.path.replay import replayed, settled
from tools.path.requests import parsed
from tools.path.resolver import Resolver
from tools.path.rollback import restores
from tools.ports import ClusterWriter, Held

TRIES = 3
"""How often a definite conflict (409) is decided again on a fresh read."""
PAUSE_S = 0.05
"""Pause after the first conflict; the second is twice as long."""


class Executor:
    """Holds the writer. One instance serves many concurrent requests."""

    def __init__(self, context: Context, writer: ClusterWriter) -> None:
        self._c = context
        self._runner = AttemptRunner(context, writer)
        self.resolver = Resolver(context, writer)

    async def execute(self, request: Request, *, confirmed: str | None = None) -> Result:
        """Carry out one request, or say why not. Safe to repeat: a final outcome is returned, never redone.

        `confirmed` is the digest of the view that a person said yes to: on another view nothing is written.
        Raises RequestReused, ClusterUnavailable, ClusterMismatch, LeaseBusy and LogUnavailable, all before
        anything was sent to the cluster.
        """
        try:
            return await self._execute(request, confirmed)
        except LogUnavailable as e:
            if not (manual := await self._by_hand(request)):
                raise
            raise LogUnavailable(e.what, where=e.where, hint=f"{e.hint}\nby hand: {manual}") from e

    async def _execute(self, request: Request, confirmed: str | None) -> Result:
        c, gate = self._c, await self._c.gate()
        try:
            spec, args = parsed(request)
        except (ArgumentsInvalid, UnknownTool) as e:
            no = denied(gate, request, "arguments", f"{e.where}: {e.what}")
            return await self._runner.refuse(request, no)
        if (ended := await self._ended(request)) is not None:
            return ended
        if (no_by_name := await c.screened(gate, request)) is not None:
            by_hand = await self._by_hand(request) if no_by_name.stage == "kill_switch" else ""
            return await self._runner.refuse(request, no_by_name, by_hand=by_hand)
        cluster = await c.pinned()
        try:
            root = await c.reader.root_owner(request.target)
        except (NotFound, NeverHappened):  # the look under the lease says why; the log may know how it ended
            root = request.target
        async with c.leases.hold(root.key) as held:
            return await self._under_lease(
                ExecutionContext(request, spec, args, cluster, gate, held, confirmed)
            )

    async def _ended(self, request: Request) -> Result | None:
        """How it ended, for its own people: a kill switch thrown since does not make it undone."""
        if self._c.identity.refuses(request.principal) is not None:
            return None
        try:
            state = await self._c.journal.state_of(request)
        except RequestReused:  # said where the request would be carried out; names are judged first
            return None
        return replayed(request, state) if isinstance(state, Final) else None

    async def preview(self, request: Request) -> tuple[Decision, str]:
        """What the gate says now and what would change, recorded as a read; nothing is claimed or written."""
        c, gate = self._c, await self._c.gate()
        spec, args = parsed(request)
        if (no := await c.screened(gate, request)) is not None:
            return no, ""
        ctx = ExecutionContext(request, spec, args, await c.pinned(), gate, Held("", 0))
        attempt = await self._look(ctx, 1, None)
        await c.log.commit((c.journal.looked(request, attempt.seen),))
        return await self._runner.decide(ctx, attempt), attempt.diff

    async def judge(self, request: Request, seen: Observation) -> Decision:
        """What the gate says now of what a dry run has seen, asked as the live request (autonomy tells them
        apart). Nothing is read, recorded, claimed or written. Not for undos: their rights hang on the object."""
        c, gate = self._c, await self._c.gate()
        spec, args = parsed(request)
        if (no := await c.screened(gate, request)) is not None:
            return no
        ctx = ExecutionContext(request, spec, args, c.cluster, gate, Held("", 0))
        return await self._runner.judge(ctx, seen)

    async def _under_lease(self, ctx: ExecutionContext) -> Result:
        match await self._c.journal.state_of(ctx.request):
            case Final() as final:
                return replayed(ctx.request, final)
            case InDoubt(intent):
                return await self.resolver.resolve(intent, ctx.held)
            case New(done):
                if ctx.live:  # the resolver fences, and a dry run has no effect
                    await self.resolver.clear(ctx.request.target, ctx.held)
                if (await self._c.log.values((ctx.busy,)))[ctx.busy]:  # said before any cooldown is
                    digest = ctx.gate.snapshot.digest
                    return await self._runner.refuse(
                        ctx.request,
                        lost_decision(ctx.request, digest, Claim("once", ctx.busy)),
                    )
                try:
                    return await self._try(ctx, done)
                except ClaimLost:  # we slept past our lease, and another process found out how it ended
                    return await settled(self._c.journal, ctx.request)

    async def _try(self, ctx: ExecutionContext, done: int) -> Result:
        conflict: Conflict | None = None
        for tried in range(TRIES):
            number = (conflict.attempts if conflict else done) + 1
            try:
                if tried:  # let the other writer finish: a rollout's status writes come in bursts
                    await self._c.clock.sleep(PAUSE_S * tried)
                result = await self._once(ctx, number, conflict)
            except asyncio.CancelledError:
                with suppress(AuditError):  # the commit that was cut short may have stored it already
                    await shield_until_done(self._runner.settle(conflict), interrupted="answers")
                raise
            if not isinstance(result, Conflict):
                return result
            conflict = result
        error = NeverHappened(
            "somebody else keeps changing it", code="conflict", http=409, hint="try again later"
        )
        return await self._runner.failed(ctx.request, error, conflict)

    async def _once(self, ctx: ExecutionContext, number: int, conflict: Conflict | None) -> Result | Conflict:
        try:
            attempt = await self._look(ctx, number, conflict)
        except (NotFound, NeverHappened, ArgumentsInvalid) as e:
            return await self._runner.failed(ctx.request, e, conflict)
        except ToolError:
            await self._runner.settle(conflict)
            raise
        return await self._runner.run(ctx, attempt)

    async def _look(self, ctx: ExecutionContext, number: int, conflict: Conflict | None) -> Attempt:
        c, request, now = self._c, ctx.request, self._c.now_ms()
        seen, workload = await observe(
            c.reader,
            ctx.cluster,
            ctx.spec,
            ctx.args,
            request.target,
            ctx.gate.snapshot.label_keys,
            now,
        )
        rollback = await restores(c.journal, request, ctx.spec, seen, workload, now)
        return Attempt(number, seen, workload, ctx.spec.describe(ctx.args, workload), rollback, conflict)

    async def _by_hand(self, request: Request) -> str:
        """The kubectl command for a rollback that Flyball cannot do now; empty for anything else."""
        if request.undoes is None:
            return ""
        try:
            spec, args = parsed(request)
            return spec.kubectl(args, await self._c.reader.read(request.target))
        except ToolError:
            return ""
