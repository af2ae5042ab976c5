"""THE path: every action goes through `Executor.execute`, and nothing else writes to a cluster.

request → strict parse → identity, kill switch, names → lease → what the log knows of it → our own read →
gate → {decision, intent} with their claims in one durable commit → one write → outcome.
"""

from dataclasses import replace
from typing import assert_never

from audit.errors import ClaimLost, LogUnavailable
from policies.decision import Decision
from policies.types import Claim, Observation, Request
from tools.cluster_types import Workload
from tools.errors import ArgumentsInvalid, NeverHappened, NotFound, UnknownTool
from tools.path.attempts import AttemptRunner
from tools.path.context import Context, denied
from tools.path.endings import by_hand
from tools.path.execution import ExecutionContext
from tools.path.observe import take, with_what_it_takes
from tools.path.outcome import Result
from tools.path.refusals import lost_decision
from tools.path.replay import replayed, taken_over
from tools.path.requests import parsed
from tools.path.resolver import Resolver
from tools.path.standing import Final, InDoubt, New, RequestReused
from tools.ports import ClusterWriter, Held


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
            if not (manual := await by_hand(self._c.reader, request)):
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
            manual = await by_hand(self._c.reader, request) if no_by_name.stage == "kill_switch" else ""
            return await self._runner.refuse(request, no_by_name, by_hand=manual)
        cluster = await c.pinned()
        try:
            root = await c.reader.root_owner(request.target)
        except (NotFound, NeverHappened):  # the look under the lease says why; the log may know how it ended
            root = request.target
        async with c.leases.hold(root.key) as held:
            # The wait may have been long: what the files say now counts, and the names are judged by it again.
            waited, gate = gate.snapshot.digest, await c.gate()
            if gate.snapshot.digest != waited and (later := await c.screened(gate, request)):
                return await self._runner.refuse(request, later)
            await c.announce(gate, request)
            ctx = ExecutionContext(request, spec, args, cluster, gate, held, confirmed)
            try:
                return await self._under_lease(ctx)
            except RequestReused as e:  # told by the log too, under the digest of what was asked now
                await self._runner.refuse(request, denied(gate, request, "request", e.what))
                raise

    async def _ended(self, request: Request) -> Result | None:
        """How it ended, for its own people: a kill switch that was turned on since does not undo it."""
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
        attempt = await self._runner.look(ctx, 1)
        await c.log.commit((c.journal.previewed(request, attempt.seen),))
        votes = await c.journal.votes_of(request)
        values = c.as_announced(gate, await c.values(ctx.keys(c.now_ms())))
        return await self._runner.decide(ctx, attempt, votes, values), attempt.diff

    async def judge(self, request: Request, seen: Observation) -> Decision:
        """What the gate says now of what a dry run has seen, asked as the live request (autonomy tells them
        apart). Nothing is read, recorded, claimed or written. Not for undos: their rights hang on the object."""
        c, gate = self._c, await self._c.gate()
        spec, args = parsed(request)
        if (no := await c.screened(gate, request)) is not None:
            return no
        ctx = ExecutionContext(request, spec, args, c.cluster, gate, Held("", 0))
        return replace(await self._runner.judge(ctx, seen), permit=None)  # nothing is sent under it

    async def foresee(self, request: Request, workload: Workload) -> Decision:
        """As `judge`, of a workload that was read for another purpose; what else the action's view is made of is
        read. For proposals only: what is carried out is decided on a read of the path's own. Raises what
        ClusterReader raises, and ArgumentsInvalid."""
        gate, now = await self._c.gate(), self._c.now_ms()
        spec, args = parsed(request)
        if (no := await self._c.screened(gate, request)) is not None:
            return no  # by names: there is nothing to read for it
        read = await with_what_it_takes(spec, args, replace(workload, seen_ms=now), self._c.reader)
        seen = take(spec, args, read, self._c.cluster, gate.snapshot.label_keys, now)
        seen = await self._c.surroundings.seen(
            self._c.reader, self._c.metrics, gate.looks(request), seen, read
        )
        return await self.judge(request, seen)

    async def _under_lease(self, ctx: ExecutionContext) -> Result:
        """What the log knows of the request is asked once, here: nobody else works on the workload now."""
        standing = await self._c.journal.standing(ctx.request)
        match standing.state:
            case Final() as final:
                return replayed(ctx.request, final)
            case InDoubt(intent):
                return await self.resolver.resolve(intent, ctx.held)
            case New():
                values = await self._cleared(ctx)
                if values[ctx.busy]:  # said before any cooldown is
                    busy = Claim("once", ctx.busy)
                    no = lost_decision(ctx.request, ctx.gate.snapshot.digest, busy)
                    return await self._runner.refuse(ctx.request, no)
                try:
                    return await self._runner.run(ctx, standing, values)
                except ClaimLost:  # we slept past our lease, and another process found out how it ended
                    return await taken_over(self._c.journal, ctx.request)
            case never:
                assert_never(never)

    async def _cleared(self, ctx: ExecutionContext) -> dict[str, int]:
        """The log's integers, which its records bear out; where an intent stands open on the workload, after it was
        looked into."""
        c, now = self._c, self._c.now_ms()
        await c.journal.checks.before_write(
            ctx.request.target.key,
            ctx.gate.counting(ctx.request, now),
            under=ctx.request.under is not None,
            simulated=c.clock.world_ms() is not None,
        )
        values = await c.values(ctx.keys(now))
        if values[ctx.busy] and ctx.live:  # the resolver fences, and a dry run has no effect
            await self.resolver.clear(ctx.request.target, ctx.held)
            values = await self._c.values(ctx.keys(self._c.now_ms()))
        return values
