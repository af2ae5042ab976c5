"""Verifier: gives the verdict that a change owes when it is due, and undoes what made the workload worse.

The waiting command does that, or the next one that opens the log. The undo takes the same path as everything;
VERIFY is free when it has ended.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from audit.errors import ClaimLost
from audit.log import Entry
from audit.record import Actor
from policies.claim_keys import VERIFY
from policies.types import Claim, Request
from tools.errors import ArgumentsInvalid, ToolError
from tools.path.change_look import ChangeLook
from tools.path.context import Context
from tools.path.outcome import Applied, Failed, Pending, Refused, Result, Simulated, Unknown
from tools.path.requests import request_id
from tools.path.rollback import applied_end
from tools.path.undo import proposal
from tools.path.verdict import Verdict, judge
from tools.path.verification import promise_of
from tools.path.vitals import look

SYSTEM = Actor(type="system", id="flyball:verifier")
Execute = Callable[[Request], Awaitable[Result]]

_OWED = 1
"""What VERIFY holds where the verdict is recorded and the rollback is not; any other value is a time in Unix ms."""
_WORDS: dict[type[Result] | type[None], str] = {
    Applied: "applied",
    Refused: "refused",
    Failed: "failed",
    Pending: "pending",
    Simulated: "simulated",
    type(None): "impossible",
}


@dataclass(frozen=True, slots=True)
class Awaited:
    """An applied change whose verdict (`due_ms`, Unix ms of the world) or rollback is still owed."""

    intent: Entry
    due_ms: int

    @property
    def judged(self) -> bool:
        """Whether the verdict was `worse`, and only the rollback is owed."""
        return self.due_ms == _OWED


@dataclass(frozen=True, slots=True)
class Verified:
    """The verdict on a change, and where that was `worse` how its rollback ended; `left` says why there is none."""

    intent: Entry
    verdict: Verdict
    rollback: Result | None = None
    left: str = ""


class Verifier:
    """Carries out what is owed on this cluster. It reads and records; it writes through `execute` only."""

    def __init__(self, context: Context, execute: Execute) -> None:
        self._c, self._execute = context, execute

    async def awaited(self) -> list[Awaited]:
        """What is owed on this cluster, the next due first."""
        owed = (await self._c.log.prefixed(VERIFY.prefix)).items()
        found = [(await self._c.log.by_id(VERIFY.name_in(key)), due) for key, due in owed if due]
        here = [Awaited(intent, due) for intent, due in found if intent is not None and self._here(intent)]
        return sorted(here, key=lambda one: one.due_ms)

    async def sweep(self) -> list[Verified]:
        """Carry out all that is due. What cannot be asked now stays owed: the next sweep tries again."""
        done = [await self.verify(one) for one in await self.awaited() if one.due_ms <= self._c.now_ms()]
        return [one for one in done if one is not None]

    async def verify(self, owed: Awaited) -> Verified | None:
        """Judge one change, and undo it where it made the workload worse. None where it cannot be done now, or
        another process did it. Raises LogUnavailable."""
        try:
            verdict = await self._verdict(owed)
            if verdict.word != "worse":
                return Verified(owed.intent, verdict)
            return await self._rolled_back(owed.intent, verdict)
        except (ToolError, ClaimLost):
            return None

    def _here(self, intent: Entry) -> bool:
        where = intent.record.resource
        return where is not None and where.cluster_uid == self._c.cluster.uid

    async def _verdict(self, owed: Awaited) -> Verdict:
        intent = owed.intent.record
        if owed.judged:
            (said,) = await self._c.journal.of_intent(intent, ("action.verified",))
            return Verdict("worse", (said.record.observation or {})["why"])
        promise, end = promise_of(intent), await applied_end(self._c.journal, owed.intent)
        if promise is None or end is None:
            what = "a verdict is owed on what promised none"
            raise ToolError(what, where=f"record {owed.intent.seq}", hint="flyball audit verify")
        change = ChangeLook(self._c, intent, end.after or {})
        progress = await change.look()
        found: dict[str, Any] = {"before": promise.before.document}
        if progress.state == "superseded":
            verdict = Verdict("inconclusive", progress.detail)
        else:
            now = await look(self._c, change.target, promise.after_s, promise.metrics)
            since_ms = owed.due_ms - promise.after_s * 1000
            restarts = change.restarts
            verdict = judge(promise.before, now, progress, promise.metrics, since_ms, restarts)
            found["now"] = now.document
        await self._record(owed, found, verdict)
        return verdict

    async def _record(self, owed: Awaited, found: dict[str, Any], verdict: Verdict) -> None:
        intent, labels = owed.intent.record, {"verdict": str(verdict.word)}
        found = {"why": verdict.why[:1024], **found}
        record = self._c.journal.afterwards("action.verified", intent, found, labels, SYSTEM)
        key, left = VERIFY.of(intent.id), _OWED if verdict.word == "worse" else 0
        await self._c.log.commit((record,), (Claim("equals", key, owed.due_ms), Claim("set", key, left)))

    async def _rolled_back(self, intent: Entry, verdict: Verdict) -> Verified:
        """Put it back as who changed it: with that one's rights, no more, and with the right of way of an undo."""
        c, result, left = self._c, None, ""
        asked = await c.journal.request_of(intent)
        try:
            request = await proposal(
                c, intent.seq, id=request_id("verify", intent.record.id), principal=asked.principal, mode="live",
                reason=f"record {intent.seq} made it worse: {verdict.why}"[:512],
            )  # fmt: skip
            no = await c.screened(await c.gate(), request)
            if no is not None and no.stage == "kill_switch":  # owed until it is lifted
                return Verified(intent, verdict, None, no.detail)
            result = await self._execute(request)
        except ArgumentsInvalid as e:
            left = e.said
        if isinstance(result, Unknown):  # its resolver says how it ended; then this goes on
            return Verified(intent, verdict, result)
        labels = {"status": _WORDS[type(result)]}
        why = {"why": left or verdict.why[:1024]}
        record = c.journal.afterwards("action.rolled_back", intent.record, why, labels, SYSTEM)
        key = VERIFY.of(intent.record.id)
        await c.log.commit((record,), (Claim("equals", key, _OWED), Claim("set", key, 0)))
        return Verified(intent, verdict, result, left)
