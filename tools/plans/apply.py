"""Carrying a plan's steps out, one after another: what is skipped, what waits, what is done, what stops the rest."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from audit.errors import LogUnavailable
from policies.types import Approval, Principal, Request
from tools.errors import ClusterMismatch, ClusterUnavailable, ToolError
from tools.path.context import Context
from tools.path.outcome import Applied, Failed, Pending, Refused, Result, Simulated, Unknown
from tools.path.requests import request_id
from tools.path.standing import Final, InDoubt, New
from tools.path.undo import proposal
from tools.plans.needs import Need, needs_now
from tools.plans.plan import Plan, PlanStep, StepDone, StepStatus, StopOn
from tools.plans.preview import Preview

TRIES = 3
"""How often a step is begun again whose process died before it had any effect."""

_ENDED_WITHOUT = frozenset({"refused", "failed"})
"""Ends of a step that is not done, and is not done later either."""
_STOPS: dict[StopOn, frozenset[StepStatus]] = {
    "doubt": frozenset({"in_doubt", "unavailable"}),
    "failure": frozenset({"in_doubt", "unavailable", "failed", "in_part"}),
    "refusal": frozenset({"in_doubt", "unavailable", "failed", "in_part", "refused"}),
}


@dataclass(slots=True)
class Walk:
    """An application under way: what is left out, what ends it early, the results of the steps so far."""

    plan: Plan
    left_out: frozenset[int]
    stop_on: StopOn
    unattended: bool = False
    """It is the agent of a scheduled run that applies it, not a person who has read it."""
    done: list[StepDone] = field(default_factory=list)
    stopped: StepDone | None = None

    def add(self, done: StepDone) -> None:
        """Note how a step ended."""
        self.done.append(done)
        if self.stopped is None and done.status in _STOPS[self.stop_on]:
            self.stopped = done

    def skips(self, step: PlanStep) -> StepDone | None:
        """How the step ends without being tried; None where it shall be."""
        if step.number in self.left_out:
            return StepDone(step, "excluded")
        if step.verdict == "deny":
            return StepDone(step, "refused", step.detail)
        return None

    def cut_off(self, step: PlanStep) -> StepDone:
        """The step is behind the one that ended the application."""
        at = f"stopped at step {self.stopped.step.number}" if self.stopped else ""
        return StepDone(step, "not_tried", at)

    def stands_on(self, step: PlanStep) -> PlanStep | None:
        """The step under this one that has to be done first and is not; None where nothing is missing."""
        below = [done for done in self.done if self._is_under(done.step, step)]
        if not below or below[-1].status in ("applied", "unchanged"):
            return None
        return below[-1].step

    def base(self, step: PlanStep) -> StepDone | None:
        """How the step that it stands on ended in this application; None where it stands on none."""
        return next((done for done in self.done if done.step.number == step.stands_on), None)

    def _is_under(self, below: PlanStep, step: PlanStep) -> bool:
        if step.stands_on:
            return below.number == step.stands_on
        return step.verdict == "later" and below.chain == step.chain


class StepRunner:
    """Carries out one step at a time."""

    def __init__(self, context: Context, path: Preview) -> None:
        self._c, self._path = context, path

    async def carry_out(self, walk: Walk, step: PlanStep) -> StepDone:
        """The step through the path, or why it is not its turn. Raises LogUnavailable."""
        try:
            standing = await self._c.journal.standing(step.request)
            if walk.stopped is not None and not isinstance(standing.state, Final):
                return walk.cut_off(step)
            if isinstance(standing.state, New):
                if (first := walk.stands_on(step)) is not None:
                    return StepDone(step, "not_tried", f"step {first.number} has to be done first")
                if not await self.voted(step, standing.votes):
                    return StepDone(step, "waiting", "it waits for an approval")
                if (above := await self._unvoted_above(walk.plan, step)) is not None:
                    return StepDone(
                        step, "waiting", f"it goes with step {above.number}, which waits for an approval"
                    )
            return _done(step, await self._execute(step))
        except (ClusterUnavailable, ClusterMismatch) as e:
            return StepDone(step, "unavailable", e.what)
        except ToolError as e:  # its workload is another process's just now, say: the next try may do it
            return StepDone(step, "failed", e.what)

    async def begun(self, step: PlanStep) -> bool:
        """Whether it was carried out before, or is in doubt: then how it ended counts, whatever is so now."""
        try:
            return not isinstance((await self._c.journal.standing(step.request)).state, New)
        except ToolError:
            return False

    async def settled(self, walk: Walk, done: StepDone) -> StepDone:
        """The step as it ended; where it was refused or has failed, with what became of the one under it: that is put
        back, as who made it, with the right of way of an undo."""
        base = walk.base(done.step)
        if base is None or done.status not in _ENDED_WITHOUT or not isinstance(base.result, Applied):
            return done
        if base.status != "applied":
            return done
        return replace(done, detail=f"{done.detail}; {await self._put_back(walk.plan, base.result)}")

    async def _put_back(self, plan: Plan, made: Applied) -> str:
        """In words for a person."""
        told = f"record {made.record}"
        try:
            undo = await proposal(
                self._c,
                made.record,
                id=request_id(plan.id, "put back", made.request.id),
                principal=plan.principal,
                mode="live",
                reason=f"undo of {told}: the step that stands on it was not done",
                run_id=plan.run_id,
            )
            ended = _done_word(await self._path.execute(undo))
        except (ToolError, LogUnavailable) as e:  # how far the plan came is told all the same
            ended = e.what
        return f"{told} was put back" if ended == "applied" else f"{told} stays ({ended})"

    async def _unvoted_above(self, plan: Plan, step: PlanStep) -> PlanStep | None:
        """A step that stands on this one and waits for votes: neither is begun then."""
        for above in plan.carried_by(step):
            standing = await self._c.journal.standing(above.request)
            if isinstance(standing.state, New) and not await self.voted(above, standing.votes):
                return above
        return None

    async def unvoted(self, plan: Plan) -> tuple[PlanStep, ...]:
        """The steps that still wait for votes."""
        found = []
        for step in plan.having("needs_approval"):
            standing = await self._c.journal.standing(step.request)
            if isinstance(standing.state, New) and not await self.voted(step, standing.votes):
                found.append(step)
        return tuple(found)

    async def voted(self, step: PlanStep, votes: tuple[Approval, ...]) -> bool:
        """Whether there are votes enough to try it; whether they count is the gate's word."""
        if not step.needs:
            return True
        needs, gate = await self.needs(step), await self._c.gate()
        now, people = self._c.now_ms(), Counter[int]()
        counted: set[tuple[int, str]] = set()
        for vote in votes:
            if vote.expires_ms <= now or vote.view_digest != step.view_digest:
                continue
            for at, need in enumerate(needs):
                seat = (at, vote.by.casefold())
                if seat not in counted and gate.vote_refused(step.request, _voter(vote), (need,)) is None:
                    counted.add(seat)
                    people[at] += 1
        return all(people[at] >= _count(need) for at, need in enumerate(needs))

    async def needs(self, step: PlanStep) -> Sequence[Need]:
        """Whose votes the step takes by the policy of now. Raises LogUnavailable."""
        return await needs_now(self._c, self._path, step.request, step.needs, step.policy)

    async def _execute(self, step: PlanStep) -> Result:
        """A try that a crash cut off before it had any effect is no end of the step: the log says `not_applied`,
        late writes are fenced off, and the step begins again, under an id that follows from the last one."""
        request = step.request
        result = await self._path.execute(request)
        for _ in range(TRIES - 1):
            if not isinstance(result, Failed) or not await self._had_no_effect(request):
                break
            request = request.model_copy(update={"id": request_id(request.id, "again")})
            result = await self._path.execute(request)
        return result

    async def _had_no_effect(self, request: Request) -> bool:
        match await self._c.journal.state_of(request):
            case Final(end):
                outcome = end.record.outcome
                return outcome is not None and outcome.status == "not_applied"
            case New() | InDoubt():
                return False
            case never:
                assert_never(never)


def _done_word(result: Result) -> str:
    """How an undo ended: `applied`, or why not."""
    if isinstance(result, Applied):
        return "applied"
    return next(
        (str(text) for name in ("detail", "what", "why") if (text := getattr(result, name, ""))), "it waits"
    )


def _count(need: Need) -> int:
    return int(str(need["count"] or 1))


def _voter(vote: Approval) -> Principal:
    return Principal(agent=None, on_behalf_of=vote.by, groups=vote.groups, session="vote")


def _done(step: PlanStep, result: Result) -> StepDone:
    match result:
        case Applied(status=status, partial=left):
            return StepDone(step, status, f"not done: {left}" if left else "", result)
        case Simulated():
            return StepDone(step, "simulated", "", result)
        case Refused(rule=rule, detail=detail):
            return StepDone(step, "refused", f"{rule}: {detail}" if rule else detail, result)
        case Pending(handle=handle):
            return StepDone(step, "waiting", f"it asks by itself now: {handle}", result)
        case Failed(what=what):
            return StepDone(step, "failed", what, result)
        case Unknown(why=why):
            return StepDone(step, "in_doubt", why, result)
        case never:
            assert_never(never)
