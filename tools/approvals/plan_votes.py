"""A person's vote on a plan: on each of its steps, as it was shown."""

from collections.abc import Sequence
from contextlib import suppress

from audit.errors import ClaimLost
from audit.log import Entry
from audit.record import Parent, Record
from policies.claim_keys import DENIED
from policies.types import Claim, Principal
from tools.approvals.voting import VoteRefused, by_person, can_go_on, ends
from tools.path.context import Context
from tools.path.journal import actor_of
from tools.path.standing import New, ballot
from tools.plans.plan import Carried, Plan, PlanStep, StopOn, Voted, excluded, marked
from tools.plans.plans import Plans, Told
from tools.plans.records import Recorded

AT_ONCE = 100
"""Steps of a plan that are declined in one commit: their claims are told in its last record."""


class PlanVotes:
    """The votes on plans. No tool of a model can reach this."""

    def __init__(self, context: Context, plans: Plans) -> None:
        self._c, self._plans = context, plans

    async def approve(
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
        voted = await self.vote(shown, voter, reason, exclude=exclude)
        carried = await self._plans.carry_out(
            shown.digest, voter, exclude=exclude, stop_on=stop_on, told=told
        )
        return voted, carried

    async def vote(
        self, shown: Plan, voter: Principal, reason: str = "", *, exclude: Sequence[str] = ()
    ) -> Voted:
        """Record a yes for each step that needs one and that this person may vote on, all in one commit, each
        bound to its own request and view. Raises VoteRefused where there is none, or it was shown otherwise;
        PlanRefused where the plan's last application left out what this vote does not."""
        by_person(self._c, shown.handle, voter)
        recorded = await self._plans.recorded(shown.digest)
        plan, left_out = recorded.plan, excluded(recorded.plan, exclude)
        await self._plans.keeps_out(plan, left_out)
        await can_go_on(self._c, plan.handle, plan.steps[0].request)
        if plan.votes_until_ms <= self._c.now_ms():
            hint = "plan again; what needs no approval: flyball tune apply " + plan.handle
            raise VoteRefused("the time for its approval has passed", where=plan.handle, hint=hint)
        open = await self._open(plan, left_out)
        not_for = await self._not_for(open, voter)
        mine = [step for step in open if step.number not in not_for]
        if open and not mine:
            why = next(iter(not_for.values()))
            raise VoteRefused(why, where=plan.handle, hint="another person must approve it")
        unvoted = [step for step in mine if not await self._has_voted(step, voter)]
        if unvoted:
            await self._commit_votes(recorded, unvoted, voter, reason)
        return Voted(tuple(step.number for step in mine), not_for)

    async def deny(self, shown: Plan, voter: Principal, reason: str) -> Entry:
        """Vote no: nothing more of the plan may begin. Who may vote on one of its open steps may (on any, where all
        of these have ended), and whose plan it is.

        The plan's own denial comes first, so that no application takes up another step; a step that is being
        carried out meanwhile ends as it ends. Raises NoSuchPlan, VoteRefused.
        """
        by_person(self._c, shown.handle, voter)
        recorded = await self._plans.recorded(shown.digest)
        plan = recorded.plan
        needing = await self._open(plan, frozenset()) or plan.having("needs_approval")
        own = voter.on_behalf_of == plan.principal.on_behalf_of
        if not own and len(not_for := await self._not_for(needing, voter)) == len(needing):
            raise VoteRefused(next(iter(not_for.values()), "no vote is needed"), where=plan.handle)
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
                claims += ends(step.request, state.attempts)
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
        """Why this person's vote would not count by the policy of now, for each step where it would not."""
        gate = await self._c.gate()
        said = {s.number: gate.vote_refused(s.request, voter, await self._plans.needs(s)) for s in steps}
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
