"""Judging: the verdict on one change of ours, on a look of its own: at once on harm, else at the deadline."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audit.log import Entry
from audit.record import Record
from tools.cluster.rollout import RolloutProgress
from tools.cluster_types import Pod, Workload
from tools.errors import ArgumentsInvalid, NotFound, ToolError
from tools.path.alarms import alarms
from tools.path.change_look import ChangeLook
from tools.path.context import Context
from tools.path.effects import effects
from tools.path.expectation import came, missed
from tools.path.fast_burn import fast_burn_since
from tools.path.rollback import applied_end
from tools.path.verdict import Verdict, judge
from tools.path.verification import Promise, promise_of
from tools.path.vitals import Vitals, figures, images_of, vitals


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and the figures that it rests on, as a record holds them."""

    verdict: Verdict
    found: dict[str, Any]

    @property
    def missed(self) -> bool:
        """Whether it did less good than was promised."""
        return missed(self.found.get("expects") or {}, self.found.get("came") or {})


@dataclass(frozen=True, slots=True)
class Promised:
    """A change with what it promised, due at `due_ms` (Unix ms of the world)."""

    change: ChangeLook
    promise: Promise
    intent: Record
    due_ms: int

    @property
    def since_ms(self) -> int:
        """When the change was made."""
        return self.due_ms - self.promise.after_s * 1000

    def alarms(self, workload: Workload, pods: Sequence[Pod], now_ms: int) -> tuple[str, ...]:
        """What its pods show that does not wait for the deadline, whoever did it."""
        elapsed_s = max(1, (now_ms - self.since_ms) // 1000)
        return alarms(
            self.promise.before, vitals(workload, pods, min(elapsed_s, self.promise.after_s), now_ms, {})
        )

    def harm(self, workload: Workload, pods: Sequence[Pod], now_ms: int) -> tuple[str, ...]:
        """The same; nothing where another image or another writer may have done it."""
        found = self.alarms(workload, pods, now_ms)
        return found if found and self.alone(workload, pods) else ()

    def alone(self, workload: Workload, pods: Sequence[Pod]) -> bool:
        """Whether what is seen can be the change's doing: the fields and the images are as it left them."""
        superseded = self.change.progress(workload, pods).state == "superseded"
        return not superseded and images_of(workload) == self.promise.before.images


async def promised_by(context: Context, intent: Entry, due_ms: int) -> Promised:
    """The change behind an intent that owes a verdict. Raises ToolError where it owes none."""
    promise, end = promise_of(intent.record), await applied_end(context.journal, intent)
    if promise is None or end is None:
        what = "a verdict is owed on what promised none"
        raise ToolError(what, where=f"record {intent.seq}", hint="flyball audit verify")
    return Promised(ChangeLook(context, intent.record, end.after or {}), promise, intent.record, due_ms)


class Judging:
    """Reads the workload anew for each verdict. Raises what ClusterReader raises."""

    def __init__(self, context: Context) -> None:
        self._c = context

    async def at_once(self, one: Promised) -> Judgement | None:
        """The verdict before the deadline, which is `worse`; None where no harm shows."""
        try:
            seen = await one.change.read()
        except (NotFound, ArgumentsInvalid):
            return None
        if not (why := await self._harm(one, *seen)):
            return None
        now = await self._vitals(one, *seen, max(1, (self._c.now_ms() - one.since_ms) // 1000))
        told = {"before": one.promise.before.document, "now": now.document, "at_once": True}
        return Judgement(Verdict("worse", "; ".join(why)), told)

    async def at_deadline(self, one: Promised) -> Judgement:
        """The verdict that the deadline asks for."""
        found: dict[str, Any] = {"before": one.promise.before.document}
        try:
            seen = await one.change.read()
        except NotFound:
            return Judgement(Verdict("inconclusive", "it is not there any more"), found)
        except ArgumentsInvalid as e:
            return Judgement(Verdict("inconclusive", f"it is not what it was: {e.what}"), found)
        progress = one.change.progress(*seen)
        if progress.state == "superseded":
            return Judgement(Verdict("inconclusive", progress.detail), found)
        return await self._compared(one, await self._vitals(one, *seen, one.promise.after_s), progress, found)

    async def burns(self, one: Promised) -> str:
        """What burns its error budget since the change; empty where nothing does."""
        return await fast_burn_since(self._c.metrics, one.change.target, one.since_ms, self._c.now_ms())

    async def _harm(self, one: Promised, workload: Workload, pods: Sequence[Pod]) -> tuple[str, ...]:
        if (by_pods := one.harm(workload, pods, self._c.now_ms())) or not one.alone(workload, pods):
            return by_pods
        burns = await self.burns(one)
        return (burns,) if burns else ()

    async def _compared(
        self, one: Promised, now: Vitals, progress: RolloutProgress, found: dict[str, Any]
    ) -> Judgement:
        promise, target, source = one.promise, one.change.target, self._c.metrics
        moved = await effects(source, target, promise.metrics, one.since_ms, promise.after_s)
        verdict = judge(
            promise.before, now, progress, promise.metrics, one.since_ms, one.change.restarts, moved.known
        )
        told = {**found, "now": now.document, **moved.document}
        if expected := (one.intent.observation or {}).get("expects"):
            told["expects"] = expected
            told["came"] = await came(source, target, expected, one.since_ms, now.at_ms)
        return Judgement(verdict, told)

    async def _vitals(self, one: Promised, workload: Workload, pods: Sequence[Pod], window_s: int) -> Vitals:
        metrics = await figures(self._c, one.change.target, one.promise.metrics)
        return vitals(workload, pods, window_s, self._c.now_ms(), metrics)
