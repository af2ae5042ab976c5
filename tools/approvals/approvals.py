"""Approvals: what waits, and a person's vote on exactly that. No tool of a model can reach this."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from audit.errors import ClaimLost
from audit.log import Entry
from audit.record import Parent, Record
from policies.claim_keys import ATTEMPT, DENIED
from policies.types import Claim, Principal, Request
from tools.cluster.names import is_handle
from tools.errors import ToolError
from tools.path.context import Context
from tools.path.executor import Executor
from tools.path.journal import actor_of
from tools.path.outcome import Result
from tools.path.standing import New, RequestReused, ballot
from tools.plans.plan import Carried, Plan, PlanStep, StopOn, Voted, excluded, marked
from tools.plans.plans import Plans, Told
from tools.plans.recent import not_older
from tools.plans.records import Recorded

AT_ONCE = 100
"""Steps of a plan that are declined in one commit: their claims are told in its last record."""


class NoSuchQuestion(ToolError):
    """The handle names nothing that waits, or more than one thing."""

    effect = "usage"


class VoteRefused(ToolError):
    """This person's vote would not count."""

    effect = "refused"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A question that still waits for votes; `diff` and `needs` are as they were asked."""

    entry: Entry
    request: Request
    handle: str
    diff: str
    expires_ms: int
    needs: tuple[dict[str, object], ...]
    attempts: int
    """How many tries of it are in the log (each ended in a conflict)."""


class Approvals:
    """The queue of questions over the log."""

    def __init__(self, context: Context, executor: Executor) -> None:
        self._c, self._executor = context, executor
        self.plans = Plans(context, executor)

    async def waiting(self) -> list[Waiting]:
        """What waits now, oldest first; the newest question of each request."""
        now = self._c.now_ms()
        newest: dict[str, Waiting] = {}
        for entry in await not_older(self._c, "approval.requested"):
            question = entry.record.approval or {}
            if question["expires_ms"] <= now:
                continue
            request = await self._c.journal.request_of(entry)
            try:
                state = await self._c.journal.state_of(request)
            except RequestReused:  # two asked at once under one id: the second can never be carried out
                continue
            if isinstance(state, New):
                newest[request.id] = _waiting(entry, request, state.attempts)
        return list(newest.values())

    async def one(self, handle: str) -> Waiting:
        """The question with this handle (at least 8 hex digits). Raises NoSuchQuestion."""
        if not is_handle(handle):
            raise NoSuchQuestion(
                f"`{handle[:80]}` is not a handle", hint="at least 8 hex digits, from `flyball pending`"
            )
        found = [w for w in await self.waiting() if w.request.digest.startswith(handle)]
        if len(found) != 1:
            what = "names nothing that waits" if not found else f"names {len(found)} questions"
            plan = not found and await self.plans.named(handle)
            hint = f"it is a plan: flyball approve {handle}" if plan else "flyball pending"
            raise NoSuchQuestion(f"`{handle}` {what}", hint=hint)
        return found[0]

    async def named(self, handle: str) -> "Waiting | Plan":
        """The question or the plan with this handle. Raises NoSuchQuestion, and what Plans.recorded raises."""
        if not await self.plans.named(handle):
            return await self.one(handle)
        if any(w.request.digest.startswith(handle) for w in await self.waiting()):
            raise NoSuchQuestion(f"`{handle}` names a question and a plan", hint="give more of its digits")
        return await self.plans.one(handle)

    async def approve(
        self, handle: str, voter: Principal, reason: str = "", *, shown: Waiting | None = None
    ) -> Result:
        """Vote yes, then carry it out if the votes suffice: it re-enters the path from the top.

        `shown` is the question as the person saw it: a yes to it is none to what was asked again meanwhile.
        """
        waiting = await self.one(handle)
        if shown is not None and shown.entry.seq != waiting.entry.seq:
            hint = f"look at it as it is now: flyball approve {waiting.handle}"
            raise VoteRefused("it has changed since it was shown to you", where=waiting.handle, hint=hint)
        await self._may_vote(waiting, voter)
        expires = waiting.expires_ms
        vote = self._c.journal.vote(
            "approval.granted", waiting.entry, waiting.request, voter, reason, expires
        )
        await self._c.log.commit((vote,))
        return await self._executor.execute(waiting.request)

    async def deny(self, handle: str, voter: Principal, reason: str) -> Entry:
        """Vote no: the request is over. Raises NoSuchQuestion where it is being carried out already."""
        waiting = await self.one(handle)
        await self._may_vote(waiting, voter)
        request = waiting.request
        vote = self._c.journal.vote(
            "approval.denied", waiting.entry, request, voter, reason, waiting.expires_ms
        )
        try:
            (entry,) = await self._c.log.commit((vote,), _ends(request, waiting.attempts))
        except ClaimLost as e:
            hint = "flyball status; it can be undone when it is done"
            raise NoSuchQuestion("it is being carried out already", where=waiting.handle, hint=hint) from e
        return entry

    async def approve_plan(
        self,
        shown: Plan,
        voter: Principal,
        reason: str = "",
        *,
        exclude: Sequence[str] = (),
        stop_on: StopOn = "failure",
        told: Told = lambda _: None,
    ) -> tuple[Voted, Carried]:
        """Vote yes for each step of the plan, as it was shown, that needs it; then carry the plan out.

        Raises VoteRefused where no vote of this person would count, or where their process does not speak for
        whom the plan was made (PlanRefused; the votes are recorded then); and what Plans.recorded raises.
        """
        voted = await self.vote_plan(shown, voter, reason, exclude=exclude)
        carried = await self.plans.carry_out(shown.digest, voter, exclude=exclude, stop_on=stop_on, told=told)
        return voted, carried

    async def vote_plan(
        self, shown: Plan, voter: Principal, reason: str = "", *, exclude: Sequence[str] = ()
    ) -> Voted:
        """Record a yes for each step that needs one and that this person may vote on, all in one commit, each
        bound to its own request and view. Raises VoteRefused where there is none, or it was shown otherwise;
        PlanRefused where the plan's last application left out what this vote does not."""
        self._is_person(shown.handle, voter)
        recorded = await self.plans.recorded(shown.digest)
        plan, left_out = recorded.plan, excluded(recorded.plan, exclude)
        await self.plans.keeps_out(plan, left_out)
        if plan.votes_until_ms <= self._c.now_ms():
            hint = "plan again; what needs no approval: flyball tune apply " + plan.handle
            raise VoteRefused("the time for its approval has passed", where=plan.handle, hint=hint)
        open = await self._open(plan, left_out)
        not_for = await self._not_for(open, voter)
        mine = [step for step in open if step.number not in not_for]
        if open and not mine:
            why = next(iter(not_for.values()))
            raise VoteRefused(why, where=plan.handle, hint="somebody else must approve it")
        unvoted = [step for step in mine if not await self._has_voted(step, voter)]
        if unvoted:
            await self._commit_votes(recorded, unvoted, voter, reason)
        return Voted(tuple(step.number for step in mine), not_for)

    async def deny_plan(self, shown: Plan, voter: Principal, reason: str) -> Entry:
        """Vote no: nothing more of the plan may begin. Who may vote on one of its steps may, and whose plan it is.

        The plan's own denial comes first, so that no application takes up another step; a step that is being
        carried out meanwhile ends as it ends. Raises NoSuchPlan, VoteRefused.
        """
        self._is_person(shown.handle, voter)
        recorded = await self.plans.recorded(shown.digest)
        plan, needing = recorded.plan, recorded.plan.having("needs_approval")
        own = voter.on_behalf_of == plan.principal.on_behalf_of
        if not own and len(not_for := await self._not_for(needing, voter)) == len(needing):
            raise VoteRefused(next(iter(not_for.values()), "it needs nobody's vote"), where=plan.handle)
        denial = self._plan_vote(recorded, voter, reason)
        (entry,) = await self._c.log.commit((denial,), (Claim("set", DENIED.of(plan.id), 1),))
        for start in range(0, len(plan.steps), AT_ONCE):
            await self._deny_steps(
                recorded, range(start, min(start + AT_ONCE, len(plan.steps))), voter, reason
            )
        return entry

    async def _deny_steps(self, recorded: Recorded, at: range, voter: Principal, reason: str) -> None:
        """Deny those that have not begun. One that begins meanwhile costs the commit its claim: look again."""
        while True:
            votes: list[Record] = []
            claims: list[Claim] = []
            for index in at:
                step, journal = recorded.plan.steps[index], self._c.journal
                state = await journal.state_of(step.request)
                if not isinstance(state, New):
                    continue
                asked, until = recorded.asked[index], recorded.plan.expires_ms
                votes.append(journal.vote("approval.denied", asked, step.request, voter, reason, until))
                claims += _ends(step.request, state.attempts)
            if not votes:
                return
            with suppress(ClaimLost):
                await self._c.log.commit(votes, claims)
                return

    async def _open(self, plan: Plan, left_out: frozenset[int]) -> list[PlanStep]:
        """The steps that need votes and have not ended."""
        found = [step for step in plan.having("needs_approval") if step.number not in left_out]
        return [s for s in found if isinstance(await self._c.journal.state_of(s.request), New)]

    async def _not_for(self, steps: Sequence[PlanStep], voter: Principal) -> dict[int, str]:
        """Why this person's vote would not count, for each step where it would not."""
        gate = await self._c.gate()
        said = {s.number: gate.vote_refused(s.request, voter, s.needs) for s in steps}
        return {number: why for number, why in said.items() if why is not None}

    async def _has_voted(self, step: PlanStep, voter: Principal) -> bool:
        votes = await self._c.journal.votes_of(step.request)
        return any(v.by == voter.on_behalf_of and v.view_digest == step.view_digest for v in votes)

    async def _commit_votes(
        self, recorded: Recorded, steps: Sequence[PlanStep], voter: Principal, reason: str
    ) -> None:
        """One commit, and none where the plan was declined or planned again a moment ago."""
        plan, journal = recorded.plan, self._c.journal
        votes = [
            journal.vote(
                "approval.granted",
                recorded.asked[step.number - 1],
                step.request,
                voter,
                reason,
                plan.votes_until_ms,
            )
            for step in steps
        ]
        key, mark = marked(plan)
        stands = (Claim("equals", DENIED.of(plan.id), 0), Claim("equals", key, mark))
        try:
            await self._c.log.commit(votes, stands)
        except ClaimLost as e:
            hint = "flyball pending"
            raise VoteRefused("it has changed since it was shown to you", where=plan.handle, hint=hint) from e

    def _plan_vote(self, recorded: Recorded, voter: Principal, reason: str) -> Record:
        plan = recorded.plan
        return self._c.log.draft(
            "approval.denied",
            actor=actor_of(voter),
            run_id=plan.run_id,
            request_id=plan.id,
            request_digest=plan.digest,
            mode="live",
            reason=reason or None,
            parents=(Parent(rel="asked", id=recorded.entry.record.id),),
            approval=ballot(voter, plan.expires_ms),
        )

    def _is_person(self, handle: str, voter: Principal) -> None:
        if voter.agent is not None or voter.on_behalf_of is None:
            raise VoteRefused("only a person votes", where=handle)
        if (why := self._c.identity.refuses(voter)) is not None:
            raise VoteRefused(why, where=handle)

    async def _may_vote(self, waiting: Waiting, voter: Principal) -> None:
        self._is_person(waiting.handle, voter)
        gate = await self._c.gate()
        if (why := gate.vote_refused(waiting.request, voter, waiting.needs)) is not None:
            raise VoteRefused(why, where=waiting.handle, hint="somebody else must approve it")


def _ends(request: Request, attempts: int) -> tuple[Claim, Claim]:
    """A no ends a request of which the next try has not begun; then none can begin."""
    begun = Claim("equals", ATTEMPT.of(f"{request.id}/{attempts + 1}"), 0)
    return begun, Claim("set", DENIED.of(request.id), 1)


def _waiting(entry: Entry, request: Request, attempts: int) -> Waiting:
    question = entry.record.approval or {}
    return Waiting(
        entry=entry,
        request=request,
        handle=request.digest[:8],
        diff=question["diff"],
        expires_ms=question["expires_ms"],
        needs=tuple(question["needs"]),
        attempts=attempts,
    )
