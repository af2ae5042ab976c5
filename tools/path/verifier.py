"""Verifier: gives the verdict that a change owes, at once on harm and else when it is due, and undoes what made the
workload worse.

`flyball serve` does that, or the waiting command, or the next one that opens the log. The undo takes the same path as
everything; VERIFY is free when it has ended.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from audit.errors import ClaimLost, LogTampered
from audit.log import Entry
from audit.record import Actor, Record
from policies.claim_keys import VERIFY
from policies.types import Claim
from tools.errors import ClusterUnavailable, ToolError
from tools.path.context import Context
from tools.path.demotion import counted
from tools.path.judging import Judgement, Judging, promised_by
from tools.path.learning import lesson_claims
from tools.path.outcome import Applied, Failed, Pending, Refused, Result, Simulated, Unknown
from tools.path.owed import Owed
from tools.path.put_back import Execute, PutBack, Tried
from tools.path.verdict import Verdict
from tools.path.verification import promise_of, promises
from tools.path.watched import Watched

SYSTEM = Actor(type="system", id="flyball:verifier")

_OWED = 1
"""What VERIFY holds where the verdict is recorded and the rollback is not; any other value is a time in Unix ms."""
LOOK_MS = (5_000, 60_000)
"""How soon after a change it is looked at again, at first and at last: harm that shows at all mostly shows early."""
AGAIN_MS = 15_000
"""What is due and could not be carried out is tried again after so long."""
_WORDS: dict[type[Result] | type[None], str] = {
    Applied: "applied",
    Refused: "refused",
    Failed: "failed",
    Pending: "pending",
    Simulated: "simulated",
    Unknown: "in doubt",
    type(None): "impossible",
}


@dataclass(frozen=True, slots=True)
class Awaited:
    """An applied change whose verdict (`due_ms`, Unix ms of the world) or rollback is still owed."""

    intent: Entry
    due_ms: int

    @property
    def touches(self) -> tuple[str, ...]:
        """The fields that it moved: those of a tool on a workload (and a container, and in place or not)."""
        record, args = self.intent.record, self.intent.record.args or {}
        of = [str(args.get(name)) for name in ("container", "in_place")]
        return (record.resource.key if record.resource else "", (record.labels or {}).get("tool", ""), *of)

    @property
    def judged(self) -> bool:
        """Whether the verdict was `worse`, and only the rollback is owed."""
        return self.due_ms == _OWED

    def next_ms(self, now_ms: int) -> int:
        """When it is worth another look: a tenth of the change's age later, and at the deadline."""
        if self.due_ms <= now_ms:
            return now_ms + AGAIN_MS
        promise = promise_of(self.intent.record)
        age_ms = now_ms - self.due_ms + (promise.after_s * 1000 if promise else 0)
        return min(self.due_ms, now_ms + min(max(age_ms // 10, LOOK_MS[0]), LOOK_MS[1]))


@dataclass(frozen=True, slots=True)
class Verified:
    """The verdict on a change, and where that was `worse` what became of its rollback."""

    intent: Entry
    verdict: Verdict
    tried: Tried | None = None

    @property
    def rollback(self) -> Result | None:
        """How the undo ended, where there was one."""
        return self.tried.result if self.tried else None


class Verifier:
    """Carries out what is owed on this cluster. It reads and records; it writes through `execute` only."""

    def __init__(self, context: Context, execute: Execute) -> None:
        self._c, self._put_back = context, PutBack(context, execute)
        self._judging = Judging(context)
        self._watched = Watched(context, self._judging)
        self._owed = Owed(context.log)
        self._intents: dict[str, Entry] = {}
        """Those of what was owed at the last look, by id: a record never changes, and what a verdict rests on is held
        against the signed tree when it is given."""

    async def awaited(self) -> list[Awaited]:
        """What is owed on this cluster under this name of it, the next due first. Raises LogTampered where what is
        owed was never promised."""
        owed = (await self._owed.values(self._c.now_ms())).items()
        found = [await self._awaited(key, due_ms) for key, due_ms in owed]
        self._intents = {one.intent.record.id: one.intent for one in found}
        return sorted((one for one in found if self._here(one.intent)), key=lambda one: one.due_ms)

    async def sweep(self) -> AsyncIterator[Verified]:
        """Carry out all that is due, and what shows harm before that, one by one. What cannot be asked now stays
        owed: the next sweep tries again.

        Raises LogUnavailable; and LogTampered where the log contradicts itself, after what it does not concern.
        """
        contradiction: LogTampered | None = None
        for one in await self._pressing(await self.awaited()):
            try:
                if (found := await self._carry_out(one)) is not None:
                    yield found
            except LogTampered as e:
                contradiction = contradiction or e
            except ClusterUnavailable:  # nor will it answer for the others: each would wait as long
                break
            except (ToolError, ClaimLost):
                continue
        if contradiction is not None:
            raise contradiction

    async def next_ms(self) -> int:
        """When a sweep is worth it next, in gate time. What another process changes meanwhile is seen within
        LOOK_MS's longest."""
        now_ms = self._c.now_ms()
        looks = [one.next_ms(now_ms) for one in await self.awaited()]
        return min([*looks, now_ms + LOOK_MS[1]])

    async def verify(self, intent: Entry) -> Verified | None:
        """The verdict on one change: given now, or as another process has recorded it. None where it is not due and
        shows no harm, or cannot be given now; then it stays owed. Raises LogUnavailable, LogTampered."""
        owed = next((one for one in await self.awaited() if one.intent.seq == intent.seq), None)
        try:
            return await (self._recorded(intent) if owed is None else self._carry_out(owed))
        except (ToolError, ClaimLost):
            return None

    async def _pressing(self, owed: list[Awaited]) -> list[Awaited]:
        """Those that are due, and after them the others that show harm in one look at all of them. Of several changes
        of one kind to a workload the newest only: the others' fields are not as they left them any more."""
        now_ms = self._c.now_ms()
        due = [one for one in owed if one.due_ms <= now_ms]
        open_ones = sorted((one for one in owed if one.due_ms > now_ms), key=lambda one: one.intent.seq)
        newest = {one.touches: one for one in open_ones}
        early = {one.intent.seq: one for one in newest.values()}
        alarmed = await self._watched.alarmed([(one.intent, one.due_ms) for one in early.values()])
        return [*due, *(early[seq] for seq in alarmed)]

    async def _recorded(self, intent: Entry) -> Verified | None:
        found = await self._c.journal.of_intent(intent.record, ("action.verified", "action.rolled_back"))
        if not found:
            return None
        verdict = _verdict_in(found[0].record)
        if verdict.word != "worse":
            return Verified(intent, verdict)
        return Verified(
            intent, verdict, await self._put_back(intent, verdict.why)
        )  # ended: it is told, not redone

    async def _carry_out(self, owed: Awaited) -> Verified | None:
        """None where it is not due, and no harm shows."""
        await self._c.journal.checks.request(owed.intent.record.request_id or "")
        verdict = await self._verdict(owed)
        if verdict is None:
            return None
        if verdict.word != "worse":
            return Verified(owed.intent, verdict)
        tried = await self._put_back(owed.intent, verdict.why)
        if not tried.owed:
            await self._rolled_back(owed.intent, verdict, tried)
        return Verified(owed.intent, verdict, tried)

    async def _awaited(self, key: str, due_ms: int) -> Awaited:
        id = VERIFY.name_in(key)
        intent = self._intents.get(id) or await self._c.log.by_id(id)
        if intent is None or not promises(intent.record):
            hint = "find what was changed: flyball audit verify"
            raise LogTampered(
                f"the log's {key} is {due_ms}, and no change promised that", where="the log", hint=hint
            )
        return Awaited(intent, due_ms)

    def _here(self, intent: Entry) -> bool:
        """By its name too: under another name of the same cluster another policy may hold, and no undo is right."""
        where, cluster = intent.record.resource, self._c.cluster
        return where is not None and (where.cluster, where.cluster_uid) == (cluster.name, cluster.uid)

    async def _verdict(self, owed: Awaited) -> Verdict | None:
        if owed.judged:
            *_, said = await self._c.journal.of_intent(owed.intent.record, ("action.verified",))
            return _verdict_in(said.record)
        one = await promised_by(self._c, owed.intent, owed.due_ms)
        early = owed.due_ms > self._c.now_ms()
        found = await (self._judging.at_once(one) if early else self._judging.at_deadline(one))
        if found is None:
            return None
        await self._record(owed, found)
        return found.verdict

    async def _record(self, owed: Awaited, judged: Judgement) -> None:
        intent, verdict = owed.intent.record, judged.verdict
        found = {"why": verdict.why[:1024], **judged.found}
        labels = {"verdict": str(verdict.word)}
        record = self._c.journal.afterwards("action.verified", intent, found, labels, SYSTEM)
        key, left = VERIFY.of(intent.id), _OWED if verdict.word == "worse" else 0
        taught = await lesson_claims(
            self._c.log, intent, verdict.word, self._c.now_ms(), missed=judged.missed
        )
        await self._c.log.commit(
            (record,), (Claim("equals", key, owed.due_ms), Claim("set", key, left), *taught)
        )

    async def _rolled_back(self, intent: Entry, verdict: Verdict, tried: Tried) -> None:
        labels = {"status": _WORDS[type(tried.result)]}
        why = {"why": tried.left or verdict.why[:1024]} | ({"manual": tried.manual} if tried.manual else {})
        record = self._c.journal.afterwards("action.rolled_back", intent.record, why, labels, SYSTEM)
        agent = await counted(self._c, intent.record, SYSTEM)
        key = VERIFY.of(intent.record.id)
        claims = (Claim("equals", key, _OWED), Claim("set", key, 0), *agent.claims)
        await self._c.log.commit((record, *agent.records), claims)


def _verdict_in(record: Record) -> Verdict:
    """As an `action.verified` holds it."""
    word: Any = (record.labels or {})["verdict"]
    return Verdict(word, (record.observation or {})["why"])
