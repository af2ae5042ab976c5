"""Approvals: what waits, and a person's vote on exactly that. No tool of a model can reach this."""

from collections.abc import Sequence
from dataclasses import dataclass

from audit.errors import ClaimLost
from audit.log import Entry
from policies.types import Principal, Request
from tools.approvals.background import Background, background, tainted
from tools.approvals.plan_votes import PlanVotes
from tools.approvals.voting import VoteRefused, by_person, can_go_on, ends, withdraws
from tools.cluster.names import is_handle
from tools.errors import ToolError
from tools.path.context import Context
from tools.path.executor import Executor
from tools.path.outcome import Result
from tools.path.standing import New, RequestReused
from tools.plans.needs import needs_now
from tools.plans.plan import Plan
from tools.plans.plans import Plans
from tools.plans.recent import not_older


class NoSuchQuestion(ToolError):
    """The handle names nothing that waits, or more than one thing."""

    effect = "usage"


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
        self.plan_votes = PlanVotes(context, self.plans)

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

    async def background(self, asked: "Waiting | Plan") -> Background:
        """Who asks, by which rule, and what that session has read: for the one who is to answer."""
        needs = asked.needs if isinstance(asked, Waiting) else [n for step in asked.steps for n in step.needs]
        rules = tuple(dict.fromkeys(str(need["rule"]) for need in needs))
        who = asked.request.principal if isinstance(asked, Waiting) else asked.principal
        return await background(self._c, who, rules)

    async def tainted(self, askers: Sequence[Principal]) -> list[int]:
        """When each one's session last read untrusted text, as in their Background."""
        return await tainted(self._c, askers)

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
        await can_go_on(self._c, waiting.handle, waiting.request)
        await self._may_vote(waiting, voter)
        expires = waiting.expires_ms
        vote = self._c.journal.vote(
            "approval.granted", waiting.entry, waiting.request, voter, reason, expires
        )
        await self._c.log.commit((vote,))
        return await self._executor.execute(waiting.request)

    async def deny(self, handle: str, voter: Principal, reason: str) -> Entry:
        """Vote no, or withdraw what one asked oneself: the request is over. Raises NoSuchQuestion where it is being
        carried out already."""
        waiting = await self.one(handle)
        by_person(self._c, waiting.handle, voter)
        if not withdraws(waiting.request, voter):
            await self._may_vote(waiting, voter)
        request = waiting.request
        vote = self._c.journal.vote(
            "approval.denied", waiting.entry, request, voter, reason, waiting.expires_ms
        )
        try:
            (entry,) = await self._c.log.commit((vote,), ends(request, waiting.attempts))
        except ClaimLost as e:
            hint = "flyball status; it can be undone when it is done"
            raise NoSuchQuestion("it is being carried out already", where=waiting.handle, hint=hint) from e
        return entry

    async def _may_vote(self, waiting: Waiting, voter: Principal) -> None:
        by_person(self._c, waiting.handle, voter)
        policy = await self._c.journal.policy_of(waiting.entry)
        needs = await needs_now(self._c, self._executor, waiting.request, waiting.needs, policy)
        gate = await self._c.gate()
        if (why := gate.vote_refused(waiting.request, voter, needs)) is not None:
            raise VoteRefused(why, where=waiting.handle, hint="another person must approve it")


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
