"""Plans: many requests under one digest, looked at together, carried out one after another through the one path.

A plan has no rights of its own. Each step is a request that the executor judges again at its turn, bound by
its `basis` to the view that it was planned on. Its id follows from the plan and its own content, so that a
plan that is applied twice, by two processes, or again after a crash, does each step once.

| how a step ends | goes on |
|---|---|
| applied, excluded, waiting for votes | yes |
| refused (policy, drift, a no) | yes, unless `stop_on` is `refusal` |
| failed (the cluster said no, its workload is busy) | no, unless `stop_on` is `doubt` |
| in doubt; cluster or log away | never |
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from audit.errors import LogUnavailable
from audit.log import Entry
from base.interrupts import interrupted
from policies.claim_keys import DENIED
from policies.types import Claim, Principal, Request
from tools.cluster.names import is_handle
from tools.errors import ArgumentsInvalid, ClusterMismatch
from tools.path.context import Context
from tools.path.outcome import Result
from tools.path.taint import marked as tainted
from tools.plans.apply import StepRunner, Walk
from tools.plans.needs import Need
from tools.plans.plan import (
    LIFE_MS,
    MAX_STEPS,
    Carried,
    NoSuchPlan,
    Plan,
    PlanRefused,
    PlanStep,
    StepDone,
    StopOn,
    WaitingPlan,
    excluded,
    leaving_out,
    marked,
)
from tools.plans.preview import Preview, PreviewRunner
from tools.plans.recent import not_older
from tools.plans.records import Recorded, drafted, restored, run_finished, run_started

Told = Callable[[StepDone], None]


class Plans:
    """Proposes plans, finds them again, applies them. Approvals holds it; no tool of a model can reach it."""

    def __init__(self, context: Context, path: Preview) -> None:
        self._c, self._previews = context, PreviewRunner(context, path)
        self._steps = StepRunner(context, path)

    async def propose(
        self,
        requests: Sequence[Request],
        who: Principal,
        reason: str = "",
        *,
        id: str | None = None,
        run_id: str | None = None,
        rehearsed: Mapping[str, Result] | None = None,
        pairs: Mapping[str, str] | None = None,
    ) -> Plan:
        """Look at each request as it stands now (nothing is written) and record the plan, whole.

        `rehearsed` is what came just now of the dry run of a request, by that request's id: what was seen there
        is not looked at once more. `pairs` are the requests that stand on an earlier one, by their ids: that one is
        done first, and put back where the other is refused or fails then. Proposed again under the same `id`, the
        newest proposal is the plan.

        Raises ArgumentsInvalid for no request, too many, or of another person; ClusterUnavailable,
        ClusterMismatch, LogUnavailable.
        """
        _plannable(requests, who)
        cluster, plan_id = await self._c.pinned(), id or self._c.nonce()
        run = run_id or f"r-{plan_id[:12]}"
        asked = [await tainted(self._c, request) for request in requests]
        steps = await self._previews.steps(plan_id, run, asked, rehearsed or {}, pairs or {})
        at_ms = self._c.now_ms()
        plan = Plan(
            id=plan_id,
            principal=who,
            reason=reason,
            run_id=run,
            cluster=cluster.name,
            cluster_uid=cluster.uid,
            at_ms=at_ms,
            expires_ms=at_ms + LIFE_MS,
            steps=steps,
        )
        await self._record(plan)
        return plan

    async def one(self, handle: str) -> Plan:
        """The plan with this handle, if it can still be applied. Raises what `recorded` raises."""
        return (await self.recorded(handle)).plan

    async def recorded(self, handle: str) -> Recorded:
        """The plan of this handle (at least 8 hex digits of its digest) and its records.

        Raises NoSuchPlan where there is none or more than one, or it has expired, was declined or planned
        again; ClusterMismatch where it was made on another cluster; LogTampered where its records are not
        those of its digest.
        """
        found = await self.named(handle)
        if len(found) != 1:
            what = "names no plan" if not found else f"names {len(found)} plans"
            raise NoSuchPlan(f"`{handle[:80]}` {what}", hint="give more of its digits, or plan again")
        recorded = await self._read(found[0])
        await self._stands(recorded.plan)
        return recorded

    async def named(self, handle: str) -> list[Entry]:
        """Every recorded plan whose digest begins so, however it ended."""
        if not is_handle(handle):
            hint = "at least 8 hex digits, as they were printed"
            raise NoSuchPlan(f"`{handle[:80]}` is not a handle", hint=hint)
        return await self._c.log.find(kinds=("plan.proposed",), request_digest_prefix=handle)

    async def waiting(self) -> list[WaitingPlan]:
        """The plans of this cluster that wait for votes now, oldest first."""
        found: list[WaitingPlan] = []
        for entry in await not_older(self._c, "plan.proposed"):
            args = entry.record.args or {}
            old = args.get("expires_ms", 0) <= self._c.now_ms()
            if old or not args.get("need_approval") or args.get("cluster_uid") != self._c.cluster.uid:
                continue
            plan = (await self._read(entry)).plan
            if plan.votes_until_ms <= self._c.now_ms() or await self._ended(plan) is not None:
                continue
            if unvoted := await self._steps.unvoted(plan):
                found.append(WaitingPlan(plan, unvoted))
        return found

    async def needs(self, step: PlanStep) -> Sequence[Need]:
        """Whose votes the step takes by the policy of now (needs_now). Raises LogUnavailable."""
        return await self._steps.needs(step)

    async def carry_out(
        self,
        handle: str,
        by: Principal,
        *,
        exclude: Sequence[str] = (),
        stop_on: StopOn = "failure",
        told: Told = lambda _: None,
    ) -> Carried:
        """Carry out the steps in their order; what is finished already is returned as it ended, never redone.

        `exclude` are targets (`deploy/web`) that are left out this time; `told` is called with each step as it ends.
        Raises what `recorded` raises, PlanRefused, ArgumentsInvalid for a target that the plan does not have.
        """
        recorded = await self.recorded(handle)
        plan = recorded.plan
        self.may_apply(plan, by)
        left_out = excluded(plan, exclude)
        await self._begin(recorded, by, left_out)
        walk = Walk(plan, left_out, stop_on, unattended=by.agent is not None)
        for step in plan.steps:
            done = await self._steps.settled(walk, await self._tried(walk, step))
            walk.add(done)
            told(done)
            if interrupted():  # this step's write ran to its end; the next does not begin
                break
        carried = Carried(plan, tuple(walk.done))
        await self._finish(recorded, by, carried)
        if interrupted():
            raise asyncio.CancelledError
        return carried

    async def keeps_out(self, plan: Plan, left_out: frozenset[int]) -> None:
        """What the newest application of the plan left out stays out of a yes to all of it: a vote says so, too,
        or the plan is applied with it. Raises PlanRefused."""
        found = await self._c.log.find(kinds=("run.started",), run_id=plan.run_id, newest_first=True)
        begun = (entry.record.args or {} for entry in found)
        newest = next((args for args in begun if args.get("plan") == plan.digest), {})
        kept = set(newest.get("excluded", ()))
        held = [s for s in plan.steps if s.request.target.path in kept and s.number not in left_out]
        if held:
            names = list(dict.fromkeys(str(step.request.target) for step in held))
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            out = [s for s in plan.steps if s.number in left_out or s in held]
            hint = f"without it: flyball approve {plan.handle}{leaving_out(out)}"
            raise PlanRefused(
                f"the last application of that plan left out {shown}",
                where=plan.handle,
                hint=f"{hint}\nwith it: flyball tune apply {plan.handle}, then approve it",
            )

    def may_apply(self, plan: Plan, by: Principal) -> None:
        """A person does, where this process speaks for the plan's own principal; or the agent that made it in a run
        by its schedule, nobody else's and no other run's. Where there is anything to apply. Raises PlanRefused."""
        if by.on_behalf_of is None or (by.agent is not None and not _own(plan, by)):
            raise PlanRefused("only a person applies a plan", where=plan.handle)
        for who in (by, plan.principal):
            if (why := self._c.identity.refuses(who)) is not None:
                hint = f"its own person: flyball tune apply {plan.handle}"
                raise PlanRefused(why, where=plan.handle, hint=hint)
        if plan.hopeless:
            hint = "\n".join(f"{step.request.target}: {step.detail}" for step in plan.steps[:5])
            raise PlanRefused("each of its steps was refused", where=plan.handle, hint=hint)

    async def _record(self, plan: Plan) -> None:
        """Plan and steps in one commit; from then on it is the newest under its id."""
        await self._c.log.commit(drafted(self._c.journal, plan), (Claim("set", *marked(plan)),))

    async def _begin(self, recorded: Recorded, by: Principal, left_out: frozenset[int]) -> None:
        """`run.started` of an application: who, which plan, what is left out."""
        plan = recorded.plan
        named = sorted({s.request.target.path for s in plan.steps if s.number in left_out})
        await self._c.log.commit((run_started(self._c.journal, recorded, by, named),))

    async def _finish(self, recorded: Recorded, by: Principal, carried: Carried) -> None:
        """`run.finished` with the counts. Where the log is away that is among them, and goes unrecorded."""
        with suppress(LogUnavailable):
            await self._c.log.commit((run_finished(self._c.journal, recorded, by, carried),))

    async def _tried(self, walk: Walk, step: PlanStep) -> StepDone:
        if (skipped := walk.skips(step)) is not None:
            return skipped
        try:
            ended = None if walk.stopped else await self._over(walk, step)
            if ended is not None and not await self._steps.begun(step):
                return StepDone(step, "refused", ended)
            return await self._steps.carry_out(walk, step)
        except LogUnavailable as e:
            return walk.cut_off(step) if walk.stopped else StepDone(step, "unavailable", e.what)

    async def _over(self, walk: Walk, step: PlanStep) -> str | None:
        """Why it may not begin. Where nobody is there who has read the plan, it holds under one policy only."""
        if walk.unattended and (await self._c.gate()).snapshot.digest != step.policy:
            return "the policy has changed since it was planned: the next run plans again"
        return await self._ended(walk.plan)

    async def _stands(self, plan: Plan) -> None:
        if plan.cluster_uid != self._c.cluster.uid or plan.cluster != self._c.cluster.name:
            what, hint = f"that plan was made on `{plan.cluster}`, another cluster", "plan again on this one"
            raise ClusterMismatch(what, where=plan.handle, hint=hint)
        if plan.expires_ms <= self._c.now_ms():
            raise NoSuchPlan("that plan has expired", where=plan.handle, hint="plan again")
        if (ended := await self._ended(plan)) is not None:
            raise NoSuchPlan(ended, where=plan.handle, hint="flyball pending; or plan again")

    async def _ended(self, plan: Plan) -> str | None:
        """Why nothing more of it may begin; None where it may."""
        key, mark = marked(plan)
        denied = DENIED.of(plan.id)
        values = await self._c.log.values((key, denied))
        if values[denied]:
            return "a person declined that plan"
        return "it was planned again since" if values[key] != mark else None

    async def _read(self, entry: Entry) -> Recorded:
        count = int((entry.record.args or {}).get("steps", 0))
        log = self._c.log
        found = await log.find(kinds=("plan.step",), since_seq=entry.seq, limit=max(0, min(count, MAX_STEPS)))
        return await asyncio.to_thread(restored, entry, found) if count > 50 else restored(entry, found)


def _own(plan: Plan, by: Principal) -> bool:
    """Whether it is an agent's own plan of this very run by its schedule."""
    return by.scheduled and by == plan.principal


def _plannable(requests: Sequence[Request], who: Principal) -> None:
    """Raises ArgumentsInvalid for no request, too many, or somebody else's."""
    if not 0 < len(requests) <= MAX_STEPS:
        raise ArgumentsInvalid(f"{len(requests)} steps are not a plan", hint=f"1 to {MAX_STEPS}")
    if any(request.principal != who for request in requests):
        raise ArgumentsInvalid(
            "a plan is one principal's", where=who.agent or "", hint="plan them separately"
        )
