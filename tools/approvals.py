"""Approvals: what waits, and a person's vote on exactly that. No tool of a model can reach this."""

from dataclasses import dataclass

from audit.errors import ClaimLost
from audit.log import Entry
from policies.types import Claim, Principal, Request
from tools.context import Context
from tools.errors import ToolError
from tools.executor import Executor
from tools.journal import New, RequestReused
from tools.outcome import Result


class NoSuchQuestion(ToolError):
    """The handle names nothing that waits, or more than one thing."""


class VoteRefused(ToolError):
    """This person's vote would not count."""


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

    async def waiting(self) -> list[Waiting]:
        """What waits now, oldest first; the newest question of each request."""
        now = self._c.now_ms()
        newest: dict[str, Waiting] = {}
        for entry in await self._c.log.find(kinds=("approval.requested",)):
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
        if len(handle) < 8 or any(c not in "0123456789abcdef" for c in handle):
            raise NoSuchQuestion(
                f"`{handle[:80]}` is no handle", mend="at least 8 hex digits, from `flyball pending`"
            )
        found = [w for w in await self.waiting() if w.request.digest.startswith(handle)]
        if len(found) != 1:
            what = "names nothing that waits" if not found else f"names {len(found)} questions"
            raise NoSuchQuestion(f"`{handle}` {what}", mend="flyball pending")
        return found[0]

    async def approve(
        self, handle: str, voter: Principal, reason: str = "", *, shown: Waiting | None = None
    ) -> Result:
        """Vote yes, then carry it out if the votes suffice: it re-enters the path from the top.

        `shown` is the question as the person saw it: a yes to it is none to what was asked anew meanwhile.
        """
        waiting = await self.one(handle)
        if shown is not None and shown.entry.seq != waiting.entry.seq:
            mend = f"look at it as it is now: flyball approve {waiting.handle}"
            raise VoteRefused("it has changed since it was shown to you", where=waiting.handle, mend=mend)
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
        begun = Claim("holds", f"attempt/{request.id}/{waiting.attempts + 1}", 0)
        try:
            (entry,) = await self._c.log.commit((vote,), (begun, Claim("put", f"denied/{request.id}", 1)))
        except ClaimLost as e:
            mend = "flyball status; it can be undone when it is done"
            raise NoSuchQuestion("it is being carried out already", where=waiting.handle, mend=mend) from e
        return entry

    async def _may_vote(self, waiting: Waiting, voter: Principal) -> None:
        if voter.agent is not None or voter.on_behalf_of is None:
            raise VoteRefused("only a person votes", where=waiting.handle)
        if (why := self._c.identity.refuses(voter)) is not None:
            raise VoteRefused(why, where=waiting.handle)
        gate = await self._c.gate()
        if (why := gate.vote_refused(waiting.request, voter, waiting.needs)) is not None:
            raise VoteRefused(why, where=waiting.handle, mend="somebody else must approve it")


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
